"""A limiter for batches whose submissions end no permits."""

from __future__ import annotations


class Permits:
    """A limiter that lets everybody go, and counts the permits that were not given back."""

    def __init__(self) -> None:
        self.used = 0

    async def acquire(self) -> float:
        self.used += 1
        return 0.0

    def accepted(self, permit: float) -> None:
        pass

    def rejected(self, permit: float, retry_after: float | None = None) -> None:
        self.used -= 1

    def released(self, permit: float) -> None:
        self.used -= 1
