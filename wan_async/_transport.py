"""The sessions: one per event loop and purpose, over aiohttp, opened when first used.

API calls (kept alive for seconds, small) and transfers (large, never with the key) have sessions of their own, so that
downloads cannot starve submissions. aiohttp itself is imported with the first session (94 of 136 ms of CPU that
importing aiohttp, msgspec and anyio takes).
"""

from __future__ import annotations

import asyncio
import weakref
from typing import TYPE_CHECKING, Protocol, Self

from ._policy.settings import require_positive_integer
from .errors import ConfigurationError

if TYPE_CHECKING:
    from types import TracebackType

    import aiohttp

    from ._aiohttp import LoopSessions
    from ._protocol import Answer, Request

CONNECTIONS = 64


class Transport(Protocol):
    """What carries a request to the provider: a `SessionPool`, or the emulator in the same process."""

    async def exchange(self, base_url: str, key: str, request: Request, timeout: float) -> Answer:
        """Send one request, once, and give the whole answer.

        Args:
            base_url: scheme and host of the API, without a trailing slash.
            key: the API key, for the `Authorization` header.
            request: what to send.
            timeout: seconds for the whole exchange.

        Raises:
            TransportError: no whole answer; `sent` is False if the request certainly did not leave.
        """
        ...

    async def aclose(self) -> None:
        """Close what the running event loop has open."""
        ...


class SessionPool:
    """The aiohttp sessions of one or more clients: per event loop one for API calls and one for transfers.

    They are open while a client that uses the pool is, or while the pool itself is entered; `async with SessionPool()`
    keeps connections alive for many short-lived clients.

    Args:
        session: a session of the caller's own, used for everything and never closed here. It belongs to one event
            loop; its own settings (proxy, TLS context, connector) hold.
        connections: connections at once for each purpose.
    """

    def __init__(self, session: aiohttp.ClientSession | None = None, *, connections: int = CONNECTIONS) -> None:
        require_positive_integer("SessionPool.connections", connections)
        self._own = session
        self._connections = connections
        self._loops: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, LoopSessions] = weakref.WeakKeyDictionary()

    async def exchange(self, base_url: str, key: str, request: Request, timeout: float) -> Answer:
        """Send one API request, once; see `Transport.exchange`."""
        return await self.sessions().exchange(base_url, key, request, timeout)

    def sessions(self) -> LoopSessions:
        """The running loop's sessions, made when first asked for."""
        loop = asyncio.get_running_loop()
        sessions = self._loops.get(loop)
        if sessions is None:
            from ._aiohttp import LoopSessions

            if self._own is not None and self._own.closed:
                raise ConfigurationError("SessionPool.session: the given session is closed")
            sessions = self._loops[loop] = LoopSessions(self._own, self._connections)
        return sessions

    def hold(self) -> None:
        """Keep the running loop's sessions open until `release` was called as often."""
        self.sessions().users += 1

    async def release(self) -> None:
        """Close the running loop's sessions if nobody holds them any more."""
        sessions = self._loops.get(asyncio.get_running_loop())
        if sessions is not None:
            sessions.users -= 1
            if sessions.users <= 0:
                await self.aclose()

    async def aclose(self) -> None:
        """Close the running loop's sessions; the pool can be used again afterwards."""
        sessions = self._loops.pop(asyncio.get_running_loop(), None)
        if sessions is not None:
            await sessions.aclose()

    async def __aenter__(self) -> Self:
        self.hold()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.release()
