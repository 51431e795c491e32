"""From a running batch to what a display shows."""

from __future__ import annotations

import time
from collections.abc import Callable

from .._batch import BatchStats
from .pace import Pace, View, ended_in, seconds_left


class Progress:
    """Follows a batch.

    Args:
        total: items in its inputs.
        stats: gives the batch's counts.
        clock: gives seconds.
    """

    def __init__(
        self, total: int, stats: Callable[[], BatchStats], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._total = total
        self._stats = stats
        self._clock = clock
        self._pace = Pace()
        self.replayed = 0

    def view(self) -> View:
        """How far it is now."""
        stats = self._stats()
        ended = ended_in(stats)
        rate = self._pace.rate(self._clock(), ended)
        left = seconds_left(self._total - self.replayed - ended, rate)
        return View(self._total, stats, self.replayed, rate, left)
