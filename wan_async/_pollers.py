"""A client's schedulers: one per event loop, made when first used."""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING

from ._poller import Poller
from ._transport import SessionPool

if TYPE_CHECKING:
    from ._transport import Transport


class Pollers:
    """The schedulers of one client; each holds the pool open in its loop until it is closed.

    Args:
        make: makes a scheduler.
        pool: is held open.
    """

    def __init__(self, make: Callable[[], Poller], pool: Transport) -> None:
        self._make = make
        self._pool = pool
        self._by_loop: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, Poller] = weakref.WeakKeyDictionary()

    def running(self) -> Poller:
        """The running loop's scheduler."""
        loop = asyncio.get_running_loop()
        poller = self._by_loop.get(loop)
        if poller is None:
            if isinstance(self._pool, SessionPool):
                self._pool.hold()
            for closed in [known for known in self._by_loop if known.is_closed()]:
                del self._by_loop[closed]
            poller = self._by_loop[loop] = self._make()
        return poller

    async def aclose(self) -> None:
        """Close the running loop's scheduler and let the pool go."""
        poller = self._by_loop.pop(asyncio.get_running_loop(), None)
        if poller is None:
            return
        try:
            await poller.aclose()
        finally:
            if isinstance(self._pool, SessionPool):
                await self._pool.release()
