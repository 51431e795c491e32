"""What a client has at work in an event loop: its scheduler, and its ear for callbacks."""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING

from ._policy.polling import Planner
from ._policy.settings import Polling
from ._poller import Poller
from ._transport import SessionPool
from ._wakeups import Seek, WakeUps

if TYPE_CHECKING:
    from ._arguments import Settings
    from ._calls import Calls
    from ._poller import QueryLimit

SAFETY_NET = Polling(first=120.0, interval=120.0)
"""With callbacks, looks only find what a lost callback hides: tasks take 56 to 785 s (seen)."""


class Runtime:
    """A client in one event loop.

    Attributes:
        poller: waits for tasks.
    """

    def __init__(self, poller: Poller, wakeups: WakeUps | None) -> None:
        self.poller = poller
        self._wakeups = wakeups

    def seek(self, token: str, url: str, within: float, found: Callable[[str | None], None]) -> Seek:
        """Call `found` once with the task that was submitted with `url`, or with None after `within` seconds."""
        if self._wakeups is None:
            raise RuntimeError("without callbacks nothing can be found")
        return self._wakeups.seek(token, url, within, found)

    async def found(self, token: str, url: str, within: float) -> str | None:
        """The task that was submitted with `url`, once a callback tells it; None when `within` seconds are over."""
        future: asyncio.Future[str | None] = asyncio.get_running_loop().create_future()
        seek = self.seek(token, url, within, future.set_result)
        try:
            return await future
        finally:
            seek.cancel()


class Runtimes:
    """A client's runtimes: one per event loop, made when first used; each holds the pool open until it is closed.

    What was learnt of durations is the client's, and outlives them.
    """

    def __init__(self, settings: Settings, calls: Calls, queries: QueryLimit) -> None:
        self._callbacks = settings.callbacks
        self._pool = settings.pool
        self._calls = calls
        self._queries = queries
        plain = self._callbacks is not None and settings.polling == Polling()
        self._planner = Planner(SAFETY_NET if plain else settings.polling)
        self._by_loop: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, tuple[Runtime, WakeUps | None]] = (
            weakref.WeakKeyDictionary()
        )

    def running(self) -> Runtime:
        """The running loop's."""
        loop = asyncio.get_running_loop()
        known = self._by_loop.get(loop)
        if known is None:
            for closed in [one for one in self._by_loop if one.is_closed()]:
                del self._by_loop[closed]
            known = self._by_loop[loop] = self._open()
        return known[0]

    def poller(self) -> Poller:
        """The running loop's scheduler."""
        return self.running().poller

    def _open(self) -> tuple[Runtime, WakeUps | None]:
        if isinstance(self._pool, SessionPool):
            self._pool.hold()
        poller = Poller(self._calls.read_once, self._queries, self._planner)
        if self._callbacks is None:
            return Runtime(poller, None), None
        wakeups = WakeUps(poller, self._calls.record)
        self._callbacks.bus.attach(wakeups)
        return Runtime(poller, wakeups), wakeups

    async def aclose(self) -> None:
        """Close the running loop's, and let the pool go."""
        runtime, wakeups = self._by_loop.pop(asyncio.get_running_loop(), (None, None))
        if runtime is None:
            return
        try:
            if wakeups is not None and self._callbacks is not None:
                await self._callbacks.bus.detach(wakeups)
                await wakeups.aclose()
            await runtime.poller.aclose()
        finally:
            if isinstance(self._pool, SessionPool):
                await self._pool.release()
