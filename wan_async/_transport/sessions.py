"""The adapter to aiohttp: a request goes out once, an answer or a `TransportError` that says whether it left."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import AsyncExitStack
from functools import lru_cache
from typing import TYPE_CHECKING

import aiohttp
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from .._protocol import Answer, fates
from .._protocol.requests import CREATE_TASK
from .._protocol.secrets import Secret, authorization
from .._version import __version__
from ..errors import TransportError
from .connector import ProxyConnector
from .deadlines import Deadlines
from .direct import Direct, is_asked_to_end, lines, whole
from .failures import FAILURES, failure_of
from .handler import LONGEST_LINE, MOST_LINES

if TYPE_CHECKING:
    from .._protocol import Request
    from .proxies import Proxies, Proxy

KEEP_ALIVE = 4.0
"""Seconds an idle connection is kept: less than the 5 s after which common servers close theirs."""

CONNECT = 10.0
"""Seconds to get a connection: a failure in that time is certainly unsent and can be repeated."""

USER_AGENT = f"wan-async/{__version__}"
"""Some default user agents get a bare 403 from the CDN in front of the API (observed)."""


class LoopSessions:
    """The sessions of one event loop; closed ones are opened again when they are needed."""

    def __init__(
        self, own: aiohttp.ClientSession | None, connections: int, tls: ssl.SSLContext | None, proxies: Proxies
    ) -> None:
        self._own = own
        self._connections = connections
        self._tls = tls
        self._by_proxy = proxies.may_be
        self.proxy_to: Callable[[str], Proxy | None] = proxies.to
        self._api: aiohttp.ClientSession | None = None
        self._transfers: aiohttp.ClientSession | None = None
        self._at_shutdown: AsyncGenerator[None] | None = None
        self._closing: asyncio.Task[None] | None = None
        self._deadlines: Deadlines | None = None
        self._headers = _authorization if own is None else _headers
        self._direct: Direct | None = None
        self.users = 0

    @property
    def is_open(self) -> bool:
        """True if sessions of its own may be open."""
        return self._at_shutdown is not None

    @property
    def api(self) -> aiohttp.ClientSession:
        """The session for API calls."""
        if self._own is not None:
            return self._own
        if self._api is None:
            self._api = self._session(_OF_ALL)
        return self._api

    @property
    def transfers(self) -> aiohttp.ClientSession:
        """The session for uploads and downloads."""
        if self._own is not None:
            return self._own
        if self._transfers is None:
            self._transfers = self._session({"User-Agent": USER_AGENT})
        return self._transfers

    async def opened_transfers(self) -> aiohttp.ClientSession:
        """The session for transfers, as good as opened by an API call."""
        if self._at_shutdown is None:
            await self._opened()
        return self.transfers

    def _session(self, headers: Mapping[str, str]) -> aiohttp.ClientSession:
        connector = ProxyConnector if self._by_proxy else aiohttp.TCPConnector
        return aiohttp.ClientSession(
            connector=connector(
                limit=self._connections, keepalive_timeout=KEEP_ALIVE, ssl=True if self._tls is None else self._tls
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers=headers,
            max_line_size=LONGEST_LINE,
            max_field_size=LONGEST_LINE,
            max_headers=MOST_LINES,
        )

    async def exchange(self, base_url: str, key: str, request: Request, timeout: float) -> Answer:
        """Send one API request, once; see `Transport.exchange`."""
        deadlines = self._deadlines or await self._opened()
        proxy = self.proxy_to(base_url)
        came: list[Answer] = []
        try:
            with deadlines.within(timeout):
                if self._direct is None or self._direct.is_patched or proxy is not None:
                    return await self._by_session(base_url, key, request, timeout, proxy, came=came)
                head = _head(base_url, key)
                return await self._direct.exchange(base_url, head, request, _connect_timeout(timeout), came=came)
        except FAILURES as error:
            failure = failure_of(error, f"no answer within {timeout:g} s", proxy)
        except asyncio.CancelledError:
            if is_asked_to_end():
                raise
            failure = TransportError("the session was closed")
        except TransportError as error:
            failure = error
        if came and request.path == CREATE_TASK:  # other errors reach the caller, who must not find a body in them
            fates.keep(failure, came[0])
        raise failure  # here, without the error as its context too

    async def _by_session(
        self, base_url: str, key: str, request: Request, timeout: float, proxy: Proxy | None, *, came: list[Answer]
    ) -> Answer:
        response = await self.api.request(
            request.method,
            _url(base_url, request.path),
            data=request.body,
            headers=self._headers(key),
            timeout=_connect_timeout(timeout),
            proxy=None if proxy is None else proxy.url,
            allow_redirects=False,
            raise_for_status=False,
            middlewares=(),  # a caller's own session may have one that sends again
        )
        try:
            body = await whole(response.content, response.status, came)
        except BaseException:
            response.close()
            raise
        response.release()
        return Answer(response.status, body, response.headers, time.time())

    async def aclose(self) -> None:
        """Close both sessions and wait until their connections are closed."""
        if self._at_shutdown is not None:
            await self._at_shutdown.aclose()

    def close_soon(self) -> None:
        """Start closing: nobody is left who could wait for it."""
        self._closing = asyncio.get_running_loop().create_task(self.aclose(), name="wan-async close")

    async def _opened(self) -> Deadlines:
        """Open, and have the sessions closed even by a loop that ends before anyone closes them.

        `asyncio.run` closes the async generators that are still open, so one of them holds the sessions.
        """

        async def guard() -> AsyncGenerator[None]:
            try:
                yield
            finally:
                await self._close()

        deadlines = self._deadlines = Deadlines(asyncio.get_running_loop())
        self._direct = None if self._own is not None else Direct.of(self.api)
        self._at_shutdown = guard()
        await anext(self._at_shutdown)
        return deadlines

    async def _close(self) -> None:
        sessions = self._api, self._transfers
        if self._deadlines is not None:
            self._deadlines.close()
        self._api = self._direct = self._transfers = self._at_shutdown = self._deadlines = None
        async with AsyncExitStack() as stack:  # the second is closed even if closing the first is cancelled
            for session in sessions:
                if session is not None:
                    stack.push_async_callback(session.close)


_OF_ALL = {
    "Content-Type": "application/json",  # on GET too: without it the answer can be 401 (observed)
    "Accept": "application/json",
    "Accept-Encoding": "identity",
    "User-Agent": USER_AGENT,
}
"""The headers of every call; as a session's own they cost 0.7 µs a request less than when given with each."""


