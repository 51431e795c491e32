"""Entries by time, cheap for a million: those of the present page in order, later ones in a list per page.

An entry that is moved or dropped keeps its old place, which counts for nothing once `entry.due` says otherwise: it
goes when it comes up, or when most places are such.
"""

from __future__ import annotations

import math
from heapq import heappop, heappush
from itertools import compress
from operator import attrgetter
from typing import Generic, Protocol, TypeVar

_PAGES = 16
"""Pages a second: with a million entries due within a minute about 1000 are on each."""

_OUTDATED = 1000
"""Outdated places that may be kept, however few entries there are."""

_DUE = attrgetter("due")


class Dated(Protocol):
    """What has a time, which changes when it is moved."""

    due: float


D = TypeVar("D", bound=Dated)


class Diary(Generic[D]):
    """Entries by their `due`, in seconds of any clock; finite times are kept, infinite ones never come up.

    Attributes:
        soonest: a time before which nothing comes up; infinite if nothing is noted.
    """

    __slots__ = (
        "_far",
        "_far_size",
        "_in_order",
        "_near",
        "_near_dues",
        "_next_page",
        "_numbers",
        "_outdated",
        "_until",
        "soonest",
    )

    def __init__(self) -> None:
        self.soonest = math.inf
        self._near: list[D] = []  # the latest first
        self._near_dues: list[float] = []  # … when they were noted for: no tuples, which the garbage collector visits
        self._in_order = True
        self._until = -math.inf
        self._far: dict[float, list[D]] = {}
        self._far_size = 0
        self._numbers: list[float] = []
        self._next_page = math.inf
        self._outdated = 0

    def __len__(self) -> int:
        """Places in use, outdated ones too."""
        return self._far_size + len(self._near)

    def add(self, entry: D) -> None:
        """Note an entry, or one that moved, at its `due`."""
        due = entry.due
        if due == math.inf:
            return
        if due < self._until:
            self.soonest = min(self.soonest, due)
            self._near.append(entry)
            self._near_dues.append(due)
            self._in_order = False
            return
        self._far_size += 1
        number = due * _PAGES // 1
        page = self._far.get(number)
        if page is None:
            self._far[number] = [entry]
            heappush(self._numbers, number)
            self._next_page = self._numbers[0] / _PAGES
            self.soonest = min(self.soonest, self._next_page)
        else:
            page.append(entry)

    def next_due(self) -> float | None:
        """A time before which nothing comes up; None if nothing is noted."""
        return None if self.soonest == math.inf else self.soonest

    def pop(self, now: float) -> D | None:
        """The earliest entry that is due now, or None."""
        near, dues = self._near, self._near_dues
        while self.soonest <= now:
            if now >= self._next_page or not self._in_order:
                self._open(now)
            if not near or dues[-1] > now:
                self.soonest = dues[-1] if near else self._next_page
                return None
            due, entry = dues.pop(), near.pop()
            self.soonest = dues[-1] if near else self._next_page
            if entry.due == due:
                return entry
            self._outdated = max(self._outdated - 1, 0)
        return None

    def outdate(self) -> None:
        """One more place counts for nothing."""
        self._outdated += 1
        if self._outdated > max(_OUTDATED, len(self) / 2):
            self._tidy()

    def clear(self) -> None:
        """Forget all."""
        self._near.clear()
        self._near_dues.clear()
        self._far.clear()
        self._numbers.clear()
        self._until = -math.inf
        self.soonest = self._next_page = math.inf
        self._far_size = self._outdated = 0

    def _open(self, now: float) -> None:
        """Have the entries of all pages that have begun in order."""
        self._tidy_near()
        while now >= self._next_page:
            number = heappop(self._numbers)
            self._next_page = self._numbers[0] / _PAGES if self._numbers else math.inf
            self._until = (number + 1) / _PAGES
            page = self._far.pop(number)
            self._far_size -= len(page)
            self._near += _those_on(number, page)
        self._near.sort(key=_DUE, reverse=True)
        self._near_dues[:] = map(_DUE, self._near)
        self._in_order = True

    def _tidy(self) -> None:
        self._tidy_near()
        for number, page in tuple(self._far.items()):
            page[:] = _those_on(number, page)
            if not page:
                del self._far[number]
        self._numbers = sorted(self._far)
        self._next_page = self._numbers[0] / _PAGES if self._numbers else math.inf
        self._far_size = sum(map(len, self._far.values()))
        self._outdated = 0

    def _tidy_near(self) -> None:
        still = [entry.due == due for entry, due in zip(self._near, self._near_dues, strict=True)]
        self._near[:] = compress(self._near, still)
        self._near_dues[:] = compress(self._near_dues, still)


def _those_on(number: float, page: list[D]) -> list[D]:
    """The entries that are still on the page of this number."""
    return [entry for entry in page if number <= entry.due * _PAGES < number + 1]
