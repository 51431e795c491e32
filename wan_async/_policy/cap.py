"""How many calls a window takes: told, learnt downwards from rejections, found again upwards by probes paid for.

A rejection is information: at that moment the provider's window was full. Whether it is a wobble (a stranger's call, a
jitter) or a lower limit shows only in their number, so rejections have a budget, 1.4 % of what is accepted: one that it
pays for changes nothing; one that it does not lowers the cap by one, or to what was there, at most by half. What is
left of the budget buys probes: when the window is full, one call more is let out (1/50 of the cap, where that is more).
Refused, the cap stays. When the higher cap was used up, stood for a window, and was used up again, it is known, and the
next step follows at once, from the third on twice as large as the last.

Measured at 20 a second over 10 seeds, at a sliding window, a fixed one and a bucket, used and rejected, from ten
windows after the change: told 20, allowed 10: 99 to 101 %, 1.7 to 2.8 %; fallen to a half: 95 to 98 %, 1.5 to 2.6 %;
risen from 5 to 20: 98 %; shared with a stranger who takes a half, over the whole run: 96 to 98 %, 0.8 to 1.3 %. The
higher rejections are the bucket's, which lends what it saved. Retry-After in whole seconds costs up to 4 % more at 1 s.

Tried, and worse: raising as soon as a probe is accepted (what a bucket saved and a fixed window's edge let one through:
4 to 9 % rejected); tripling steps; no debt (every change free: 2 to 5 % rejected); a debt without an end (a risen limit
is not found within 20 windows below 10 calls).
"""

from __future__ import annotations

import math

_PRICE = 0.014  # rejections earned per accepted call; below 2 %, for the surprises that no budget foresees
_PURSE = 3.0  # rejections that can be saved up, at caps up to 75
_DEBT = -2.0  # a change of the limit costs many at once, and must not forbid probing for long
_PATIENCE = 60  # calls after a rejection, at the full cap, after which a probe goes even in debt: below 2 % as well,
_SHORTEST, _LONGEST = 6.0, 10.0  # but within so many windows: a risen limit is found, whatever the cap
_STEP = 50  # the first step is 1/50 of the cap
_LEAP = 8  # calls by which any cap may be raised at once


class LearntCap:
    """The cap in force, never above what was told.

    Args:
        ceiling: what was told.

    Attributes:
        value: how many calls may be in a window now; above `known` while a probe is on.
        known: the highest number that is believed to be allowed.
        ceiling: what was told; `value` never exceeds it.
    """

    __slots__ = ("_budget", "_filled", "_probed", "_refilled", "_refused", "_rises", "ceiling", "known", "value")

    def __init__(self, ceiling: int) -> None:
        self.ceiling = self.known = self.value = ceiling
        self._budget = 1.0
        self._rises = 0  # probes in a row that stood
        self._refused = self._probed = -math.inf  # when it was last rejected, and when last while probing
        self._filled = self._refilled = math.inf  # the permit that used the probe up, and the one that did so again

    def filled(self, permit: float, per: float) -> None:
        """The window is full with the call of this permit: a probe may begin, or is under way."""
        if self.value == self.known:
            if self.known < self.ceiling and self._may_probe(permit, per):
                self._probe()
        elif self._filled == math.inf:
            self._filled = self._probed = permit
        elif self._refilled == math.inf and permit >= self._filled + per:
            self._refilled = permit

    def accepted(self, permit: float) -> None:
        """The call of this permit was accepted."""
        if self._budget < max(_PURSE, 2 * self.known / _STEP):
            self._budget += _PRICE
        if permit >= self._refilled:
            self.known = self.value
            self._rises += 1
            self._refilled = math.inf
            if self.known < self.ceiling:
                self._probe()

    def rejected(self, permit: float, now: float, count: int) -> bool:
        """The call of this permit was refused while `count` of ours may have been in the provider's window.

        Returns:
            Whether that was a surprise; a probe's end is none.
        """
        paid = self._budget >= 1
        self._budget = max(_DEBT, self._budget - 1)
        self._refused = now
        self._rises = 0
        if self.value > self.known:
            self.value = max(self.known, min(self.value - 1, count))
            self._filled = self._refilled = math.inf
            self._probed = now
            return False
        if permit <= self._probed:  # sent along with a probe that has ended since
            return False
        if not paid:
            self.value = self.known = max(1, min(self.known - 1, max(count, self.known // 2)))
        return True

    def _may_probe(self, now: float, per: float) -> bool:
        windows = min(_LONGEST, max(_SHORTEST, _PATIENCE / self.known))
        return self._budget >= self._first_step() or now > self._refused + windows * per

    def _probe(self) -> None:
        step = self._first_step() << max(0, self._rises - 1)
        self.value = min(self.ceiling, self.known + min(step, max(_LEAP, self.known // 2)))
        self._filled = self._refilled = math.inf

    def _first_step(self) -> int:
        return max(1, self.known // _STEP)
