"""Lessons of rejections: the limit in force, and how long nobody goes after one. A storage keeps it as a text.

A rejection that is a surprise brakes everybody, for longer when it follows another with none accepted between; after
two, one call goes alone to see. The rules and what they were measured against stand in `window` and `learnt_limit`.
"""

from __future__ import annotations

import math
from base64 import b64decode, b64encode
from typing import Final

import msgspec

from .learnt_limit import LearntLimit
from .settings import RateLimit

BRAKE: Final = 0.02
"""The part of a window for which the first surprising rejection brakes everybody."""
_DOUBLINGS = 9
_GATHER = 0.075


class Lessons(msgspec.Struct, array_like=True):
    """Knowledge of a limit: plain values, which can be kept in a storage.

    Attributes:
        limit: what was given.
        per: the window's length in seconds.
        learnt: what the provider takes of it.
        strikes: surprising rejections with nothing accepted between.
        struck: when the last one was.
        throttled: rejections so far.
        total: calls that counted when the budget of `learnt` was last brought up to them, in a shared window.
        lead: how long before its answer plus a window a slot may be used again, in seconds, in a shared window.
    """

    limit: RateLimit
    per: float = 0.0
    learnt: LearntLimit = msgspec.field(default_factory=lambda: LearntLimit(1))
    strikes: int = 0
    struck: float = -math.inf
    throttled: int = 0
    total: int = 0
    lead: float = 0.0

    def __post_init__(self) -> None:
        if not self.per:
            calls = self.limit.n * self.limit.share + 1e-9
            self.per = self.limit.per if calls >= 1 else self.limit.per / calls
            self.learnt = LearntLimit(max(1, int(calls)))

    @property
    def alone(self) -> bool:
        """True if one call goes alone to try: the one granted after `struck`."""
        return self.strikes > 1

    def earn(self, total: int) -> None:
        """Take `total` calls as counted since the limit was given."""
        self.learnt.earn(max(0, total - self.total))
        self.total = total

    def copy(self) -> Lessons:
        """The same, to be changed."""
        return _decoder.decode(_encode(self))

    def confirm(self, permit: float) -> None:
        """The call of this permit was not refused."""
        self.learnt.confirm(permit)
        if permit > self.struck:
            self.strikes = 0

    def fill(self, permit: float) -> None:
        """The window is full with the call of this permit."""
        if not self.strikes:
            self.learnt.use_up(permit, self.per)

    def reject(self, permit: float, now: float, count: int, oldest: float | None) -> float:
        """The call of this permit was refused while `count` of ours may have been in the provider's window.

        Args:
            permit: when it was granted.
            now: when it was refused.
            count: our calls.
            oldest: when the oldest slot is free again, if our calls fill the window; then they gather behind it.

        Returns:
            The time before which nobody goes.
        """
        self.throttled += 1
        again = permit <= self.struck
        if not self.learnt.reject(permit, now, count, again=again) or again:
            return -math.inf
        brake = now + BRAKE * self.per * 2**self.strikes
        if oldest is not None:
            brake = max(brake, oldest + _GATHER * self.per)
        self.strikes = min(self.strikes + 1, _DOUBLINGS)
        self.struck = now
        return brake

    def to_text(self) -> str:
        """As a storage keeps it."""
        return b64encode(_encode(self)).decode()

    @classmethod
    def from_text(cls, text: str) -> Lessons:
        """The inverse of `to_text`."""
        return _decoder.decode(b64decode(text))


_encode = msgspec.msgpack.Encoder().encode
_decoder = msgspec.msgpack.Decoder(Lessons)
