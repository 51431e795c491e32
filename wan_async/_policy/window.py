"""Which call may leave when, as pure arithmetic: times in, times out, in seconds of any clock that goes forward.

The provider counts arrivals, and nobody outside knows when a call arrived. But one answered at `r` did so before `r`
less the way back, so its slot is free again for a call that leaves a window after `r`, less the least round trip (see
`round_trip`). Stamped when it leaves instead, 20 % were rejected at 20 a second; stamped so, none.

- A permit is the time at which it was granted, made unique: it names its call, and orders it among the others.
- A call under way holds its slot. One that nobody ends, its caller killed, counts as answered `LATEST` seconds after it
  was granted: nothing waits for ever, and a call that slow has arrived long ago.
- What was told is a ceiling; below it the cap is learnt (see `cap`).
- A told 1000 may be 5 in truth, so 25 calls may be out before the first is accepted, and each accepted one lets four
  out in its place: 1000 are reached in three round trips, and a wrong one costs 25 rejections.
- A surprising rejection brakes everybody, once per flight, for 2 % of a window, and for twice as long when it follows
  another with none accepted between, up to 10 windows. After two, one call goes alone to see.
- Where our own calls fill the cap, that brake lasts until 0.075 windows after the oldest of them is free again, so that
  they gather into flocks: a stranger slips into the gap between the end of a slot at the provider and its next use, 2 %
  of a window of 1 s, and costs one of ours a rejection; the gaps of a flock coincide. Shared, a sliding window, used
  and rejected: 94.8 / 2.0 % without, 95.7 / 1.7 with; 0.05 to 0.15 differ little. Worse: the rejected call's slot held
  for a part of a window (2.3 %); calls let out in flocks always (a lone one waits); fewer at once (2.0 to 2.6 %).
- `Retry-After` brakes everybody until then.
- 1 ‰ of a window is kept back for clocks that count in milliseconds or run fast.
- The slots are counted anew when none seems free, else 100 times a window: at each call it would cost 1 µs.
"""

from __future__ import annotations

import math
from collections import deque
from typing import Final

from .cap import LearntCap
from .round_trip import RoundTrip
from .settings import RateLimit

LATEST: Final = 30.0
"""Seconds after which a call that nobody ended counts as answered."""

_FIRST = 25
_GROWTH = 4
_RESERVE = 1e-3
_BRAKE = 0.02
_DOUBLINGS = 9
_GATHER = 0.075
_COUNT_ANEW = 0.01


