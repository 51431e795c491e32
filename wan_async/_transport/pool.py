"""The sessions: one per event loop and purpose, over aiohttp, opened when first used.

API calls (kept alive for seconds, small) and transfers (large, never with the key) have sessions of their own, so that
downloads cannot starve submissions. aiohttp itself is imported with the first pool (94 of 136 ms of CPU that
importing aiohttp, msgspec and anyio takes).
"""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import Coroutine, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol, Self, runtime_checkable

from .._policy.settings import require_positive_integer
from ..errors import ConfigurationError

if TYPE_CHECKING:
    from ssl import SSLContext
    from types import TracebackType

    import aiohttp

    from .._protocol import Answer, Request
    from .sessions import LoopSessions

CONNECTIONS = 64


def calls_at_once(transport: Transport) -> int:
    """Submissions under way at once, and as many polls: half of the connections, for a call that waits for one costs
    1.2 times as much. With the 32 of a pool as it comes, at 100 ms each, that is 320 of either a second.
    """
    connections = transport.connections if isinstance(transport, SessionPool) else CONNECTIONS
    return max(1, connections // 2)


@runtime_checkable
class Transport(Protocol):
    """Carries a request to the provider: a `SessionPool`, or the emulator in the same process."""

    def exchange(self, base_url: str, key: str, request: Request, timeout: float) -> Coroutine[Any, Any, Answer]:
        """Send one request, once, and give the whole answer when awaited.

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
            loop; its own settings (proxy, TLS context, connector) hold, so none of the others can be given.
        trust_env: go through the proxies that `HTTP_PROXY`, `HTTPS_PROXY` and `NO_PROXY` name in the environment, or
            that the system has set.
        proxy: go through this one, such as `"http://user:password@proxy.example.com:3128"`; the password is not shown.
        ssl: whom to trust, such as `ssl.create_default_context(cafile="company.pem")`; None: the usual authorities.
        connections: connections at once for each purpose; a batch has half of them for its submissions and half for its
            polls. A session of the caller's own has its own number.
    """

    def __init__(
        self,
        session: aiohttp.ClientSession | None = None,
        *,
        trust_env: bool = False,
        proxy: str | None = None,
        ssl: SSLContext | None = None,
        connections: int = CONNECTIONS,
    ) -> None:
        require_positive_integer("SessionPool.connections", connections)
        from .proxies import Proxies
        from .sessions import LoopSessions  # now: in a running loop 0.1 s of importing would be a stall

        if session is not None and not hasattr(session, "connector"):
            raise ConfigurationError(f"SessionPool.session: {session!r} is not allowed; allowed: an aiohttp session")
        if session is not None and (trust_env or proxy is not None or ssl is not None):
            raise ConfigurationError(
                "SessionPool: a session of your own has its own trust_env, proxy and ssl; give them to that one"
            )
        if ssl is not None and not hasattr(ssl, "wrap_bio"):
            raise ConfigurationError(f"SessionPool.ssl: {ssl!r} is not allowed; allowed: an ssl.SSLContext")
        self._own = session
        self._connections = connections
        proxies = Proxies(proxy, trust_env=trust_env)
        self._open = partial(LoopSessions, session, connections, ssl, proxies)
        self._loops: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, LoopSessions] = weakref.WeakKeyDictionary()
        weakref.finalize(self, _close_later, self._loops).atexit = False

    @property
    def connections(self) -> int:
        """Connections at once."""
        connector = None if self._own is None else self._own.connector
        return self._connections if connector is None else connector.limit or CONNECTIONS  # 0: any number

    def exchange(self, base_url: str, key: str, request: Request, timeout: float) -> Coroutine[Any, Any, Answer]:
        """Send one API request, once; see `Transport.exchange`."""
        return self.sessions().exchange(base_url, key, request, timeout)

    def sessions(self) -> LoopSessions:
        """The running loop's sessions, made when first asked for.

        Raises:
            ConfigurationError: the caller's own session is closed, or was used in another event loop before.
        """
        loop = asyncio.get_running_loop()
        sessions = self._loops.get(loop)
        if self._own is not None:
            self._require_usable(self._own, known=sessions is not None)
        if sessions is None:
            sessions = self._loops[loop] = self._open()
        return sessions

    def _require_usable(self, own: aiohttp.ClientSession, known: bool) -> None:
        if own.closed:
            raise ConfigurationError("SessionPool.session: the given session is closed")
        if not known and self._loops:
            raise ConfigurationError("SessionPool.session: the given session belongs to another event loop")

    def hold(self) -> None:
        """Keep the running loop's sessions open until `release` was called as often."""
        self.sessions().users += 1

    async def release(self) -> None:
        """Close the running loop's sessions if nobody holds them any more."""
        sessions = self._loops.get(asyncio.get_running_loop())
        if sessions is not None:
            sessions.users -= 1
            if sessions.users <= 0:
                await sessions.aclose()

    async def aclose(self) -> None:
        """Close the running loop's sessions; the pool can be used again afterwards."""
        sessions = self._loops.get(asyncio.get_running_loop())
        if sessions is not None:
            await sessions.aclose()

    async def __aenter__(self) -> Self:
        self.hold()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.release()


def _close_later(loops: Mapping[asyncio.AbstractEventLoop, LoopSessions]) -> None:
    """Close what a pool left open that was dropped while its loops run on."""
    for loop, sessions in loops.items():
        if sessions.is_open and not loop.is_closed():
            loop.call_soon_threadsafe(sessions.close_soon)
