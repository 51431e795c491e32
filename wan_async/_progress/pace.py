"""Progress of a batch, as values: counts, rate and time left."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec

from .._batch import BatchStats
from .._policy.limiter import LimitState

if TYPE_CHECKING:
    from .._batch import Batch
    from ..sync import Batch as SyncBatch

_WINDOW = 60.0
"""Seconds over which the rate is a mean: long enough to be calm, short enough to show a brake."""


class View(msgspec.Struct, frozen=True):
    """The contents of a display of a batch at one moment.

    Attributes:
        total: items to be delivered; None where nobody knows.
        stats: the run's counts.
        rate: items finished per second.
        left: seconds until all are finished, None where that is open.
        limit: the account's limit, as it is used and learnt; None where it is not known.
        max_credits: what may be spent; None: no matter how much.
    """

    total: int | None
    stats: BatchStats
    rate: float = 0.0
    left: float | None = None
    limit: LimitState | None = None
    max_credits: float | None = None

    @property
    def finished(self) -> int:
        """Items that have an outcome."""
        return ended_in(self.stats)

    @property
    def how_many(self) -> str:
        """Finished ones, of all where their number is known."""
        return f"{self.finished:,}" if self.total is None else f"{self.finished:,}/{self.total:,}"

    def parts(self) -> list[tuple[str, str]]:
        """The counts in words, each with the style that it has on a terminal."""
        stats = self.stats
        parts = [
            (f"{stats.replayed + stats.succeeded:,} done", "green"),
            (f"{stats.running:,} running", "cyan"),
            (f"{stats.failed:,} failed", "red" if stats.failed else "dim"),
            (f"{stats.unknown:,} unknown" if stats.unknown else "", "red"),
            (f"{stats.fetching:,} downloading" if stats.fetching else "", "cyan"),
            (f"{stats.throttled:,} throttled", "yellow" if stats.throttled else "dim"),
            (_used(self.limit), ""),
            (f"{self.rate:.1f}/s", ""),
            (f"ETA {clock(self.left)}", ""),
            (_credits(stats.credits, self.max_credits), ""),
            (f"oldest task {clock(stats.overdue)}" if stats.overdue else "", "yellow"),
        ]
        return [part for part in parts if part[0]]

    def counts(self) -> str:
        """The counts in words, for a line of text."""
        return ", ".join(words for words, _ in self.parts())

    def line(self) -> str:
        """All of it as a line of text."""
        return f"{self.how_many}: {self.counts()}"


def _used(limit: LimitState | None) -> str:
    """The window's used slots, of those that it has as far as is known."""
    if limit is None:
        return ""
    learnt = "" if limit.learnt >= int(limit.limit.n * limit.limit.share) else " (learnt)"
    return f"limit {limit.used}/{limit.learnt}{learnt} per {limit.limit.per:g} s"


def _credits(spent: float, most: float | None) -> str:
    return f"{spent:,.10g} credits" if most is None else f"{spent:,.10g} of {most:,.10g} credits"


class Pace:
    """Measures how fast items finish."""

    def __init__(self) -> None:
        self._points: deque[tuple[float, int]] = deque()

    def rate(self, now: float, ended: int) -> float:
        """Items per second over the last minute, when `ended` are finished at `now` (in seconds)."""
        self._points.append((now, ended))
        while now - self._points[0][0] > _WINDOW and len(self._points) > 2:
            self._points.popleft()
        since, before = self._points[0]
        return (ended - before) / (now - since) if now > since else 0.0


class Follow:
    """Follows a batch.

    Args:
        batch: the batch.
        total: items in its inputs; None where nobody knows.
        clock: gives seconds.
    """

    def __init__(
        self, batch: Batch | SyncBatch, total: int | None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._batch = batch
        self._total = total
        self._clock = clock
        self._pace = Pace()

    def view(self) -> View:
        """The progress now; what comes from earlier runs is no measure of the pace."""
        stats = self._batch.stats
        ended = ended_in(stats)
        rate = self._pace.rate(self._clock(), ended - stats.replayed)
        left = None if self._total is None else seconds_left(self._total - ended, rate)
        return View(self._total, stats, rate, left, self._batch.limit, self._batch.max_credits)


def ended_in(stats: BatchStats) -> int:
    """Items that were handed over in this run, those of earlier runs included."""
    return stats.replayed + stats.succeeded + stats.failed + stats.unknown


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
