"""Callbacks between processes: received by one worker, heard by all, by way of a log on a server that they share.

A log carries them, not signals alone: who listens late, comes back after a fault or starts anew still hears the last
`RECENT` seconds, so that even a submission that was lost by a run before can be adopted; and a read that ends every few
seconds notices a connection that died without a word.

While the server is away nothing is lost and nothing waits for it. Callbacks are answered, clients of the same process
are notified directly, and what could not be sent is sent later. All other waiting tasks are polled every `AWAY`
seconds, inside the query limit, and once more when the server is back.
"""

from __future__ import annotations

import asyncio
import json
import math
import weakref
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated, Protocol, Self

import msgspec

from .._events.lines import logger
from .._protocol.callbacks import WakeUp
from .._words import one_line
from .bus import Listener, LocalBus

if TYPE_CHECKING:
    from types import TracebackType

_log = logger("callbacks")

RECENT = 900
"""Seconds of callbacks that a new listener still hears: as long as a lost submission is sought."""

KEPT = 10_000
"""Callbacks kept on the server, about 2 MB, and those kept here while it is away."""

AWAY = 15.0
"""Seconds between polls of all waiting tasks while the server is away: the provider's page advises 15 to 30 s."""

PATIENCE = 2.0
"""Seconds that the server has to take a callback: the provider waits 15 s for its answer."""

BLOCK = 5.0
"""Seconds that a read waits for the next callback."""

PAGE = 1000
"""Callbacks that a read gives at most."""

FIRST_PAUSE = 0.1
LONGEST_PAUSE = 5.0
"""Seconds between tries to reach the server: the first, and doubled up to the longest."""


class CallbackLog(Protocol):
    """The log in one event loop. It connects when it is used, again after a fault; a fault is any `Exception`."""

    async def append(self, messages: Sequence[bytes]) -> None:
        """Add ASCII messages in their order, or fault within some `PATIENCE` seconds."""
        ...

    async def rewind(self) -> None:
        """Read on from `RECENT` seconds ago, by the server's clock."""
        ...

    async def read(self) -> list[bytes]:
        """Those that follow, `PAGE` at most; none when `BLOCK` seconds brought none."""
        ...

    async def aclose(self) -> None:
        """Close its connections."""
        ...


class _Message(msgspec.Struct, omit_defaults=True):
    """A callback on its way; bounded, because it is kept in memory."""

    task_id: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    token: Annotated[str, msgspec.Meta(max_length=64)] | None = None


_decode = msgspec.json.Decoder(_Message).decode


def _encoded(wake_up: WakeUp) -> bytes:
    """A message; in ASCII, which a database takes whatever its encoding is."""
    return json.dumps(msgspec.to_builtins(_Message(wake_up.task_id, wake_up.token))).encode("ascii")


def _in_a_line(error: Exception) -> str:
    return f"{type(error).__name__}: {one_line(str(error))}"


class _BusInLoop:
    """The bus in one event loop: its log, who reads it, and whose turn it is to send.

    Attributes:
        rewind_at: when recent callbacks are read again, for listeners that came meanwhile: once for all of them.
    """

    def __init__(self, log: CallbackLog) -> None:
        self.log = log
        self.turn = asyncio.Lock()
        self.reader: asyncio.Task[None] | None = None
        self.rewind_at = math.inf


