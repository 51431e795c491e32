"""The adapter to aiohttp for transfers: bodies are read and sent piece by piece.

A download follows redirects by rules of its own: to https only, from loopback to loopback also to http. The key is
never sent: not to the first host and not to one that it redirects to. An upload carries the key to the upload host,
and follows nothing.
"""

from __future__ import annotations

import asyncio
import ipaddress
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Mapping
from contextlib import contextmanager
from typing import TypeAlias

import aiohttp
import msgspec
from yarl import URL

from .._protocol import Answer
from ..errors import TransportError

REDIRECTS = frozenset({301, 302, 303, 307, 308})
MOST_REDIRECTS = 10

CONNECT = 10.0
"""Seconds to make a connection."""

MOST_ANSWER = 1 << 20
"""Bytes that are read of the upload host's answer."""

Read: TypeAlias = Callable[[], Awaitable[bytes | memoryview]]


class Reply:
    """An answer whose body is still to be read."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self._response = response
        self.status = response.status
        self.headers: Mapping[str, str] = response.headers

    async def read(self) -> bytes:
        """The next bytes of the body, b"" at its end.

        Raises:
            TransportError: the connection broke, stood still for too long, or ended before the told length.
        """
        with _translated():
            return await self._response.content.readany()

    def close(self) -> None:
        """Hang up, unless all was read."""
        self._response.close()


async def get(session: aiohttp.ClientSession, url: str, headers: Mapping[str, str], stall: float) -> Reply:
    """Get a link's answer, redirects followed.

    Args:
        session: one that carries no key.
        url: the link.
        headers: of the request.
        stall: seconds that the host may say nothing.

    Raises:
        TransportError: no answer, or a redirect that is not followed.
    """
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=min(CONNECT, stall), sock_read=stall)
    with _translated():
        link = URL(url, encoded=True)
        for _ in range(MOST_REDIRECTS):
            response = await session.get(
                link,
                headers=headers,
                timeout=timeout,
                allow_redirects=False,
                raise_for_status=False,
                middlewares=(),  # a caller's own session may have one that adds a key
            )
            if response.status not in REDIRECTS or "Location" not in response.headers:
                return Reply(response)
            response.close()
            link = _next(link, response.headers["Location"])
    raise TransportError(f"more than {MOST_REDIRECTS} redirects")


def _next(link: URL, location: str) -> URL:
    there = link.join(URL(location))
    if there.scheme == "https" or (there.scheme == "http" and _is_local(there.host) and _is_local(link.host)):
        return there
    raise TransportError(f"a redirect to {there.origin() if there.host else there} is not followed: it is not https")


def _is_local(host: str | None) -> bool:
    if host is None or host == "localhost" or host.endswith(".localhost"):
        return host is not None
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


@contextmanager
def _translated() -> Generator[None]:
    try:
        yield
    except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
        raise TransportError(f"no connection: {error}", sent=False) from error
    except TimeoutError as error:
        raise TransportError("the host said nothing for too long") from error
    except (aiohttp.ClientError, ConnectionError, ValueError) as error:
        raise TransportError(f"the connection broke: {error or type(error).__name__}") from error


class Getter(msgspec.Struct, frozen=True):
    """What opens a link: everything that a request needs besides the link itself."""

    session: aiohttp.ClientSession
    stall: float

    async def __call__(self, url: str, headers: Mapping[str, str]) -> Reply:
        return await get(self.session, url, headers, self.stall)


class Poster(msgspec.Struct, frozen=True):
    """What sends a body, in pieces, to the upload host; the one place where a transfer carries the key.

    Redirects are not followed.
    """

    session: aiohttp.ClientSession
    stall: float

    async def __call__(self, url: str, headers: Mapping[str, str], read: Read) -> Answer:
        """Send what `read` gives, until it gives nothing.

        Raises:
            TransportError: no whole answer, or nothing moved for `stall` seconds.
            Exception: whatever `read` raised.
        """
        sending = _Sending(read)
        try:
            with _translated():
                async with asyncio.timeout(self.stall) as sending.stall:
                    return await self._post(url, headers, sending)
        except TransportError:
            if sending.fault is not None:
                raise sending.fault from None
            raise

    async def _post(self, url: str, headers: Mapping[str, str], sending: _Sending) -> Answer:
        async with self.session.post(
            URL(url, encoded=True),
            data=sending.pieces(self.stall),
            headers=headers,
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=min(CONNECT, self.stall)),
            allow_redirects=False,
            raise_for_status=False,
            middlewares=(),  # a caller's own session may have one that sends again
        ) as response:
            return Answer(response.status, await _whole(response), response.headers, time.time())


async def _whole(response: aiohttp.ClientResponse) -> bytes:
    body = bytearray()
    while chunk := await response.content.readany():
        body += chunk
        if len(body) > MOST_ANSWER:
            raise TransportError(f"an answer larger than {MOST_ANSWER} bytes")
    return bytes(body)


class _Sending:
    """A body under way: what its source raised, and when the connection last moved."""

    def __init__(self, read: Read) -> None:
        self._read = read
        self.stall: asyncio.Timeout | None = None
        self.fault: Exception | None = None

    async def pieces(self, stall: float) -> AsyncGenerator[bytes | memoryview]:
        while piece := await self._next():
            if self.stall is not None:
                self.stall.reschedule(asyncio.get_running_loop().time() + stall)
            yield piece

    async def _next(self) -> bytes | memoryview:
        try:
            return await self._read()
        except Exception as error:  # aiohttp would tell it as a broken connection
            self.fault = error
            raise
