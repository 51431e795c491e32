"""Limiters that share a window, and a storage in this process: what a server does, in virtual time and with faults."""

from __future__ import annotations

import asyncio

import msgspec

from wan_async._limits.shared import SharedLimiter
from wan_async._limits.storage import Storage, StorageAwayError, StoredLimits, stored_limits
from wan_async._policy.limiter import Limiter
from wan_async._policy.settings import RateLimit
from wan_async._policy.shared_window import SharedWindow, Turn, Visit, visited

LATENCY = 0.0005


def shared(url: str, limit: RateLimit, name: str = "w:submissions") -> SharedLimiter:
    """One process's limiter, whose window lives there."""
    return SharedLimiter(Storage(stored_limits(url)), name, limit, given=True)


async def call(limiter: Limiter) -> float:
    """A call that is answered at once; gives when it left."""
    permit = await asyncio.wait_for(limiter.acquire(), 30)
    limiter.counted_nowait(permit)
    return asyncio.get_running_loop().time()


class Kept:
    """What is kept, and what happens to those who visit.

    Attributes:
        states: the windows, by name, as bytes.
        visits: what was told and asked, in order.
        away: visits fail.
        skew: seconds by which its clock is ahead.
    """

    def __init__(self) -> None:
        self.states: dict[str, bytes] = {}
        self.visits: list[Visit] = []
        self.away = False
        self.latency = LATENCY
        self.skew = 1e9

    def state(self, name: str = "w") -> SharedWindow:
        return msgspec.msgpack.decode(self.states[name], type=SharedWindow)

    async def visit(self, name: str, visit: Visit, keep: float) -> Turn:
        await asyncio.sleep(self.latency)
        if self.away:
            raise StorageAwayError("out of order")
        self.visits.append(visit)
        kept = self.states.get(name)
        now = asyncio.get_running_loop().time() + self.skew
        before = None if kept is None else msgspec.msgpack.decode(kept, type=SharedWindow)
        state, turn = visited(before, now, visit)
        if state is not None:
            self.states[name] = msgspec.msgpack.encode(state)
        await asyncio.sleep(self.latency)
        return turn

    async def aclose(self) -> None:
        pass

    def limiter(self, limit: RateLimit, *, on_outage: str = "wait", share: float = 0.25) -> SharedLimiter:
        """One process's."""
        options = InMemory("memory://", on_outage, share, kept=self)  # pyright: ignore[reportArgumentType]
        return SharedLimiter(Storage(options), "w", limit, given=True)


class InMemory(StoredLimits, frozen=True, kw_only=True):
    kept: Kept
    at_once = 1000

    def connect(self) -> Kept:
        return self.kept
