"""A sliding window of calls, as pure arithmetic: times in, times out, in seconds of any clock that only goes forward."""

from __future__ import annotations

import math
from collections import OrderedDict, deque

from .cap import LearntCap
from .round_trip import RoundTrip
from .settings import RateLimit

_LATEST = 30.0  # seconds after which a call still unanswered has arrived, or never will
_FIRST = 25  # calls that may be out before the first answer
_GROWTH = 4
_CONNECTIONS = 64  # first samples that may contain the set-up of a connection
_GUARD = 1e-3
_BRAKE = 0.02
_LONGEST_BRAKE = 8.0


class Window:
    """Which call may leave when, so that the provider never sees more than its limit in any window.

    Each permit, a time that is also its name, is ended by one of `accepted`, `rejected` and `released`; one that never
    is counts as answered 30 s after it was given.
    """

    __slots__ = (
        "_brake", "_cap", "_held", "_last", "_leaving", "_now", "_out", "_strikes", "_struck", "_trial", "_trips",
        "_trust", "per",
    )  # fmt: skip

    def __init__(self, limit: RateLimit) -> None:
        self.tell(limit)
        self.forget()

    def tell(self, limit: RateLimit) -> None:
        """Sets the limit, and drops what was learnt about the old one."""
        calls = limit.n * limit.share + 1e-9
        self.per = limit.per if calls >= 1 else limit.per / calls
        self._cap = LearntCap(max(1, int(calls)))
        self._trust = _FIRST
        self._trips = RoundTrip(skip=min(self._cap.ceiling, _CONNECTIONS))

    def forget(self) -> None:
        """Drops all stamps: the clock they were read from is no longer in use."""
        self._now = self._brake = self._last = self._struck = -math.inf
        self._strikes = 0
        self._out: OrderedDict[float, None] = OrderedDict()
        self._held: deque[float] = deque()
        self._leaving: deque[float] = deque()

    @property
    def cap(self) -> int:
        """Calls that may be in a window now."""
        return self._cap.value

    @property
    def used(self) -> int:
        """Slots in use."""
        return len(self._held) + len(self._out)

    def take(self, now: float) -> float | None:
        """A permit to send now, or None: not before `opens_at(now)`."""
        self._settle(now)
        used = len(self._held) + len(self._out)
        if used >= self._cap.value or used >= self._trust or now < self._brake or self._testing():
            return None
        permit = self._last = now if now > self._last else math.nextafter(self._last, math.inf)
        self._out[permit] = None
        if used + 1 >= self._cap.value:
            self._strikes or self._cap.filled(permit, self.per)
        return permit

    def opens_at(self, now: float) -> float:
        """When the next permit can be had, if no answer comes before."""
        self._settle(now)
        if self._testing():
            return self._last + _LATEST
        missing = self.used - min(self._cap.value, self._trust)
        if missing < 0:
            return max(now, self._brake)
        if missing < len(self._held):
            return max(self._held[missing] + self._reuse(), self._brake)
        return max(next(iter(self._out)) + _LATEST, self._brake)

    def accepted(self, permit: float, now: float) -> None:
        """Answered, or its fate is unknown: it may have counted."""
        self._settle(now)
        if permit not in self._out:
            return
        del self._out[permit]
        self._held.append(now)
        self._trips.add(now - permit)
        self._trust += _GROWTH - 1
        self._cap.earn()
        if permit > self._struck:
            self._strikes = 0
        self._cap.held(permit)

    def rejected(self, permit: float, now: float, retry_after: float | None = None) -> None:
        """Refused as too much: it did not count."""
        self._settle(now)
        if permit not in self._out:
            return
        del self._out[permit]
        surprise = self._cap.refuse(permit, now, len(self._held) + len(self._leaving) + len(self._out))
        if retry_after is not None:
            self._brake = max(self._brake, now + retry_after)
        if surprise and permit > self._struck:
            self._strike(now)

    def released(self, permit: float, now: float) -> None:
        """Certainly not sent: the slot is free again."""
        self._settle(now)
        self._out.pop(permit, None)

    def _strike(self, now: float) -> None:
        pause = min(_BRAKE * 2**self._strikes, _LONGEST_BRAKE) * self.per
        self._strikes += 1
        self._struck = now
        self._brake = max(self._brake, now + pause)

    def _testing(self) -> bool:
        """After two refusals in a row one call goes alone."""
        return self._strikes > 1 and self._last > self._struck and self._last in self._out

    def _reuse(self) -> float:
        """Seconds from an answer until its slot is free again."""
        return self.per * (1 + _GUARD) - self._trips.lead

    def _oldest(self) -> float:
        return next(iter(self._out), math.inf)

    def _settle(self, now: float) -> None:
        if now < self._now:
            self.forget()
        self._now = now
        while self._out and self._oldest() + _LATEST <= now:
            del self._out[self._oldest()]
            self._held.append(now)
        held, leaving = self._held, self._leaving
        while held and held[0] + self._reuse() <= now:
            leaving.append(held.popleft())
        while leaving and leaving[0] + self.per <= now:
            leaving.popleft()
