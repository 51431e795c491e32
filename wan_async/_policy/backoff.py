"""Delays before what is safe to repeat is tried again: exponential with full jitter, bounded by elapsed time."""

from __future__ import annotations

BASE = 0.5
"""Seconds that the first delay is below: about one createTask (median 0.48 s)."""

CAP = 20.0
"""Seconds that every delay is below."""


class Backoff:
    """The delays of one operation that is tried until it works or `max_elapsed` seconds are over.

    Full jitter (a uniform part of an exponentially growing ceiling) spreads callers that failed together.
    """

    __slots__ = ("_attempt", "_max_elapsed", "_started")

    def __init__(self, max_elapsed: float, started: float) -> None:
        self._max_elapsed = max_elapsed
        self._started = started
        self._attempt = 0

    def delay(self, now: float, chance: float) -> float | None:
        """Seconds to wait before the next try, or None when the time is over.

        Args:
            now: seconds on the clock that `started` was read from.
            chance: uniform in [0, 1).
        """
        left = self._started + self._max_elapsed - now
        if left <= 0:
            return None
        ceiling = min(CAP, BASE * 2 ** min(self._attempt, 16))
        self._attempt += 1
        return min(chance * ceiling, left)
