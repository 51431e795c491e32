"""The provider's own count of calls: at most N accepted in any `per` seconds, the rest rejected at once.

This is the other side of the limit, written on its own so that a fault in the library's limiter cannot hide in it.
"""

from __future__ import annotations

from collections import deque

from .._policy.settings import RateLimit


class SlidingWindow:
    """The stamps of what was accepted; what was rejected is neither queued nor counted."""

    def __init__(self) -> None:
        self._stamps: deque[float] = deque()

    def has_room(self, now: float, limit: RateLimit | None) -> bool:
        """True if a call at `now` (seconds) would be accepted. The window is (now - per, now]."""
        if limit is None:
            return True
        stamps = self._stamps
        while stamps and stamps[0] <= now - limit.per:
            stamps.popleft()
        return len(stamps) < limit.n

    def add(self, now: float) -> None:
        """Count a call that was accepted at `now`."""
        self._stamps.append(now)
