"""What a client has at work in an event loop: its scheduler, and its ear for callbacks."""

from __future__ import annotations

import asyncio
import time
import weakref
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, NamedTuple

from ._policy.polling import Planner
from ._policy.settings import Polling
from ._poller import Poller
from ._transport import SessionPool, calls_at_once
from ._wakeups import WakeUps

if TYPE_CHECKING:
    from ._arguments import Settings
    from ._calls import Calls
    from ._poller import QueryLimit

SAFETY_NET = Polling(first=120.0, interval=120.0)
"""With callbacks, looks only find what a lost callback hides: tasks take 56 to 785 s (seen)."""


class Runtime(NamedTuple):
    """A client in one event loop: what waits for tasks, and what hears of them.

    Attributes:
        ahead: seconds by which the process's clock was ahead of the loop's when this was opened.
    """

    poller: Poller
    wakeups: WakeUps
    ahead: float

    def clock(self) -> float:
        """Seconds by the loop's clock, but counted from the same moment in all loops of the process."""
        return asyncio.get_running_loop().time() + self.ahead


class Runtimes:
    """A client's runtimes: one per event loop, made when first used; each holds the pool open until it is closed.

    What was learnt of durations is the client's, and outlives them.
    """

    def __init__(self, settings: Settings, calls: Calls, queries: QueryLimit) -> None:
        self._bus = None if settings.callbacks is None else settings.callbacks.bus
        self._pool = settings.pool
        self._calls = calls
        self._queries = queries
        plain = self._bus is not None and settings.polling == Polling()
        self._planner = Planner(SAFETY_NET if plain else settings.polling)
        self._by_loop: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, Runtime] = weakref.WeakKeyDictionary()

    def running(self) -> Runtime:
        """The running loop's."""
        loop = asyncio.get_running_loop()
        known = self._by_loop.get(loop)
        if known is None:
            for closed in [one for one in self._by_loop if one.is_closed()]:
                del self._by_loop[closed]
            known = self._by_loop[loop] = self._open()
        return known

    def poller(self) -> Poller:
        """The running loop's scheduler."""
        return self.running().poller

    def _open(self) -> Runtime:
        poller = Poller(self._calls.read_once, self._queries, self._planner, calls_at_once(self._pool))
        wakeups = WakeUps(poller)
        if self._bus is not None:
            self._bus.attach(wakeups)
        if isinstance(self._pool, SessionPool):
            self._pool.hold()
        return Runtime(poller, wakeups, time.monotonic() - asyncio.get_running_loop().time())

    async def aclose(self) -> None:
        """Close the running loop's, and let the pool go."""
        runtime = self._by_loop.pop(asyncio.get_running_loop(), None)
        if runtime is None:
            return
        async with AsyncExitStack() as last:
            if isinstance(self._pool, SessionPool):
                last.push_async_callback(self._pool.release)
            last.push_async_callback(runtime.poller.aclose)
            runtime.wakeups.close()
            if self._bus is not None:
                await self._bus.detach(runtime.wakeups)
