"""The adapter to aiohttp for transfers: bodies are read and sent piece by piece.

A download follows redirects by rules of its own: to https only, from loopback to loopback also to http. The key is
never sent: not to the first host and not to one that it redirects to. An upload carries the key to the upload host,
and follows nothing.
"""

from __future__ import annotations

import asyncio
import ipaddress
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

import aiohttp
import msgspec
from yarl import URL

from .._inputs.checks import is_url
from .._protocol import Answer
from .._transport.failures import FAILURES, failure_of
from .._transport.proxies import Proxy
from ..errors import TransportError
from .references import redirected

if TYPE_CHECKING:
    from .sources import Piece

REDIRECTS = frozenset({301, 302, 303, 307, 308})
MOST_REDIRECTS = 10

CONNECT = 10.0
"""Seconds to make a connection."""

MOST_ANSWER = 1 << 20
"""Bytes that are read of the upload host's answer."""

T = TypeVar("T")


class HttpReply:
    """An answer whose body is still to be read."""

    def __init__(self, response: aiohttp.ClientResponse, stall: float, proxy: Proxy | None) -> None:
        self._response = response
        self._stall = stall
        self._proxy = proxy
        self.status = response.status
        self.headers: Mapping[str, str] = response.headers

    async def read(self) -> bytes:
        """The next bytes of the body, b"" at its end.

        Raises:
            TransportError: the connection broke, stood still for too long, or ended before its announced length.
        """
        return await _translated(self._response.content.readany(), self._stall, self._proxy)

    def close(self) -> None:
        """Hang up, unless all was read."""
        self._response.close()


def _next(link: str, location: str) -> str:
    there = redirected(link, location)
    if not is_url(there):
        raise TransportError("a redirect is not followed: it is not https, or no URL")
    host, scheme = URL(there, encoded=True).host, there.partition(":")[0].lower()
    if scheme == "https" or (_is_local(host) and _is_local(URL(link, encoded=True).host)):
        return there
    raise TransportError(f"a redirect to {scheme}://{host} is not followed: it is not https")


def _is_local(host: str | None) -> bool:
    if host is None or host == "localhost" or host.endswith(".localhost"):
        return host is not None
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


async def _translated(call: Awaitable[T], stall: float, proxy: Proxy | None) -> T:
    """The result of the call; its failure is a `TransportError`."""
    try:
        return await call
    except FAILURES as error:
        failure = failure_of(error, f"the host said nothing for {stall:g} s", proxy)
    raise failure  # here, without the error as its context too


class Http(msgspec.Struct, frozen=True):
    """A session for transfers, and all else that their requests need.

    Attributes:
        session: one that carries no key.
        stall: seconds that a host may say nothing.
        proxy_to: gives the proxy that leads to a URL.
    """

    session: aiohttp.ClientSession
    stall: float
    proxy_to: Callable[[str], Proxy | None]

    async def get(self, url: str, headers: Mapping[str, str]) -> HttpReply:
        """Get a link's answer, redirects followed.

        Raises:
            TransportError: no answer, or a redirect that is not followed.
        """
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=min(CONNECT, self.stall), sock_read=self.stall)
        for _ in range(MOST_REDIRECTS):
            proxy = self.proxy_to(url)
            asked = self.session.get(URL(url, encoded=True), headers=headers, timeout=timeout, **_plain(proxy))
            response = await _translated(asked, self.stall, proxy)
            if response.status not in REDIRECTS or "Location" not in response.headers:
                return HttpReply(response, self.stall, proxy)
            response.close()
            url = _next(url, response.headers["Location"])
        raise TransportError(f"more than {MOST_REDIRECTS} redirects")

    async def post(self, url: str, headers: Mapping[str, str], pieces: AsyncIterator[Piece]) -> Answer:
        """Send a body, in pieces, to the upload host: the one transfer that carries the key.

        Redirects are not followed.

        Raises:
            TransportError: no whole answer, or nothing moved for `stall` seconds.
            Exception: whatever giving the pieces raised.
        """
        sending, proxy = _Sending(pieces), self.proxy_to(url)
        try:
            return await _translated(self._post(url, headers, sending, proxy), self.stall, proxy)
        except TransportError:
            if sending.fault is not None:
                raise sending.fault from None
            raise

    async def _post(self, url: str, headers: Mapping[str, str], sending: _Sending, proxy: Proxy | None) -> Answer:
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=min(CONNECT, self.stall))
        data = sending.watched(self.stall)
        posting = self.session.post(
            URL(url, encoded=True), data=data, headers=headers, timeout=timeout, **_plain(proxy)
        )
        async with asyncio.timeout(self.stall) as sending.stall, posting as response:
            return Answer(response.status, await _whole(response), response.headers, time.time())


def _plain(proxy: Proxy | None) -> dict[str, Any]:
    """The options of a request that goes where it is sent, and nowhere else."""
    return {
        "proxy": None if proxy is None else proxy.url,
        "allow_redirects": False,
        "raise_for_status": False,
        "middlewares": (),  # a caller's own session may have one that adds a key, or sends again
    }


async def _whole(response: aiohttp.ClientResponse) -> bytes:
    body = bytearray()
    while chunk := await response.content.readany():
        body += chunk
        if len(body) > MOST_ANSWER:
            raise TransportError(f"an answer larger than {MOST_ANSWER} bytes")
    return bytes(body)


class _Sending:
    """A body under way: the error of its source, and when the connection last moved."""

    def __init__(self, pieces: AsyncIterator[Piece]) -> None:
        self._pieces = pieces
        self.stall: asyncio.Timeout | None = None
        self.fault: Exception | None = None

    async def watched(self, stall: float) -> AsyncGenerator[Piece]:
        while piece := await self._next():
            if self.stall is not None:
                self.stall.reschedule(asyncio.get_running_loop().time() + stall)
            yield piece

    async def _next(self) -> Piece:
        try:
            return await anext(self._pieces, b"")
        except Exception as error:  # aiohttp would make a broken connection of it
            self.fault = error
            raise
