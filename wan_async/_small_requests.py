"""API calls as aiohttp's requests, without what only large or streamed bodies need.

aiohttp makes a payload of each body, writes it from a task of its own (CPython 3.11), and gives each request to the
socket as soon as it is made. A call of a few hundred bytes needs less:

- Head and body are one piece of bytes; the head's lines are put together once for each set of headers.
- It is written when the event loop's pass ends, back to back with all others of that pass, as uvloop does by itself:
  a peer that sleeps is woken once, not for each.

A call costs 0.7 of what it costs by aiohttp's own class (`benchmarks.submit`). The connection, TLS, what failed and the
answer stay aiohttp's. The constructor leaves out what aiohttp's does for features that no API call uses, so a version
of aiohttp that it was not tried with gets aiohttp's class.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final, cast

import aiohttp

if TYPE_CHECKING:
    import asyncio

    from aiohttp.abc import AbstractStreamWriter
    from aiohttp.client import ClientSession
    from aiohttp.connector import Connection
    from aiohttp.helpers import BaseTimerContext
    from multidict import CIMultiDict
    from yarl import URL

_TRIED: Final = ("3.14.",)


class SmallRequest(aiohttp.ClientRequest):
    """A request whose body, if any, is bytes. Made by a session; the arguments are those of aiohttp's class."""

    proxy = proxy_auth = proxy_headers = None

    def __init__(  # pyright: ignore[reportMissingSuperCall]
        self,
        method: str,
        url: URL,
        *,
        headers: CIMultiDict[str],
        data: bytes | None,
        loop: asyncio.AbstractEventLoop,
        response_class: type[aiohttp.ClientResponse],
        timer: BaseTimerContext,
        session: ClientSession,
        ssl: bool,
        **_: object,
    ) -> None:
        self.method = method
        self.url = self.original_url = url
        self.headers = headers
        self.loop = loop
        self.response_class = response_class
        self.server_hostname = None
        self._bytes = data
        self._session = session
        self._ssl = ssl
        self._timer = timer

    async def send(self, conn: Connection) -> aiohttp.ClientResponse:
        """Have it written with the others of this pass."""
        protocol = conn.protocol
        transport = None if protocol is None else protocol.transport
        if transport is None or transport.is_closing():
            raise aiohttp.ClientConnectionResetError("Cannot write to closing transport")
        self.loop.call_soon(write, transport, self.message())
        self.response = self.response_class(
            self.method,
            self.url,
            writer=None,
            continue100=None,
            timer=self._timer,
            request_info=self.request_info,
            traces=[],
            loop=self.loop,
            session=self._session,
            stream_writer=_WRITTEN,
        )
        return self.response

    def message(self) -> bytes:
        """Head and body, as they are written.

        Raises:
            ValueError: a header's value holds a line break.
        """
        url, body = self.url, self._bytes
        head = f"{self.method} {url.raw_path_qs} HTTP/1.1\r\nHost: {url.host_port_subcomponent}\r\n"
        head += _lines(tuple(self.headers.items()))
        if body is None:
            return f"{head}\r\n".encode()
        return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


class _Written:
    """What a response asks of the writer of a request that is written without one."""

    output_size = 0


_WRITTEN = cast("AbstractStreamWriter", _Written())


def write(transport: asyncio.WriteTransport, message: bytes) -> None:
    """Write it, unless the connection has closed since; then whoever waits for the answer hears of that."""
    if not transport.is_closing():
        transport.write(message)


@lru_cache(maxsize=256)
def _lines(headers: tuple[tuple[str, str], ...]) -> str:
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers)
    if lines.count("\r") + lines.count("\n") != 2 * len(headers) or "\0" in lines:
        raise ValueError("a header's value holds a line break")  # it would be another header
    return lines


def request_class() -> type[aiohttp.ClientRequest]:
    """The class for sessions of API calls."""
    return SmallRequest if aiohttp.__version__.startswith(_TRIED) else aiohttp.ClientRequest
