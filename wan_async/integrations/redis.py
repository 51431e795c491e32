"""Callbacks between processes over Redis or Valkey (extra `redis`): a stream carries them, not pub/sub."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence
from typing import TypeAlias, cast

from .._callbacks import shared_bus
from .._callbacks.shared_bus import SharedBus
from .._limits.redis import connected, require_url

__all__ = ["RedisBus"]

_Streams: TypeAlias = list[tuple[bytes, list[tuple[bytes, dict[bytes, bytes]]]]]


class _Stream:
    """The log: an entry's id begins with its Unix milliseconds."""

    def __init__(self, url: str, channel: str) -> None:
        self._redis = connected(url, shared_bus.PATIENCE, 2 * shared_bus.BLOCK)
        self._channel = channel
        self._after = b"0"

    async def append(self, messages: Sequence[bytes]) -> None:
        async with asyncio.timeout(shared_bus.PATIENCE), self._redis.pipeline(transaction=False) as pipe:
            for message in messages:
                pipe.xadd(self._channel, {"wake": message}, maxlen=shared_bus.KEPT, approximate=True)
            await pipe.execute()

    async def rewind(self) -> None:
        seconds, _ = await self._redis.time()  # pyright: ignore[reportUnknownMemberType]
        self._after = b"%d-0" % ((seconds - shared_bus.RECENT) * 1000)

    async def read(self) -> list[bytes]:
        wait = int(shared_bus.BLOCK * 1000)
        read = self._redis.xread({self._channel: self._after}, count=shared_bus.PAGE, block=wait)
        streams = await cast("Awaitable[_Streams]", read)
        if not streams:
            return []
        entries = streams[0][1]
        self._after = entries[-1][0]
        return [fields.get(b"wake", b"") for _, fields in entries]

    async def aclose(self) -> None:
        await self._redis.aclose()


class RedisBus(SharedBus):
    """A `CallbackBus` over Redis: `Callbacks(url, key, bus=RedisBus("redis://localhost"))` in each worker.

    It connects when it is used, reads while a client listens, and closes with the last client of an event loop. Where
    there is no client, in a receiver alone, `aclose` or `async with` closes it. While Redis is away, callbacks are
    answered all the same, waiting tasks are polled every 15 s, and nothing is lost.

    Args:
        url: where Redis is, such as `redis://localhost:6379/0`, `rediss://…` or `unix://…`.
        channel: the key of the stream, one per account and environment.

    Raises:
        ConfigurationError: the URL cannot be used.
    """

    def __init__(self, url: str, *, channel: str = "wan_async:callbacks") -> None:
        require_url("RedisBus.url", url)
        super().__init__("Redis", lambda: _Stream(url, channel))
        self._channel = channel

    def __repr__(self) -> str:
        return f"RedisBus(channel={self._channel!r})"
