"""The window of a limit, as pure arithmetic: times in, times out, in seconds of any clock that goes forward.

The provider counts arrivals, and nobody outside knows when a call arrived. But one answered at `r` did so before `r`
less the way back, so its slot is free again for a call that leaves a window after `r`, less the least round trip (see
`round_trip`). Stamped when it leaves instead, 20 % were rejected at 20 a second; stamped so, none.

- A permit is the time at which it was granted, made unique: it names its call, and orders it among the others.
- A call under way holds its slot. One that nobody ends, its caller killed, counts as answered `LATEST` seconds after it
  was granted: nothing waits for ever, and a call that slow has arrived long ago.
- What was given is a ceiling; below it the limit is learnt (see `learnt_limit`).
- A given 1000 may be 5 in truth, so 25 calls may be out before the first is accepted, and each accepted one lets four
  out in its place: 1000 are reached in three round trips, and a wrong one costs 25 rejections.
- A surprising rejection brakes everybody, once per flight, for 2 % of a window, and for twice as long when it follows
  another with none accepted between, up to 10 windows. After two, one call goes alone to see.
- Where our own calls fill the window, that brake lasts until 0.075 windows after the oldest of them is free again, so
  that they gather into bursts: a stranger slips into the gap between the end of a slot at the provider and its next
  use, 2 % of a window of 1 s, and costs one of ours a rejection; the gaps of a burst coincide. Shared, a sliding
  window, used and rejected: 94.8 / 2.0 % without, 95.7 / 1.7 with; 0.05 to 0.15 differ little. Worse: the rejected
  call's slot held for a part of a window (2.3 %); calls let out in bursts always (a lone one waits); fewer at once
  (2.0 to 2.6 %).
- `Retry-After` brakes everybody until then.
- 1 ‰ of a window is kept back for clocks that count in milliseconds or run fast.
- The slots are counted anew when none seems free, else 100 times a window: at each call it would cost 1 µs.
"""

from __future__ import annotations

import math
from bisect import insort
from collections.abc import Iterable
from typing import Final

from .lessons import Lessons
from .round_trip import RoundTrip
from .settings import RateLimit

LATEST: Final = 30.0
"""Seconds after which a call that nobody ended counts as answered."""
FIRST: Final = 25
"""Calls that may be out of a large limit before the first is answered."""
GROWTH: Final = 3
"""And for each that was answered so many more."""
RESERVE: Final = 1e-3
"""The part of a window that is kept back."""

_COUNT_ANEW = 0.01


