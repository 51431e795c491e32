"""From a running batch to what a display shows."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol

from .._batch import BatchStats
from .._policy.limiter import LimitState
from .pace import Pace, View, ended_in, seconds_left


class Followed(Protocol):
    """The part of a batch that is read."""

    @property
    def stats(self) -> BatchStats:
        """Its counts, now."""
        ...

    @property
    def limit(self) -> LimitState | None:
        """The account's limit, now."""
        ...

    @property
    def max_credits(self) -> float | None:
        """Credits that it may spend."""
        ...


class Follow:
    """Follows a batch.

    Args:
        batch: the batch.
        total: items in its inputs; None where nobody knows.
        clock: gives seconds.
    """

    def __init__(self, batch: Followed, total: int | None, clock: Callable[[], float] = time.monotonic) -> None:
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
