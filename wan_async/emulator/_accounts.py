"""An account: what the provider keeps per key.

Its count of calls is the other side of the limit, written on its own so that a fault in the library's limiter cannot
hide in it.
"""

from __future__ import annotations

from collections import deque

import msgspec

from .._policy.settings import RateLimit
from ._calls import Refusal

_NO_CREDITS = "The current credits are insufficient. Please top up."


class SlidingWindow:
    """At most N calls in any `per` seconds: one that is rejected is neither queued nor counted."""

    def __init__(self) -> None:
        self._stamps: deque[float] = deque()

    def has_room(self, now: float, limit: RateLimit | None) -> bool:
        """True if a call at `now` (seconds) would be accepted. The window is (now - per, now]."""
        if limit is None:
            return True
        stamps = self._stamps
        while stamps and stamps[0] <= now - limit.per:
            stamps.popleft()
        return len(stamps) < limit.n

    def add(self, now: float) -> None:
        """Count a call that was accepted at `now`."""
        self._stamps.append(now)


class Account(msgspec.Struct, eq=False):
    """One key's account: its credits and its two windows.

    Attributes:
        credits: what is left.
        submissions: the window of new tasks.
        queries: the window of recordInfo calls.
    """

    credits: float
    submissions: SlidingWindow = msgspec.field(default_factory=SlidingWindow)
    queries: SlidingWindow = msgspec.field(default_factory=SlidingWindow)

    def charge(self, price: float) -> None:
        """Take `price` credits.

        Raises:
            Refusal: 402, there are fewer left.
        """
        if price > self.credits:
            raise Refusal(402, _NO_CREDITS)
        self.credits -= price
