"""Entries by time, cheap for a million: those of the present page in a heap, later ones in a list per page.

An entry that is moved or dropped keeps its old place, which counts for nothing once `entry.due` says otherwise: it
goes when it comes up, or when most places are such.
"""

from __future__ import annotations

import math
from heapq import heapify, heappop, heappush
from typing import Generic, Protocol, TypeVar

_PAGES = 16
"""Pages a second: with a million entries due within a minute about 1000 are in the heap."""

_OUTDATED = 1000
"""Outdated places that may be kept, however few entries there are."""


class Dated(Protocol):
    """What has a time, which changes when it is moved."""

    due: float


D = TypeVar("D", bound=Dated)


class Diary(Generic[D]):
    """Entries by their `due`, in seconds of any clock; finite times are kept, infinite ones never come up."""

    def __init__(self) -> None:
        self._near: list[tuple[float, int, D]] = []
        self._until = -math.inf
        self._far: dict[int, list[D]] = {}
        self._numbers: list[int] = []
        self._serial = 0
        self._size = 0
        self._outdated = 0

    def __len__(self) -> int:
        """Places in use, outdated ones too."""
        return self._size

    def add(self, entry: D) -> None:
        """Note an entry, or one that moved, at its `due`."""
        due = entry.due
        if due == math.inf:
            return
        self._size += 1
        if due < self._until:
            self._add_near(entry)
            return
        number = math.floor(due * _PAGES)
        page = self._far.get(number)
        if page is None:
            self._far[number] = [entry]
            heappush(self._numbers, number)
        else:
            page.append(entry)

    def next_due(self) -> float | None:
        """A time before which nothing comes up; None if nothing is noted."""
        if self._near:
            return self._near[0][0]
        return self._numbers[0] / _PAGES if self._numbers else None

    def pop(self, now: float) -> D | None:
        """The earliest entry that is due now, or None."""
        while True:
            while self._numbers and self._numbers[0] <= now * _PAGES:
                self._open(heappop(self._numbers))
            if not self._near or self._near[0][0] > now:
                return None
            due, _, entry = heappop(self._near)
            self._size -= 1
            if entry.due == due:
                return entry
            self._outdated = max(self._outdated - 1, 0)

    def outdate(self) -> None:
        """One more place counts for nothing."""
        self._outdated += 1
        if self._outdated > max(_OUTDATED, self._size / 2):
            self._tidy()

    def clear(self) -> None:
        """Forget all."""
        self._near.clear()
        self._far.clear()
        self._numbers.clear()
        self._until = -math.inf
        self._size = self._outdated = 0

    def _open(self, number: int) -> None:
        """Put the entries of a page that has begun in order."""
        self._until = (number + 1) / _PAGES
        page = self._far.pop(number)
        self._size -= len(page)
        for entry in page:
            if number <= entry.due * _PAGES < number + 1:
                self._size += 1
                self._add_near(entry)

    def _add_near(self, entry: D) -> None:
        self._serial += 1
        heappush(self._near, (entry.due, self._serial, entry))

    def _tidy(self) -> None:
        self._near = [place for place in self._near if place[2].due == place[0]]
        heapify(self._near)
        for number, page in tuple(self._far.items()):
            page[:] = [entry for entry in page if number <= entry.due * _PAGES < number + 1]
            if not page:
                del self._far[number]
        self._numbers = sorted(self._far)
        self._size = len(self._near) + sum(map(len, self._far.values()))
        self._outdated = 0
