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
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING, Annotated, Self, TypeAlias, cast

import msgspec

from .._bus import Listener, Listeners
from .._protocol.callbacks import WakeUp
from ..errors import ConfigurationError

try:
    from redis.asyncio import Redis
    from redis.asyncio.connection import parse_url
    from redis.asyncio.retry import Retry
    from redis.backoff import NoBackoff
    from redis.exceptions import RedisError
except ModuleNotFoundError as _missing:
    raise ModuleNotFoundError("redis is not installed: pip install 'wan-async[redis]'", name=_missing.name) from None

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

_FAULTS = (RedisError, OSError, TimeoutError)

_Page: TypeAlias = list[tuple[bytes, dict[bytes, bytes]]]


class _Message(msgspec.Struct, omit_defaults=True):
    """A callback on its way; bounded, because it is kept in memory."""

    task_id: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    token: Annotated[str, msgspec.Meta(max_length=64)] | None = None


_encode = msgspec.json.Encoder().encode
_read_message = msgspec.json.Decoder(_Message).decode


class _Ear:
    """Reads the stream in one event loop while anybody listens there.

    Args:
        client: the connections.
        channel: the stream's key.
        listeners: gives those of this event loop.
        back: what to do when Redis answers again.
    """

    def __init__(
        self,
        client: Redis,
        channel: str,
        listeners: Callable[[], list[Listener]],
        back: Callable[[], Awaitable[None]],
    ) -> None:
        self._client = client
        self._channel = channel
        self._listeners = listeners
        self._back = back
        self._away = False
        self._look_at = 0.0
        self._pause = _FIRST_PAUSE
        self._rewind_at: float | None = None
        self.task = asyncio.create_task(self._listen(), name="wan-async redis")

    def rewind(self) -> None:
        """Read the recent callbacks again, for a new listener: soon, and once for all who come until then."""
        if self._rewind_at is None:
            self._rewind_at = asyncio.get_running_loop().time() + _BLOCK

    async def _listen(self) -> None:
        while self._listeners():
            try:
                await self._follow()
            except _FAULTS as error:
                await self._rest(error)

    async def _follow(self) -> None:
        """Hear callbacks until a fault."""
        after = await self._recently()
        await self._come_back()
        while self._listeners():
            if self._rewind_at is not None and self._rewind_at <= asyncio.get_running_loop().time():
                after, self._rewind_at = await self._recently(), None
            for place, fields in await self._page(after):
                self._hear(fields)
                after = place

    async def _recently(self) -> bytes:
        """A place in the stream, by the clock of Redis: an entry's id begins with its Unix milliseconds."""
        seconds, _ = await self._client.time()  # pyright: ignore[reportUnknownMemberType]
        return b"%d-0" % ((seconds - RECENT) * 1000)

    async def _page(self, after: bytes) -> _Page:
        read = self._client.xread({self._channel: after}, count=_PAGE, block=int(_BLOCK * 1000))
        streams = await cast("Awaitable[list[tuple[bytes, _Page]]]", read)
        return streams[0][1] if streams else []

    def _hear(self, fields: dict[bytes, bytes]) -> None:
        try:
            message = _read_message(fields.get(b"wake", b""))
        except (msgspec.MsgspecError, ValueError):
            _log.warning("%s holds something that is no callback", self._channel)
            return
        wake_up = WakeUp(message.task_id, message.token)
        for listener in self._listeners():
            listener.heard(wake_up)

    async def _come_back(self) -> None:
        self._pause = _FIRST_PAUSE
        if self._away:
            self._away = False
            _log.warning("Redis is back")
            self._miss()
            await self._back()

    async def _rest(self, error: Exception) -> None:
        """Pause before the next try; the waiting tasks are looked at every `AWAY` seconds meanwhile."""
        now = asyncio.get_running_loop().time()
        if not self._away:
            self._away, self._look_at = True, now + AWAY
            _log.warning("Redis is away, waiting tasks are looked at every %g s: %s", AWAY, error)
        elif now >= self._look_at:
            self._look_at = now + AWAY
            self._miss()
        await asyncio.sleep(self._pause)
        self._pause = min(2 * self._pause, _LONGEST_PAUSE)

    def _miss(self) -> None:
        for listener in self._listeners():
            listener.missed()


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
        try:
            parse_url(url)
        except (ValueError, TypeError, AttributeError) as error:
            raise ConfigurationError(f"RedisBus.url: not allowed: {error}") from None
        self._url = url
        self._channel = channel
        self._listeners = Listeners()
        self._unsent: deque[bytes] = deque(maxlen=KEPT)
        self._clients: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, Redis] = weakref.WeakKeyDictionary()
        self._ears: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, _Ear] = weakref.WeakKeyDictionary()

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
        if ear is None or ear.task.done():
            self._ears[loop] = _Ear(self._client(), self._channel, partial(self._listeners.of, loop), self._send)
        else:
            ear.rewind()

    async def detach(self, listener: Listener) -> None:
        """Tell `listener` no more."""
        self._listeners.remove(listener)
        if not self._listeners.of(asyncio.get_running_loop()):
            await self.aclose()

    async def aclose(self) -> None:
        """Close what is open in the running event loop; the bus can be used again afterwards."""
        loop = asyncio.get_running_loop()
        ear, client = self._ears.pop(loop, None), self._clients.pop(loop, None)
        while ear is not None and not ear.task.done():
            ear.task.cancel()  # until it is heard: before Python 3.12 `asyncio.wait_for` can swallow it
            await asyncio.wait([ear.task], timeout=0.1)
        if client is not None:
            await client.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    def _client(self) -> Redis:
        """The running loop's. RESP2 is understood by every version; repeats are made here, not there."""
        loop = asyncio.get_running_loop()
        client = self._clients.get(loop)
        if client is None:
            client = self._clients[loop] = Redis.from_url(  # pyright: ignore[reportUnknownMemberType]
                self._url,
                protocol=2,
                retry=Retry(NoBackoff(), 0),
                socket_connect_timeout=PATIENCE,
                socket_timeout=2 * _BLOCK,
            )
        return client

    async def _send(self) -> None:
        """Send what is unsent, in its order; what cannot be sent now goes with the next callback or reconnection."""
        sending = tuple(self._unsent)
        self._unsent.clear()
        try:
            async with asyncio.timeout(PATIENCE):
                await self._add(sending)
        except BaseException as error:
            self._unsent.extendleft(reversed(sending))
            if not isinstance(error, _FAULTS):
                raise
            _log.warning("Redis did not take %d callbacks, which go with the next: %s", len(sending), error)

    async def _add(self, messages: tuple[bytes, ...]) -> None:
        async with self._client().pipeline(transaction=False) as pipe:
            for message in messages:
                pipe.xadd(self._channel, {"wake": message}, maxlen=KEPT, approximate=True)
            await pipe.execute()
