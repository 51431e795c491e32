"""A client's poller, and its ear for callbacks: one of each per event loop."""

from __future__ import annotations

import asyncio
import time
import weakref
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, NamedTuple

from ._callbacks.wake_ups import WakeUps
from ._events import Emitter
from ._policy.durations import stamped
from ._policy.planner import Planner
from ._polling.poller import Poller
from ._transport.pool import SessionPool, calls_at_once
from .errors import ClientClosedError

if TYPE_CHECKING:
    from collections.abc import Hashable

    from ._arguments import Settings
    from ._calls import Calls
    from ._policy.limiter import Limiter
    from ._protocol import TaskRecord


class Runtime(NamedTuple):
    """A client in one event loop: what waits for tasks, and what hears of them.

    Attributes:
        clock_offset: the process's clock minus the loop's, in seconds, when this was opened.
    """

    poller: Poller
    wakeups: WakeUps
    clock_offset: float

    def clock(self) -> float:
        """Seconds by the loop's clock, but counted from the same moment in all loops of the process."""
        return asyncio.get_running_loop().time() + self.clock_offset


class Runtimes:
    """A client's runtimes: one per event loop, made when first used; each holds the pool open until it is closed.

    What was learnt of durations is the client's, and outlives them.
    """

    def __init__(self, settings: Settings, calls: Calls, limiters: tuple[Limiter, Limiter], events: Emitter) -> None:
        self._bus = None if settings.callbacks is None else settings.callbacks.bus
        self._pool = settings.pool
        self._calls = calls
        _, self._queries = limiters
        self._events = events
        self._limiters = limiters
        self._planner = Planner(settings.polling, called_back=self._bus is not None)
        self._by_loop: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, Runtime] = weakref.WeakKeyDictionary()
        self._stopping: weakref.WeakSet[asyncio.AbstractEventLoop] = weakref.WeakSet()

    @property
    def loops(self) -> list[asyncio.AbstractEventLoop]:
        """The event loops in which the client is open."""
        return list(self._by_loop)

    @property
    def waiting(self) -> int:
        """Tasks that are waited for, in all event loops."""
        return sum(runtime.poller.waiting for runtime in list(self._by_loop.values()))

    @property
    def oldest(self) -> float:
        """The age of the oldest task that is waited for, in seconds; 0.0 where there is none."""
        return max((runtime.poller.oldest(loop.time()) for loop, runtime in list(self._by_loop.items())), default=0.0)

    def running(self) -> Runtime:
        """The running loop's."""
        loop = asyncio.get_running_loop()
        known = self._by_loop.get(loop)
        if known is None:
            for closed in [one for one in self._by_loop if one.is_closed()]:
                del self._by_loop[closed]
            known = self._by_loop[loop] = self._open()
        return known

    def for_waiting(self) -> Runtime:
        """The running loop's, for a wait.

        Raises:
            ClientClosedError: `stop_waiting` was called.
        """
        if asyncio.get_running_loop() in self._stopping:
            raise ClientClosedError("the client is closing: nothing is waited for any more; the task still runs")
        return self.running()

    async def stop_waiting(self) -> None:
        """End all waits in the running loop, and refuse others until `aclose`; what is being submitted goes on."""
        self._stopping.add(asyncio.get_running_loop())
        runtime = self.running()
        runtime.wakeups.close()
        await runtime.poller.aclose()

    def learn(self, kind: Hashable, record: TaskRecord) -> None:
        """Learn how long a task of this kind took that an earlier run found finished."""
        seconds = stamped(record)
        if seconds is not None:
            self._planner.schedule(kind).observe(seconds)

    def poller(self) -> Poller:
        """The running loop's poller."""
        return self.running().poller

    def _open(self) -> Runtime:
        most = calls_at_once(self._pool)
        poller = Poller(self._calls.read_once, self._queries, self._planner, most, self._events)
        wakeups = WakeUps(poller, self._events)
        if self._bus is not None:
            self._bus.attach(wakeups)
        if isinstance(self._pool, SessionPool):
            self._pool.hold()
        for limiter in self._limiters:
            limiter.hold()
        return Runtime(poller, wakeups, time.monotonic() - asyncio.get_running_loop().time())

    async def aclose(self) -> None:
        """Close the running loop's, and let the pool go."""
        self._stopping.discard(asyncio.get_running_loop())
        runtime = self._by_loop.pop(asyncio.get_running_loop(), None)
        if runtime is None:
            return
        async with AsyncExitStack() as last:
            if isinstance(self._pool, SessionPool):
                last.push_async_callback(self._pool.release)
            for limiter in self._limiters:
                last.push_async_callback(limiter.release)
            last.push_async_callback(runtime.poller.aclose)
            runtime.wakeups.close()
            if self._bus is not None:
                await self._bus.detach(runtime.wakeups)