class SharedBus:
    """A `CallbackBus` over a server.

    It connects when it is used, reads while a client listens, and closes with the last client of an event loop. Where
    there is no client, in a receiver alone, `aclose` or `async with` closes it.

    Args:
        name: the server's, for lines in the log.
        open_log: makes the log of the running event loop, without I/O.
    """

    def __init__(self, name: str, open_log: Callable[[], CallbackLog]) -> None:
        self._name = name
        self._open_log = open_log
        self._local = LocalBus()
        self._unsent: deque[bytes] = deque(maxlen=KEPT)
        self._by_loop: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, _BusInLoop] = weakref.WeakKeyDictionary()

    async def publish(self, wake_up: WakeUp) -> None:
        """Notify all listeners; those of other processes later, if the server is away."""
        await self._local.publish(wake_up)
        self._unsent.append(_encoded(wake_up))
        await self._send(self._here())

    def attach(self, listener: Listener) -> None:
        """Notify `listener` from now on, and of the last `RECENT` seconds."""
        here = self._here()
        self._local.attach(listener)
        if here.reader is None or here.reader.done():
            here.rewind_at = math.inf
            here.reader = asyncio.create_task(self._read(here), name="wan-async callbacks")
        else:
            here.rewind_at = min(here.rewind_at, asyncio.get_running_loop().time() + BLOCK)

    async def detach(self, listener: Listener) -> None:
        """Notify `listener` no more."""
        await self._local.detach(listener)
        if not self._listeners():
            await self.aclose()

    async def aclose(self) -> None:
        """Close what is open in the running event loop; the bus can be used again afterwards."""
        here = self._by_loop.pop(asyncio.get_running_loop(), None)
        if here is None:
            return
        while here.reader is not None and not here.reader.done():
            here.reader.cancel()  # until it is heard: before Python 3.12 `asyncio.wait_for` can swallow it
            await asyncio.wait([here.reader], timeout=0.1)
        await here.log.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    def _here(self) -> _BusInLoop:
        loop = asyncio.get_running_loop()
        here = self._by_loop.get(loop)
        if here is None:
            here = self._by_loop[loop] = _BusInLoop(self._open_log())
        return here

    def _listeners(self) -> list[Listener]:
        """Those of the running event loop; whoever keeps the list keeps them alive."""
        return self._local.attached_in(asyncio.get_running_loop())

    async def _read(self, here: _BusInLoop) -> None:
        """Hear callbacks while anybody listens here; while the server is away, have all polled every `AWAY` seconds."""
        now, pause, poll_at = asyncio.get_running_loop().time, FIRST_PAUSE, None
        while self._listeners():
            try:
                await here.log.rewind()
                pause = FIRST_PAUSE
                if poll_at is not None:
                    poll_at = None
                    await self._come_back(here)
                await self._follow(here)
            except Exception as error:  # noqa: BLE001 - whatever it is: a reader that ended would leave tasks unheard of
                if poll_at is None:
                    poll_at = now() + AWAY
                    args = self._name, AWAY, _in_a_line(error)
                    _log.warning("%s is away, waiting tasks are polled every %g s: %s", *args)
                elif now() >= poll_at:
                    poll_at = now() + AWAY
                    self._miss()
                await asyncio.sleep(pause)
                pause = min(2 * pause, LONGEST_PAUSE)

    async def _follow(self, here: _BusInLoop) -> None:
        """Hear callbacks until a fault."""
        while self._listeners():
            if here.rewind_at <= asyncio.get_running_loop().time():
                await here.log.rewind()
                here.rewind_at = math.inf
            for message in await here.log.read():
                self._hear(message)

    def _hear(self, text: bytes) -> None:
        try:
            message = _decode(text)
        except (msgspec.MsgspecError, ValueError):
            _log.warning("%s holds something that is no callback", self._name)
            return
        wake_up = WakeUp(message.task_id, message.token)
        for listener in self._listeners():
            listener.heard(wake_up)

    async def _come_back(self, here: _BusInLoop) -> None:
        _log.warning("%s is back", self._name)
        self._miss()
        await self._send(here)

    def _miss(self) -> None:
        for listener in self._listeners():
            listener.missed()

    async def _send(self, here: _BusInLoop) -> None:
        """Send what is unsent, in its order; what cannot be sent now goes with the next callback or reconnection."""
        try:
            async with asyncio.timeout(PATIENCE):
                await here.turn.acquire()
        except TimeoutError:
            return  # the server says nothing, and whoever waits for it has logged that
        try:
            await self._append(here.log)
        finally:
            here.turn.release()

    async def _append(self, log: CallbackLog) -> None:
        sending: list[bytes] = []
        with suppress(IndexError):  # other event loops send too
            while True:
                sending.append(self._unsent.popleft())
        try:
            if sending:
                await log.append(sending)
        except BaseException as error:
            self._unsent.extendleft(reversed(sending))
            if not isinstance(error, Exception):
                raise
            args = self._name, len(sending), _in_a_line(error)
            _log.warning("%s did not take %d callbacks, which go with the next: %s", *args)
