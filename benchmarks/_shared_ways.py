"""The ways in which processes may share a limit: ours on each storage, and three libraries on Redis.

Each library is used as its documentation does: it is asked before a call and waits until it may; after a rejection,
which it does not learn of, the call is made again after 0.5 s.
"""

from __future__ import annotations

import asyncio
import importlib
import time
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any, Protocol

from wan_async._limits.shared import SharedLimiter
from wan_async._limits.storage import LimitStorage, Storage, StoredLimits, stored_limits
from wan_async._policy.settings import RateLimit
from wan_async._policy.shared_window import Turn, Visit


class Trips:
    """Round trips of this process to the storage."""

    count = 0


_AGAIN = 0.5


class Way(Protocol):
    """Asked before each call; `call` gives False where it was rejected as too much."""

    async def __call__(self, call: Callable[[], Awaitable[bool]]) -> None: ...


class _Counted(StoredLimits, frozen=True):
    """A storage whose visits are counted."""

    def connect(self) -> LimitStorage:
        return _Counting(stored_limits(self.url).connect())


class _Counting:
    def __init__(self, connection: LimitStorage) -> None:
        self._connection = connection

    async def visit(self, name: str, visit: Visit, keep: float) -> Turn:
        Trips.count += 1
        return await self._connection.visit(name, visit, keep)

    async def aclose(self) -> None:
        await self._connection.aclose()


class Ours:
    """`limit_storage`, as a client uses it."""

    def __init__(self, url: str, name: str, limit: RateLimit, storage: Storage | None = None) -> None:
        self._limiter = SharedLimiter(storage or counted(url), f"{name}:submissions", limit, given=True)
        self._limiter.hold()

    async def __call__(self, call: Callable[[], Awaitable[bool]]) -> None:
        while True:
            permit = await self._limiter.acquire()
            if await call():
                self._limiter.counted_nowait(permit)
                return
            self._limiter.rejected_nowait(permit)


def counted(url: str) -> Storage:
    """The storage of that URL; its visits are counted."""
    return Storage(_Counted(url))


class _Asked:
    """A library's limiter before each call."""

    async def _acquire(self) -> None:
        raise NotImplementedError

    async def __call__(self, call: Callable[[], Awaitable[bool]]) -> None:
        while True:
            await self._acquire()
            if await call():
                return
            await asyncio.sleep(_AGAIN)


class _Limits(_Asked):
    """Its moving window; the wait is what its statistics say."""

    def __init__(self, url: str, name: str, limit: RateLimit) -> None:
        storage = importlib.import_module("limits.storage").storage_from_string
        strategies = importlib.import_module("limits.aio.strategies")
        item = importlib.import_module("limits").RateLimitItemPerSecond(limit.n, int(limit.per))
        window = strategies.MovingWindowRateLimiter(storage(f"async+{url}", implementation="redispy"))
        self._hit: Callable[[], Awaitable[bool]] = lambda: window.hit(item, name)
        self._stats: Callable[[], Awaitable[Any]] = lambda: window.get_window_stats(item, name)

    async def _acquire(self) -> None:
        while not await self._hit():  # noqa: ASYNC110 - there is no event: another process may take the slot
            await asyncio.sleep(max(0.01, (await self._stats()).reset_time - time.time()))


class _Pyrate(_Asked):
    """Its sorted set; the caller's clock."""

    def __init__(self, url: str, name: str, limit: RateLimit) -> None:
        self._pyrate: Any = importlib.import_module("pyrate_limiter")
        self._redis: Any = importlib.import_module("redis.asyncio").Redis.from_url(url)
        self._rate, self._name = self._pyrate.Rate(limit.n, int(limit.per * 1000)), name
        self._limiter: asyncio.Task[Any] | None = None

    async def _made(self) -> Any:
        bucket = await self._pyrate.RedisBucket.init([self._rate], self._redis, self._name)
        return self._pyrate.Limiter(bucket)

    async def _acquire(self) -> None:
        if self._limiter is None:
            self._limiter = asyncio.create_task(self._made())
        await (await self._limiter).try_acquire_async(self._name)


class _Throttled(_Asked):
    """Its sliding window, which is told to wait."""

    def __init__(self, url: str, name: str, limit: RateLimit) -> None:
        throttled = importlib.import_module("throttled.asyncio")
        limiter = throttled.Throttled(
            key=name,
            using="sliding_window",
            quota=throttled.per_duration(timedelta(seconds=limit.per), limit.n),
            store=throttled.RedisStore(server=url),
            timeout=60,
        )
        self._limit: Callable[[], Awaitable[Any]] = limiter.limit

    async def _acquire(self) -> None:
        while (await self._limit()).limited:
            pass


WAYS: dict[str, tuple[str, Callable[[str, str, RateLimit], Way]]] = {
    "file": ("file", Ours),
    "redis": ("redis", Ours),
    "postgresql": ("postgresql", Ours),
    "redis, limits": ("redis", _Limits),
    "redis, pyrate-limiter": ("redis", _Pyrate),
    "redis, throttled-py": ("redis", _Throttled),
}
"""Their storages, and what makes one of an URL, an account's name and its limit."""


def count_commands() -> None:
    """From now on what the libraries send to Redis is counted too."""
    connection: Any = importlib.import_module("redis.asyncio.connection").AbstractConnection
    send = connection.send_packed_command

    async def counting(self: object, command: object, check_health: bool = True) -> None:
        Trips.count += 1
        await send(self, command, check_health)

    connection.send_packed_command = counting
