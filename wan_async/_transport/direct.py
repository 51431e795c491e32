"""API calls made directly on the connections of an aiohttp session.

A request of the session itself is made for redirects, cookies, forms, streams, traces and middlewares too, and asks for
each: that is 45 of its 70 µs. An API call is one small message and one small answer. So it takes a connection from the
session's connector, writes, and has aiohttp's protocol read the answer; the pool, DNS, TLS, the parser, decompression
and what failed stay aiohttp's.

- Head and body are one piece of bytes; the head's lines are put together once for each key.
- It is written when the event loop's pass ends, back to back with all others of that pass, as uvloop does by itself:
  a peer that sleeps is woken once, not for each.

Calls that somebody else watches go through the session (`Direct.of`, `Direct.is_patched`): those of one that is not as
this library makes it (agents have all sessions traced, or sent by a proxy), and all while aiohttp's own requests are
replaced, as aioresponses and recorders do. So do all with a version of aiohttp that this was not tried with: that
connections have a protocol is documented, its methods are not.
"""

from __future__ import annotations

import asyncio
import time
from functools import cached_property, lru_cache, partial
from types import FunctionType
from typing import TYPE_CHECKING, Final, NamedTuple, Self, TypeVar

import aiohttp
import aiohttp.client
from yarl import URL

from .._events.lines import logger
from .._protocol import Answer
from ..errors import TransportError
from .failures import FAILURES
from .handler import KEPT, UNSENT, Handler, answer_in

if TYPE_CHECKING:
    from collections.abc import Iterable

    from aiohttp.client_reqrep import ConnectionKey

    from .._protocol import Request

_log = logger("calls")

TRIED: Final = ("3.14.",)
"""The versions of aiohttp whose connections were tried, as they begin."""

MAX_ANSWER = 1 << 20
"""Bytes of an API answer; the largest that was recorded has 2 KiB."""

_SMALL = 1 << 15
"""Bytes for which aiohttp never pauses a connection: reading such a body in its way goes on with the connection, which
is 3 of the 45 µs of an exchange.
"""

Bytes = TypeVar("Bytes", bytes, bytearray)


def aiohttps_own(name: str) -> object:
    """The session's method, if nobody replaced it before this was imported."""
    function = vars(aiohttp.ClientSession).get(name)
    # a replacement may copy all of it but the globals that it sees
    is_original = isinstance(function, FunctionType) and function.__globals__.get("__name__") == aiohttp.client.__name__
    return function if is_original else None


_REQUEST: Final = aiohttps_own("request")
_INNER_REQUEST: Final = aiohttps_own("_request")


class _ToServer(aiohttp.ClientRequest):
    """A request for a connection to a server; aiohttp makes the key at each call, which takes 0.7 µs."""

    @cached_property
    def connection_key(self) -> ConnectionKey:  # pyright: ignore[reportIncompatibleMethodOverride]
        return super().connection_key


class _Server(NamedTuple):
    """A server as the connector knows it, and what all paths begin with."""

    request: _ToServer
    prefix: str


