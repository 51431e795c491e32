"""How far a batch is: counts, rate and time left, as values."""

from __future__ import annotations

import math
from collections import deque

import msgspec

from .._batch import BatchStats

_WINDOW = 60.0
"""Seconds that the rate looks back: long enough to be calm, short enough to tell of a brake."""


class View(msgspec.Struct, frozen=True):
    """What a display shows of a batch at one moment.

    Attributes:
        total: items to be delivered.
        stats: the run's counts.
        replayed: items that earlier runs finished.
        rate: items finished per second.
        left: seconds until all are finished, None where that is open.
    """

    total: int
    stats: BatchStats
    replayed: int = 0
    rate: float = 0.0
    left: float | None = None

    @property
    def finished(self) -> int:
        """Items that have an outcome."""
        return self.replayed + ended_in(self.stats)

    def counts(self) -> str:
        """The counts in words, for a line of text."""
        stats = self.stats
        unknown = f", {stats.unknown} unknown" if stats.unknown else ""
        return (
            f"{self.replayed + stats.succeeded} done, {stats.running} running, {stats.failed} failed{unknown}, "
            f"{stats.throttled} throttled, {self.rate:.1f}/s, ETA {clock(self.left)}"
        )


class Pace:
    """Measures how fast items finish."""

    def __init__(self) -> None:
        self._seen: deque[tuple[float, int]] = deque()

    def rate(self, now: float, ended: int) -> float:
        """Items per second over the last minute, when `ended` are finished at `now` (in seconds)."""
        self._seen.append((now, ended))
        while now - self._seen[0][0] > _WINDOW and len(self._seen) > 2:
            self._seen.popleft()
        since, before = self._seen[0]
        return (ended - before) / (now - since) if now > since else 0.0


def ended_in(stats: BatchStats) -> int:
    """Items that ended in this run."""
    return stats.succeeded + stats.failed + stats.unknown


def seconds_left(remaining: int, rate: float) -> float | None:
    """Seconds until `remaining` items are finished, None where nothing finishes."""
    if remaining <= 0:
        return 0.0
    return remaining / rate if rate > 0 else None


def clock(left: float | None) -> str:
    """`1:02:03`, `4:05`, or `-:--` where it is open."""
    if left is None:
        return "-:--"
    minutes, seconds = divmod(math.ceil(left), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"