class Window:
    """The slots of one account.

    Args:
        limit: what was told.

    Attributes:
        per: the window's length in seconds.
        ceiling: calls in a window that are never exceeded: `n` times `share` of the limit. Where that is less than one,
            it is one in a longer window.
    """

    __slots__ = (
        "_brake", "_cap", "_due", "_free", "_held", "_last", "_leaving", "_now", "_order", "_out", "_strikes",
        "_struck", "_trips", "_trust", "ceiling", "per",
    )  # fmt: skip

    def __init__(self, limit: RateLimit) -> None:
        self._forget()
        self.tell(limit)

    def tell(self, limit: RateLimit) -> None:
        """Sets the limit, and drops what was learnt about the old one; the calls made so far go on counting."""
        calls = limit.n * limit.share + 1e-9
        self.per = limit.per if calls >= 1 else limit.per / calls
        self.ceiling = max(1, int(calls))
        self._cap = LearntCap(self.ceiling)
        self._trust = _FIRST
        self._trips = RoundTrip()
        self._brake = self._due = -math.inf

    @property
    def cap(self) -> int:
        """Calls that may be in a window now: told, learnt, or not yet dared."""
        return min(self._cap.value, self._trust)

    @property
    def used(self) -> int:
        """Slots in use: calls under way, and answered ones that still count."""
        return len(self._out) + len(self._held)

    def take(self, now: float) -> float | None:
        """A permit for a call that leaves now, or None: there is none before `opens_at(now)`."""
        if self._free < 1 or not self._now <= now < self._due:
            self._settle(now)
        self._now = now
        if self._free < 1 or now < self._brake or (self._strikes > 1 and self._testing()):
            return None
        permit = self._last = now if now > self._last else math.nextafter(self._last, math.inf)
        self._out[permit] = None
        self._order.append(permit)
        self._free -= 1
        if not self._free:
            self._settle(now)
            if not self._free:
                self._filled(permit)
        return permit

    def opens_at(self, now: float) -> float:
        """The time at which a permit can be had if nothing is answered before; at most `LATEST` after the last
        one was granted, or after the brake.
        """
        self._settle(now)
        if self._strikes > 1 and self._testing():
            return self._last + LATEST
        if self._free > 0:
            return max(now, self._brake)
        if -self._free < len(self._held):
            return max(self._held[-self._free] + self._reuse(), self._brake)
        return max(self._order[0] + LATEST, self._brake)

    def accepted(self, permit: float, now: float) -> None:
        """The call was answered, or its fate is unknown: it may have counted."""
        if self._end(permit, now):
            self._held.append(now)
            self._trips.add(now - permit, len(self._out) + 1)
            self._trust += _GROWTH - 1
            self._cap.accepted(permit)
            if permit > self._struck:
                self._strikes = 0

    def rejected(self, permit: float, now: float, retry_after: float | None = None) -> None:
        """The call was refused as too much, and did not count; all wait for `retry_after` seconds."""
        counts = self._end(permit, now)
        if retry_after is not None:  # of a call that nobody waited for any more, too
            self._brake = max(self._brake, now + retry_after)
        if not counts:
            return
        self._settle(now)
        count = len(self._out) + len(self._held) + len(self._leaving)
        if self._cap.rejected(permit, now, count) and permit > self._struck:
            self._strike(now)
        self._settle(now)

    def released(self, permit: float, now: float) -> None:
        """The call was certainly not sent: its slot is free again."""
        if self._end(permit, now):
            self._settle(now)

    def _end(self, permit: float, now: float) -> bool:
        """Takes the call off those under way; False where it is not, or no longer, one of them."""
        if now < self._now:
            self._forget()
        if permit not in self._out:
            return False
        del self._out[permit]
        return True

    def _strike(self, now: float) -> None:
        self._brake = max(self._brake, now + _BRAKE * self.per * 2**self._strikes)
        if self._held and self._free <= 1:  # the rejected call's own slot is the only free one
            self._brake = max(self._brake, self._held[0] + self._reuse() + _GATHER * self.per)
        self._strikes = min(self._strikes + 1, _DOUBLINGS)
        self._struck = now

    def _testing(self) -> bool:
        """Whether the one call that goes alone after two strikes is under way."""
        return self._last > self._struck and self._last in self._out

    def _filled(self, permit: float) -> None:
        if not self._strikes and self._trust >= self._cap.value:
            before = self._cap.value
            self._cap.filled(permit, self.per)
            self._free += self._cap.value - before

    def _reuse(self) -> float:
        """Seconds from an answer until its slot is free again."""
        return self.per * (1 + _RESERVE) - self._trips.lead

    def _settle(self, now: float) -> None:
        """Brings the slots up to this moment; until that is due again, there are at least as many as it counts."""
        if now < self._now:  # another event loop's clock, started anew: the old stamps mean nothing
            self._forget()
        self._now = now
        self._give_up(now)
        held, leaving, reuse = self._held, self._leaving, self._reuse()
        while held and held[0] + reuse <= now:
            leaving.append(held.popleft())
        while leaving and leaving[0] + self.per <= now:
            leaving.popleft()
        self._free = self.cap - self.used
        self._due = now + self.per * _COUNT_ANEW

    def _give_up(self, now: float) -> None:
        out, order = self._out, self._order
        while order and (order[0] not in out or order[0] + LATEST <= now):
            permit = order.popleft()
            if permit in out:
                del out[permit]
                self._held.append(now)

    def _forget(self) -> None:
        self._now = self._due = self._brake = self._last = self._struck = -math.inf
        self._free = self._strikes = 0
        self._out: dict[float, None] = {}  # under way
        self._order: deque[float] = deque()  # the same, oldest first, and some that have ended
        self._held: deque[float] = deque()  # when they were answered: those whose slot is not free again
        self._leaving: deque[float] = deque()  # those whose slot is, though the provider may still count them