class Direct:
    """API calls on the connections of one session; see `of`."""

    def __init__(
        self, session: aiohttp.ClientSession, connector: aiohttp.BaseConnector, loop: asyncio.AbstractEventLoop
    ) -> None:
        self._session = session
        self._connector = connector
        self._loop = loop
        self._servers: dict[str, _Server] = {}
        self._to_write: list[tuple[Handler, asyncio.WriteTransport, bytes]] = []

    @classmethod
    def of(cls, session: aiohttp.ClientSession) -> Self | None:
        """The calls of a session of the library's own, in its event loop; None if they must be the session's."""
        inside = vars(session)
        is_ours = (
            not session.trace_configs
            and not session.trust_env
            and inside.get("_default_proxy") is None
            and inside.get("_request_class") is aiohttp.ClientRequest
            and inside.get("_response_class") is aiohttp.ClientResponse
        )
        if session.connector is None or not is_ours:
            return None
        if not aiohttp.__version__.startswith(TRIED):
            _note_untried(aiohttp.__version__)
            return None
        loop = asyncio.get_running_loop()
        vars(session.connector)["_factory"] = partial(Handler, loop=loop)
        return cls(session, session.connector, loop)

    @property
    def is_patched(self) -> bool:
        """True while somebody has put something of his own in the place of aiohttp's requests."""
        session = aiohttp.ClientSession
        return session._request is not _INNER_REQUEST or session.request is not _REQUEST  # pyright: ignore[reportPrivateUsage]

    async def exchange(
        self,
        base_url: str,
        head: str,
        request: Request,
        connect_timeout: aiohttp.ClientTimeout,
        *,
        came: list[Answer] | None = None,
        again: bool = False,
    ) -> Answer:
        """Send a request, and give the whole answer.

        A GET whose connection breaks before its answer goes out once more, as a session sends it.

        Args:
            base_url: scheme and host, without a trailing slash.
            head: the lines of the headers.
            request: what to send.
            connect_timeout: how long it may take to get a connection; the rest has no limit here.
            came: gets what came of an answer that broke off.
            again: this is that once more.

        Raises:
            TransportError: the answer is too large, or the connection ended before it was written to.
            Exception: those of aiohttp; see `sessions`.
        """
        server = self._servers.get(base_url) or self._serve(base_url)
        try:
            connection = await self._connector.connect(server.request, [], connect_timeout)
        except TimeoutError as error:
            raise aiohttp.ConnectionTimeoutError(f"Connection timeout to host {base_url}") from error
        except asyncio.CancelledError:
            if is_asked_to_end():
                raise
            raise TransportError("the session was closed before the request was sent", sent=False) from None
        handler = connection.protocol if isinstance(connection.protocol, Handler) else None
        try:
            transport = None if handler is None else handler.expect_answer()
            if handler is None or transport is None:
                raise TransportError(UNSENT, sent=False)
            self._write_soon(handler, transport, message(server.prefix, head, request))
            answer, content = await handler.read()
            while 100 <= answer.code < 200 and answer.code != 101:  # just a note that the answer will come
                answer, content = await handler.read()
            body = _at_hand(content) or await whole(content, answer.code, came)
        except BaseException as error:
            connection.close()
            unsent = handler is not None and handler.unsent
            piece = b"" if handler is None or unsent else handler.unparsed
            if came is not None and (unparsed := answer_in(piece)) is not None:
                came[:] = [unparsed]
            broke = isinstance(error, (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError))
            if not (broke or unsent) or again or request.method != "GET":
                if unsent and isinstance(error, Exception):
                    raise TransportError(UNSENT, sent=False) from None
                raise
        else:
            if transport.get_write_buffer_size():  # answered before it was read: the rest would precede the next one
                connection.close()
            else:
                handler.rest(None if answer.compression else body)
                connection.release()
            return Answer(answer.code, body, answer.headers, time.time(), handler.close)
        return await self.exchange(base_url, head, request, connect_timeout, came=came, again=True)

    def _write_soon(self, handler: Handler, transport: asyncio.WriteTransport, whole: bytes) -> None:
        if not self._to_write:
            self._loop.call_soon(self._write_all)
        self._to_write.append((handler, transport, whole))

    def _write_all(self) -> None:
        to_write, self._to_write = self._to_write, []
        for handler, transport, whole in to_write:
            if not (handler.asks() and write(transport, whole)):
                handler.refuse()

    def _serve(self, base_url: str) -> _Server:
        url = URL(base_url, encoded=True)
        if url.scheme not in ("http", "https"):
            raise aiohttp.NonHttpUrlClientError(url)
        request = _ToServer("GET", url, loop=self._loop, session=self._session)
        server = self._servers[base_url] = _Server(request, url.raw_path.rstrip("/"))
        return server


@lru_cache  # once in a process
def _note_untried(version: str) -> None:
    tried = " and ".join(f"{one}x" for one in TRIED)
    _log.info("API calls go by aiohttp's own sessions, slower: its %s was not tried, only %s", version, tried)


def is_asked_to_end() -> bool:
    """True if the running task was cancelled itself: closing a session cancels what waits for its connections alone."""
    task = asyncio.current_task()
    return task is None or task.cancelling() > 0


def _at_hand(content: aiohttp.StreamReader) -> bytes:
    """A small body that came with its head, as nearly all do; else nothing, and it is read in aiohttp's way."""
    if content.is_eof() and 0 < content.total_bytes < _SMALL and content.exception() is None:
        return b"".join(content._buffer)  # pyright: ignore[reportPrivateUsage]
    return b""


async def whole(content: aiohttp.StreamReader, status: int, came: list[Answer] | None) -> bytes:
    """The body, refused when larger than `MAX_ANSWER` (after decompression); `came` gets what came of a broken one."""
    body: bytes | bytearray = b""
    try:
        if content.is_eof():  # it came with its head, as nearly all do: not waiting for it saves 5 µs
            body = content.read_nowait()
            return _not_too_large(body)
        body = bytearray()
        async for chunk in content.iter_any():
            body += chunk
            _not_too_large(body)
        return bytes(body)
    except BaseException:
        if came is not None:
            rest = b"".join(content._buffer)  # pyright: ignore[reportPrivateUsage]
            came[:] = [Answer(status, (bytes(body[:KEPT]) + rest)[:KEPT])]
        raise


def message(prefix: str, head: str, request: Request) -> bytes:
    """Head and body, as they are written."""
    body = request.body
    if body is None:
        return f"{request.method} {prefix}{request.path} HTTP/1.1\r\n{head}\r\n".encode()
    start = f"{request.method} {prefix}{request.path} HTTP/1.1\r\n{head}Content-Length: {len(body)}\r\n\r\n"
    return start.encode() + body


def lines(headers: Iterable[tuple[str, str]]) -> str:
    """Headers as they are written.

    Raises:
        ValueError: a value holds a line break, which would make another header of what follows.
    """
    written = [f"{name}: {value}" for name, value in headers]
    if any(character in line for line in written for character in "\r\n\0"):
        raise ValueError("a header's value holds a line break")
    return "".join(f"{line}\r\n" for line in written)


def write(transport: asyncio.WriteTransport, whole: bytes) -> bool:
    """Write it, unless the connection has closed since or refuses it; False if certainly nothing of it left.

    Nothing is raised: the requests of others are written behind this one.
    """
    if transport.is_closing():
        return False
    try:
        transport.write(whole)
    except FAILURES:
        _log.debug("a connection refused what was written to it", exc_info=True)
        transport.abort()
    return True


def _not_too_large(body: Bytes) -> Bytes:
    if len(body) > MAX_ANSWER:
        raise TransportError(f"an answer larger than {MAX_ANSWER} bytes")
    return body
