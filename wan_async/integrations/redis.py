"""Callbacks between processes, over Redis or Valkey (extra `redis`): received by one worker, heard by all.

A stream carries them, not pub/sub: who subscribes late, comes back after a fault or starts anew still hears the last
`RECENT` seconds, so that even a submission that was lost by a run before can be adopted; and a read that ends every few
seconds notices a connection that died without a word.

While Redis is away nothing is lost and nothing waits for it. Callbacks are answered, clients of the same process are
told directly, and what could not be sent is sent later. All other waiting tasks are looked at every `AWAY` seconds,
inside the query limit, and once more when Redis is back.
"""

from __future__ import annotations

import asyncio
import logging
import weakref
from collections import deque
from typing import TYPE_CHECKING, Annotated, Any, Self, cast

import msgspec

from .._bus import Listener, Listeners
from .._protocol.callbacks import WakeUp
from ..errors import ConfigurationError

try:
    from redis.asyncio import Redis
    from redis.asyncio.retry import Retry
    from redis.backoff import NoBackoff
    from redis.exceptions import RedisError
except ModuleNotFoundError:
    raise ModuleNotFoundError("redis is not installed: pip install 'wan-async[redis]'", name="redis") from None

if TYPE_CHECKING:
    from types import TracebackType

__all__ = ["RedisBus"]

_log = logging.getLogger("wan_async.callbacks")

RECENT = 900
"""Seconds of callbacks that a new listener still hears: as long as a lost submission is sought."""

KEPT = 10_000
"""Callbacks kept in Redis, about 2 MB, and those kept here while it is away."""

AWAY = 15.0
"""Seconds between looks at all waiting tasks while Redis is away: the provider's page advises 15 to 30 s."""

PATIENCE = 2.0
"""Seconds that Redis has to take a callback: the provider waits 15 s for its answer."""

_BLOCK = 5.0
"""Seconds that a read waits for the next callback."""
_PAGE = 1000
_FIRST_PAUSE = 0.1
_LONGEST_PAUSE = 5.0


class _Message(msgspec.Struct, omit_defaults=True):
    """A callback on its way; bounded, because it is kept in memory."""

    task_id: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    token: Annotated[str, msgspec.Meta(max_length=64)] | None = None


_encode = msgspec.json.Encoder().encode
_read_message = msgspec.json.Decoder(_Message).decode


class RedisBus:
    """A `CallbackBus` over Redis: `Callbacks(url, key, bus=RedisBus("redis://localhost"))` in each worker.

    It connects when it is used, reads while a client listens, and closes with the last client of an event loop. Where
    there is no client, in a receiver alone, `aclose` or `async with` closes it.

    Args:
        url: where Redis is, such as `redis://localhost:6379/0`, `rediss://…` or `unix://…`.
        channel: the key of the stream, one per account and environment.

    Raises:
        ConfigurationError: the URL cannot be used.
    """

    def __init__(self, url: str, *, channel: str = "wan_async:callbacks") -> None:
        self._url = url
        self._channel = channel
        self._listeners = Listeners()
        self._unsent: deque[bytes] = deque(maxlen=KEPT)
        self._away = False
        self._by_loop: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, Redis] = weakref.WeakKeyDictionary()
        self._ears: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Task[None]] = (
            weakref.WeakKeyDictionary()
        )
        self._make()

    def __repr__(self) -> str:
        return f"RedisBus(channel={self._channel!r})"

    async def publish(self, wake_up: WakeUp) -> None:
        """Tell all listeners; those of other processes later, if Redis is away."""
        self._listeners.tell(wake_up)
        self._unsent.append(_encode(_Message(wake_up.task_id, wake_up.token)))
        await self._send()

    def attach(self, listener: Listener) -> None:
        """Tell `listener` from now on, and of the last `RECENT` seconds."""
        self._listeners.add(listener)
        loop = asyncio.get_running_loop()
        ear = self._ears.get(loop)
        if ear is not None:  # it read the recent ones for another listener
            ear.cancel()
        self._ears[loop] = loop.create_task(self._hear(), name="wan-async redis")

    async def detach(self, listener: Listener) -> None:
        """Tell `listener` no more."""
        self._listeners.remove(listener)
        if not self._listeners.of(asyncio.get_running_loop()):
            await self.aclose()

    async def aclose(self) -> None:
        """Close what is open in the running event loop; the bus can be used again afterwards."""
        loop = asyncio.get_running_loop()
        ear, client = self._ears.pop(loop, None), self._by_loop.pop(loop, None)
        if ear is not None:
            ear.cancel()
            await asyncio.wait([ear])
        if client is not None:
            await client.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()