class Window:
    """The slots of one account.

    Args:
        limit: what was given.

    Attributes:
        lessons: what was given, and what the provider takes of it.
    """

    __slots__ = (
        "_brake", "_due", "_free", "_held", "_last", "_leaving", "_now", "_out", "_trips", "_trust", "lessons",
    )  # fmt: skip

    def __init__(self, limit: RateLimit) -> None:
        self._out: dict[float, None] = {}  # the permits of the calls under way, oldest first
        self._held: list[float] = []  # when those were answered whose slot is not free again, in order
        self._leaving: list[float] = []  # when those were whose slot is, though the provider may still count them
        self.set_limit(limit)
        self.forget()

    def set_limit(self, limit: RateLimit) -> None:
        """Set the limit, and drop what was learnt about the old one; the calls made so far go on counting."""
        self.lessons = Lessons(limit)
        self._trust = FIRST
        self._trips = RoundTrip()
        self._brake = self._due = -math.inf  # nobody goes before; the slots are counted anew then

    @property
    def slots(self) -> int:
        """Calls that may be in a window now: given, learnt, or not yet dared."""
        return min(self.lessons.learnt.value, self._trust)

    @property
    def used(self) -> int:
        """Slots in use: calls under way, and answered ones that still count."""
        return len(self._out) + len(self._held)

    def take(self, now: float) -> float | None:
        """A permit for a call that leaves now, or None: there is none before `opens_at(now)`."""
        if self._free < 1 or not self._now <= now < self._due:
            now = self.settle(now)
        self._now = now
        if self._free < 1 or now < self._brake or (self.lessons.alone and self._testing()):
            return None
        permit = self._last = now if now > self._last else math.nextafter(self._last, math.inf)
        self._out[permit] = None
        self._free -= 1
        if not self._free:
            self.settle(now)
            if not self._free:
                self._filled(permit)
        return permit

    def opens_at(self, now: float) -> float:
        """The time at which a permit can be had if nothing is answered before; at most `LATEST` after the last
        one was granted, or after the brake.
        """
        now = self.settle(now)
        if self.lessons.alone and self._testing():
            return self._last + LATEST
        if self._free > 0:
            return max(now, self._brake)
        if -self._free < len(self._held):
            return max(self._held[-self._free] + self._reuse(), self._brake)
        oldest = next(iter(self._out), now)
        return max(oldest + LATEST, self._brake)

    def counted(self, permit: float, now: float) -> None:
        """The call was answered and not refused as too much, or its fate is unknown: it may have counted."""
        if self._end(permit):
            self._hold(now)
            self._trips.add(now - permit, len(self._out) + 1)
            self._trust += GROWTH
            lessons = self.lessons
            lessons.learnt.earn()
            if lessons.strikes or permit >= lessons.learnt.refilled:  # else there is nothing to confirm
                lessons.confirm(permit)

    def rejected(self, permit: float, now: float, retry_after: float | None = None) -> None:
        """The call was refused as too much, and did not count; all wait for `retry_after` seconds."""
        if retry_after is not None:  # of a call that nobody waited for any more, too
            self._brake = max(self._brake, now + retry_after)
        if not self._end(permit):
            return
        self.settle(now)
        count = len(self._out) + len(self._held) + len(self._leaving)
        full = self._held and self._free <= 1  # the rejected call's own slot is the only free one
        oldest = self._held[0] + self._reuse() if full else None
        self._brake = max(self._brake, self.lessons.reject(permit, now, count, oldest))
        self.settle(now)

    def released(self, permit: float, now: float) -> None:
        """The call was certainly not sent: its slot is free again."""
        if self._end(permit):
            self.settle(now)

    def remember(self, answered: Iterable[float]) -> None:
        """Count calls that were answered at these times, and that this window did not let out."""
        for at in answered:
            self._hold(at)
        self._due = -math.inf

    def forget(self) -> None:
        """Begins with an empty window, on another clock; the limit and what was learnt of it stay."""
        self._now = self._due = self._brake = self._last = self.lessons.struck = -math.inf
        self._free = self.lessons.strikes = 0
        self._out.clear()
        self._held.clear()
        self._leaving.clear()

    def settle(self, now: float) -> float:
        """Bring the slots up to this moment, or to the last one if this is said to be earlier; gives the moment.

        Until that is due again, there are at least as many as it counts.
        """
        if now < self._now - LATEST:  # a clock that started anew: the old stamps mean nothing
            self.forget()
        now = self._now = max(now, self._now)
        self._give_up(now)
        held, leaving, reuse = self._held, self._leaving, self._reuse()
        if held and held[0] + reuse <= now:
            leaving += _taken_until(held, now, reuse)
        if leaving and leaving[0] + self.lessons.per <= now:
            _taken_until(leaving, now, self.lessons.per)
        self._free = self.slots - self.used
        self._due = now + self.lessons.per * _COUNT_ANEW
        return now

    def free_again(self, now: float, hold: float) -> list[float]:
        """The times when the slots in use are free again, those of calls under way after `hold` seconds."""
        return [at + self._reuse() for at in self._held] + [now + hold] * len(self._out)

    def brake(self, now: float) -> float:
        """Seconds for which nobody goes."""
        return max(0.0, self._brake - now)

    def _end(self, permit: float) -> bool:
        """Take the call off those under way; False where it is not, or no longer, one of them."""
        if permit not in self._out:
            return False
        del self._out[permit]
        return True

    def _hold(self, answered: float) -> None:
        held = self._held
        if held and held[-1] > answered:  # noted late, or by another thread, whose clock was read before
            insort(held, answered)
        else:
            held.append(answered)

    def _testing(self) -> bool:
        """Whether the one call that goes alone after two strikes is under way."""
        return self._last > self.lessons.struck and self._last in self._out

    def _filled(self, permit: float) -> None:
        learnt = self.lessons.learnt
        if self._trust >= learnt.value:
            before = learnt.value
            self.lessons.fill(permit)
            self._free += learnt.value - before

    def _reuse(self) -> float:
        """Seconds from an answer until its slot is free again."""
        return self.lessons.per * (1 + RESERVE) - self._trips.lead

    def _give_up(self, now: float) -> None:
        while (oldest := next(iter(self._out), now)) + LATEST <= now:
            del self._out[oldest]
            self._hold(now)


def _taken_until(stamps: list[float], now: float, age: float) -> list[float]:
    """Take those off the front that are so old."""
    count = 1
    while count < len(stamps) and stamps[count] + age <= now:
        count += 1
    taken = stamps[:count]
    del stamps[:count]
    return taken