@lru_cache(maxsize=256)
def _authorization(key: str) -> CIMultiDictProxy[str]:
    return CIMultiDictProxy(CIMultiDict({"Authorization": authorization(key)}))


@lru_cache(maxsize=256)
def _headers(key: str) -> CIMultiDictProxy[str]:
    return CIMultiDictProxy(CIMultiDict({**_authorization(key), **_OF_ALL}))


@lru_cache(maxsize=256)
def _head(base_url: str, key: str) -> Secret:
    return Secret(f"Host: {_url(base_url, '').host_port_subcomponent}\r\n{lines(_headers(key).items())}")


@lru_cache(maxsize=1024)
def _url(base_url: str, path: str) -> URL:
    """The URL of an encoded path, for polls of a task are many: made anew it costs 2 µs, and aiohttp 1.5 µs more."""
    endpoint, _, query = (base_url + path).partition("?")
    if not query:
        return URL(endpoint, encoded=True)
    base = _url(endpoint, "")  # put together it costs 2 µs less than parsed
    scheme, authority = base.scheme, base.raw_authority
    return URL.build(scheme=scheme, authority=authority, path=base.raw_path, query_string=query, encoded=True)


@lru_cache(maxsize=16)
def _connect_timeout(total: float) -> aiohttp.ClientTimeout:
    # half of a short total at most, so that "no connection" is known from "no answer"; the total is not aiohttp's to
    # watch: that costs 4.7 µs a request
    return aiohttp.ClientTimeout(total=None, connect=min(CONNECT, total / 2))
