"""A limiter that makes nobody wait; what a test counts or wants otherwise, a subclass says."""

from __future__ import annotations

from collections.abc import Iterable

from wan_async import RateLimit
from wan_async._policy.limiter import LimitState, Permit


class NoLimit:
    """Lets everybody through, and holds each permit to exactly one end.

    Attributes:
        given: permits so far, which are numbered from 1.
        open: those that have not ended.
        ends: how the others did, which, and the `retry_after`.
    """

    memory = 0.0

    def __init__(self) -> None:
        self.given = 0
        self.open: set[Permit] = set()
        self.ends: list[tuple[str, float, float | None]] = []

    async def acquire(self) -> Permit:
        self.given += 1
        permit = Permit(float(self.given))
        self.open.add(permit)
        return permit

    def counted_nowait(self, permit: Permit) -> None:
        self._end("counted", permit)

    def rejected_nowait(self, permit: Permit, retry_after: float | None = None) -> None:
        self._end("rejected", permit, retry_after)

    def released_nowait(self, permit: Permit) -> None:
        self._end("released", permit)

    def how(self) -> list[tuple[str, float | None]]:
        """How permits were ended, in this order."""
        return [(how, retry_after) for how, _, retry_after in self.ends]

    def _end(self, how: str, permit: Permit, retry_after: float | None = None) -> None:
        self.open.remove(permit)
        self.ends.append((how, permit.stamp, retry_after))

    def remember(self, sent_times: Iterable[float]) -> None:
        pass

    def hold(self) -> None:
        pass

    async def release(self) -> None:
        pass

    def state(self) -> LimitState:
        return LimitState(RateLimit(1, per=1.0), 1, len(self.open), 0, 0, 0.0)
