"""The learnt limit: calls that a window takes, fewer after rejections, found again by probes that are paid for.

A rejection is information: at that moment the provider's window was full. Whether it is a wobble (a stranger's call, a
jitter) or a lower limit shows only in their number, so rejections have a budget, 1.4 % of what is accepted: one that it
pays for changes nothing; one that it does not lowers the limit by one, or to what was there, at most by half. What is
left of the budget buys probes: when the window is full, one call more is let out (1/50 of the limit, where that is
more). Refused, the limit stays. When the higher one was used up, stood, and was used up again, it is known, and the
next step follows at once, from the third on twice as large as the last. The first step must stand for some windows,
because a bucket lends what it saved; the next ones for one.

Measured at 20 a second over 60 to 100 seeds, sliding / fixed / bucket, used and rejected from ten windows after the
change, in percent (the last column: 10 s windows, 20 seeds, the worst of the three):

    given 20, allowed 10          98.3 1.6 / 98.8 1.6 / 99.8 1.4     99.8 1.7
    fallen from 20 to 10          98.4 1.7 / 99.0 1.6 / 100 1.3      99.8 1.7
    risen from 10, from 5 to 20   98.1, 96.2 / 98.2, 96.3 / 98.2, 96.5 and 0.0     99.7, 97.5 0.0
    a stranger has a half         95.9 1.7 / 98.5 1.8 / 99.9 1.7     98.2 1.5
    the stranger has gone         98 0.0                             99.7 0.0

These are means over the moment of the change too: calls under a learnt limit leave in bursts, so a stretch of 20
windows that begins with the run holds one burst more or less, 3 % (the stranger's, sliding: 92.5 to 97.8).
A stranger who waits for each answer costs a bucket 3.3 %. Retry-After in whole seconds is obeyed: at 1 s windows 2 %
less is used, and 3.1 % rejected where one shares a fixed window. Below 5 allowed calls a probe within ten windows is
more than 2 %. A stranger who calls at random leaves us 75 to 88 % and 2 to 7 %; a greedy one 15 to 65 % rejected.

What is possible: with the number known, no rejections and 98.3 %. Beside the stranger, who slips into each gap and
misses each slot for which he is early, a fixed 10 gives 91 %, of 12 94 % with 2 to 4 % rejected, of 15 96 % with
9 %: none gives both numbers for long. Ours holds them for the first minutes; after five, 92.5 % and 1.8 %.

Tried, and worse: believing a first step after one window (bucket: 2.8 % rejected); trying further steps while the first
stands, and going back to what is known (bucket: 2.2 %); raising as soon as a probe is accepted (what a bucket saved and
a fixed window's edge let one through: 4 to 9 %); tripling steps; lowering by more when in debt (used: 84 %); keeping
part of the budget for surprises, or a probe in the middle of the pause between two bursts (no change); no debt (every
change free: 2 to 5 %); a debt without an end (a risen limit is not found within 20 windows below 10 calls).
"""

from __future__ import annotations

import math

import msgspec

_PRICE = 0.014  # rejections earned per accepted call; below 2 %, for the surprises that no budget foresees
_PURSE = 3.0  # rejections that can be saved up, at limits up to 75
_DEBT = -2.0  # a change of the limit costs many at once, and must not forbid probing for long
_PATIENCE = 60  # calls after a rejection, at the full limit, after which a probe goes even in debt: below 2 % as well,
_SHORTEST, _LONGEST = 6.0, 10.5  # but within so many windows: a risen limit is found, whatever the limit
_STAND = 4  # windows for which a first step must stand; fewer below 12 calls, where a bucket saves less
_STEP = 50  # the first step is 1/50 of the limit
_LEAP = 8  # calls by which any limit may be raised at once


class LearntLimit(msgspec.Struct, array_like=True):
    """The limit in force, never above what was given; plain values, which can be kept in a storage.

    Attributes:
        ceiling: what was given; `value` never exceeds it.
        value: how many calls may be in a window now; above `known` while a probe is on.
        known: the highest number that is believed to be allowed.
        budget: rejections that may still be had.
        rises: probes in a row that stood.
        refused: when a call was last rejected.
        probed: when one was last rejected while probing.
        filled: the permit that used the probe up; infinite before.
        refilled: the permit that did so again, after it had stood.
    """

    ceiling: int
    value: int = 0
    known: int = 0
    budget: float = 1.0
    rises: int = 0
    refused: float = -math.inf
    probed: float = -math.inf
    filled: float = math.inf
    refilled: float = math.inf

    def __post_init__(self) -> None:
        if not self.known:
            self.known = self.value = self.ceiling

    def use_up(self, permit: float, per: float) -> None:
        """The window is full with the call of this permit: a probe may begin, or is under way."""
        if self.value == self.known:
            if self.known < self.ceiling and self._may_probe(permit, per):
                self._probe()
        elif self.filled == math.inf:
            self.filled = self.probed = permit
        elif self.refilled == math.inf and permit >= self.filled + self._stand() * per:
            self.refilled = permit

    def earn(self, calls: int = 1) -> None:
        """So many calls were not refused: the budget grows."""
        most = max(_PURSE, 2 * self.known / _STEP)
        if self.budget < most:
            self.budget = min(self.budget + calls * _PRICE, most + _PRICE)

    def confirm(self, permit: float) -> None:
        """The call of this permit was not refused: if it used a probe up again, that stood."""
        if permit >= self.refilled:
            self.known = self.value
            self.rises += 1
            self.refilled = math.inf
            if self.known < self.ceiling:
                self._probe()

    def reject(self, permit: float, now: float, count: int, *, again: bool = False) -> bool:
        """The call of this permit was refused while `count` of ours may have been in the provider's window.

        Args:
            permit: when it was granted.
            now: when it was refused.
            count: our calls.
            again: it was under way when another was refused, so it tells nothing new but that number.

        Returns:
            Whether that was a surprise; a probe's end is none.
        """
        paid = self.budget >= 1
        self.budget = max(_DEBT, self.budget - 1)
        self.refused = now
        self.rises = 0
        if self.value > self.known:
            self.value = max(self.known, min(self.value - 1, count))
            self.filled = self.refilled = math.inf
            self.probed = now
            return False
        if permit <= self.probed:  # sent along with a probe that has ended since
            return False
        if not paid:
            most = self.known if again else self.known - 1
            self.value = self.known = max(1, min(most, max(count, self.known // 2)))
        return True

    def _may_probe(self, now: float, per: float) -> bool:
        windows = min(_LONGEST, max(_SHORTEST, _PATIENCE / self.known))
        return self.budget >= self._first_step() or now > self.refused + windows * per

    def _probe(self) -> None:
        step = self._first_step() << max(0, self.rises - 1)
        self.value = min(self.ceiling, self.known + min(step, max(_LEAP, self.known // 2)))
        self.filled = self.refilled = math.inf

    def _stand(self) -> int:
        return 1 if self.rises else min(_STAND, 1 + self.known // 4)

    def _first_step(self) -> int:
        return max(1, self.known // _STEP)
