"""How many calls a window takes: told, learnt downwards from rejections, found again upwards by paid-for probes."""

from __future__ import annotations
import math

_PRICE = 0.013  # rejections that may be bought per accepted call
_STEP = 50  # the first step up is 1/50 of the cap
_PURSE = 3.0
_HURRY = 0.25
_DEBT = -1.0


class LearntCap:
    """The cap in force, never above `ceiling`.

    Attributes:
        value: how many calls may be in a window now; above `known` while a probe is on.
        known: the highest number that was not refused.
        ceiling: what was told; never exceeded.
    """

    __slots__ = ("_budget", "_hurry", "_probe", "_since", "_mark", "_step", "ceiling", "known", "value")

    def __init__(self, ceiling: int) -> None:
        self.ceiling = self.known = self.value = ceiling
        self._budget = 0.0
        self._step = 1
        self._hurry = 0.0
        self._since = self._mark = float("inf")
        self._probe = float("-inf")

    @property
    def probing(self) -> bool:
        """Whether more is being tried than is known to be allowed."""
        return self.value > self.known

    def earn(self) -> None:
        """An accepted call: it pays for a part of a rejection."""
        purse = max(_PURSE, 2 * self.known / _STEP)
        if self._budget < purse:
            self._budget += max(_PRICE, self._hurry / self.known)

    def filled(self, permit: float, per: float) -> None:
        if not self.probing:
            if self.known < self.ceiling and self._budget >= self._first_step():
                self._raise()
        elif self._since == math.inf:
            self._since = self._probe = permit
        elif self._mark == math.inf and permit >= self._since + per:
            self._mark = permit

    def held(self, permit: float) -> None:
        if self.probing and permit >= self._mark:
            self.known = self.value
            self._step = min(2 * self._step, max(8, self.known // 2))
            if self.known < self.ceiling:
                self._raise()

    def _raise(self):
        self._step = max(self._step, self._first_step())
        self.value = min(self.ceiling, self.known + self._step)
        self._since = self._mark = math.inf

    def refuse(self, permit: float, now: float, count: int) -> bool:
        """A rejection while `count` of ours may have been in the provider's window. True: a surprise, no probe's end."""
        paid = self._budget >= 1
        if self.probing or permit <= self._probe:
            self._budget = max(-2.0, self._budget - 1)
            if self.probing:
                self.value = max(self.known, min(self.value - 1, count))
                self._since = self._mark = math.inf
                self._step = 1
                self._probe = now
                self._hurry /= 2
            return False
        self._budget = max(min(self._budget, _DEBT), self._budget - 1)
        if not paid:
            self.value = self.known = max(1, min(self.known - 1, count))
            self._hurry = _HURRY
        return True

    def _first_step(self) -> int:
        return max(1, self.known // _STEP)
