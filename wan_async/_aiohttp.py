"""The adapter to aiohttp: a request goes out once, an answer or a `TransportError` that says whether it left.

Which aiohttp error means that nothing was sent was tried against 3.14: a refused connection, DNS, TLS (all
`ClientConnectorError`) and no connection in time (`ConnectionTimeoutError`). Everything else may have reached the
provider: a server that closed after reading, a reset, a read timeout, a cut body, and a kept-alive connection that the
server had closed. The last is why connections are kept for seconds only.
"""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING

import aiohttp
from multidict import CIMultiDict
from yarl import URL

from ._protocol import Answer
from ._version import __version__
from .errors import TransportError

if TYPE_CHECKING:
    from ._protocol import Request

MAX_ANSWER = 1 << 20
"""Bytes of an API answer; the largest that was seen is 2 KiB."""

KEEP_ALIVE = 4.0
"""Seconds an idle connection is kept: less than the 5 s after which common servers close theirs."""

CONNECT = 10.0
"""Seconds to get a connection: a failure in that time is certainly unsent and can be repeated."""

USER_AGENT = f"wan-async/{__version__}"
"""Some default user agents get a bare 403 from the CDN in front of the API (seen)."""


class LoopSessions:
    """The sessions of one event loop."""

    def __init__(self, own: aiohttp.ClientSession | None, connections: int) -> None:
        self._own = own
        self._connections = connections
        self._api: aiohttp.ClientSession | None = None
        self._transfers: aiohttp.ClientSession | None = None
        self._headers: dict[str, CIMultiDict[str]] = {}
        self._timeouts: dict[float, aiohttp.ClientTimeout] = {}
        self._at_shutdown: AsyncGenerator[None] | None = None
        self.users = 0

    @property
    def api(self) -> aiohttp.ClientSession:
        """The session for API calls."""
        if self._own is not None:
            return self._own
        if self._api is None:
            self._api = self._session(KEEP_ALIVE)
        return self._api

    @property
    def transfers(self) -> aiohttp.ClientSession:
        """The session for uploads and downloads."""
        if self._own is not None:
            return self._own
        if self._transfers is None:
            self._transfers = self._session(KEEP_ALIVE)
        return self._transfers

    def _session(self, keep_alive: float) -> aiohttp.ClientSession:
        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=self._connections, keepalive_timeout=keep_alive),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"User-Agent": USER_AGENT},
        )

    async def exchange(self, base_url: str, key: str, request: Request, timeout: float) -> Answer:
        """Send one API request, once; see `Transport.exchange`."""
        if self._at_shutdown is None:
            await self._close_at_shutdown()
        try:
            response = await self.api.request(
                request.method,
                URL(base_url + request.path, encoded=True),
                data=request.body,
                headers=self._headers_for(key),
                timeout=self._timeout(timeout),
                allow_redirects=False,
                raise_for_status=False,
            )
            body = await _whole(response)
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            raise TransportError(f"no connection: {error}", sent=False) from error
        except TimeoutError as error:
            raise TransportError(f"no answer within {timeout:g} s") from error
        except aiohttp.ClientError as error:
            raise TransportError(f"the connection broke: {error or type(error).__name__}") from error
        return Answer(response.status, body, response.headers, time.time())

    def _headers_for(self, key: str) -> CIMultiDict[str]:
        headers = self._headers.get(key)
        if headers is None:
            headers = self._headers[key] = CIMultiDict(
                {
                    "Authorization": f"Bearer {key}",
                    "Content-Type": "application/json",  # on GET too: without it the answer can be 401 (seen)
                    "Accept": "application/json",
                    "Accept-Encoding": "identity",
                    "User-Agent": USER_AGENT,
                }
            )
        return headers

    def _timeout(self, total: float) -> aiohttp.ClientTimeout:
        timeout = self._timeouts.get(total)
        if timeout is None:
            # half of a short total at most, so that "no connection" is told from "no answer"
            timeout = self._timeouts[total] = aiohttp.ClientTimeout(total=total, connect=min(CONNECT, total / 2))
        return timeout

    async def aclose(self) -> None:
        """Close both sessions and wait until their connections are closed."""
        if self._at_shutdown is not None:
            await self._at_shutdown.aclose()

    async def _close_at_shutdown(self) -> None:
        """Have the sessions closed even by a loop that ends before anyone closes them.

        `asyncio.run` closes the async generators that are still open, so one of them holds the sessions.
        """

        async def guard() -> AsyncGenerator[None]:
            try:
                yield
            finally:
                for session in (self._api, self._transfers):
                    if session is not None:
                        await session.close()
                self._api = self._transfers = self._at_shutdown = None

        self._at_shutdown = guard()
        await anext(self._at_shutdown)


async def _whole(response: aiohttp.ClientResponse) -> bytes:
    """The whole body, refused when larger than `MAX_ANSWER` (after decompression)."""
    length = response.content_length
    if length is not None and length <= MAX_ANSWER and "Content-Encoding" not in response.headers:
        return await response.read()
    body = bytearray()
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > MAX_ANSWER:
            response.close()
            raise TransportError(f"an answer larger than {MAX_ANSWER} bytes")
    response.release()
    return bytes(body)
