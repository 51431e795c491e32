"""A server on loopback that does to each request what a script says, down to resets and half answers."""

from __future__ import annotations

import asyncio
import gzip
import json
import socket
import ssl
import struct
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import TypeAlias

import msgspec

CREATED = {"code": 200, "msg": "success", "data": {"taskId": "t1", "recordId": "r1"}}


class Received(msgspec.Struct, frozen=True):
    """A request as it stood on the wire; `headers` by their lower-case names."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


class Peer:
    """The server's end of a connection."""

    def __init__(self, server: ScriptedServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._server = server
        self._reader = reader
        self._writer = writer
        self._ahead = b""
        self.closed = False

    async def more(self) -> bool:
        """Wait for the first byte of another request; False if the client closes instead."""
        self._ahead = await self._reader.read(1)
        return bool(self._ahead)

    async def read(self) -> Received:
        """The next request, whole; it counts as a POST as soon as its headers are here."""
        head = self._ahead + await self._reader.readuntil(b"\r\n\r\n")
        self._ahead = b""
        line, *fields = head.decode().split("\r\n")[:-2]
        method, path, _ = line.split(" ")
        headers = {name.lower(): value.strip() for name, _, value in (field.partition(":") for field in fields)}
        self._server.posts += method == "POST"
        body = await self._reader.readexactly(int(headers.get("content-length", 0)))
        received = Received(method, path, headers, body)
        self._server.received.append(received)
        return received

    async def read_some(self) -> None:
        """Whatever comes first, uncounted: a TLS hello."""
        await self._reader.read(1)

    async def send(self, text: bytes) -> None:
        self._writer.write(text)
        await self._writer.drain()

    def close(self) -> None:
        """Close the orderly way, with a FIN."""
        self.closed = True
        self._writer.close()

    def reset(self) -> None:
        """Close with a RST."""
        sock: socket.socket = self._writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.closed = True
        self._writer.transport.abort()


Script: TypeAlias = Callable[[Peer], Awaitable[None]]


def http(status: int, body: bytes, headers: Mapping[str, str] | None = None) -> bytes:
    """An HTTP/1.1 answer; a given `Content-Length` is sent as it is, true or not."""
    fields = {"Content-Type": "application/json", "Content-Length": str(len(body)), **(headers or {})}
    lines = [f"HTTP/1.1 {status} Words", *(f"{name}: {value}" for name, value in fields.items() if value)]
    return "\r\n".join([*lines, "", ""]).encode() + body


def answer(status: int = 200, body: object = CREATED, headers: Mapping[str, str] | None = None) -> Script:
    """Answer whole and keep the connection; a `body` that is not bytes is sent as JSON."""
    text = http(status, body if isinstance(body, bytes) else json.dumps(body).encode(), headers)

    async def script(peer: Peer) -> None:
        await peer.read()
        await peer.send(text)

    return script


def envelope(code: int, msg: str = "no", status: int = 200, headers: Mapping[str, str] | None = None) -> Script:
    return answer(status, {"code": code, "msg": msg, "data": None}, headers)


def gzipped(body: object) -> Script:
    """An answer that is compressed although nobody asked."""
    return answer(body=gzip.compress(json.dumps(body).encode()), headers={"Content-Encoding": "gzip"})


def chunked(*chunks: bytes) -> Script:
    """An answer in chunks, without a length."""
    text = b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks) + b"0\r\n\r\n"
    head = http(200, b"", {"Content-Length": "", "Transfer-Encoding": "chunked"})
    return raw(head + text)


def raw(text: bytes, *, then: Callable[[Peer], None] | None = None) -> Script:
    """Read the request, send these bytes, and end the connection as given."""

    async def script(peer: Peer) -> None:
        await peer.read()
        await peer.send(text)
        if then is not None:
            then(peer)

    return script


def cut(text: bytes, at: int) -> Script:
    """The answer's first bytes, then the end of the connection."""
    return raw(text[:at], then=Peer.close)


async def reset_at_once(peer: Peer) -> None:
    peer.reset()


async def reset_in_handshake(peer: Peer) -> None:
    await peer.read_some()
    peer.reset()


async def answer_plainly(peer: Peer) -> None:
    """An HTTP server's answer to a TLS hello."""
    await peer.read_some()
    await peer.send(http(400, b""))
    peer.close()


async def close_after_reading(peer: Peer) -> None:
    await peer.read()
    peer.close()


async def reset_after_reading(peer: Peer) -> None:
    await peer.read()
    peer.reset()


async def never(peer: Peer) -> None:
    await peer.read()
    await asyncio.Event().wait()


async def answer_then_close_idle(peer: Peer) -> None:
    """Keep the connection alive, and close it as soon as the client has its answer."""
    await answer()(peer)
    await asyncio.sleep(0.02)
    peer.close()


async def answer_then_reset_next(peer: Peer) -> None:
    """Keep the connection alive, and reset it when it is used again."""
    await answer()(peer)
    await peer.more()
    peer.reset()


class ScriptedServer:
    """Takes one script per request, in order, and `CREATED` when they run out.

    Attributes:
        posts: POSTs of which at least the headers came.
        received: the whole requests.
        connections: accepted connections.
    """

    def __init__(self, scripts: tuple[Script, ...] = ()) -> None:
        self.scripts = deque(scripts)
        self.posts = 0
        self.received: list[Received] = []
        self.connections = 0
        self.url = ""
        self._listener: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def open(self, tls: ssl.SSLContext | None, listening: bool) -> None:
        sock = socket.create_server(("127.0.0.1", 0)) if listening else _bound()
        self._listener = await asyncio.start_server(self._accept, sock=sock, ssl=tls, start_serving=listening)
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{sock.getsockname()[1]}"

    async def listen(self) -> None:
        """Start to accept connections, which were refused until now."""
        assert self._listener is not None
        await self._listener.start_serving()

    async def aclose(self) -> None:
        assert self._listener is not None
        self._listener.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        task = asyncio.get_running_loop().create_task(self._serve(Peer(self, reader, writer), writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, peer: Peer, writer: asyncio.StreamWriter) -> None:
        try:
            while not peer.closed:
                script = self.scripts.popleft() if self.scripts else answer()
                await script(peer)
                if peer.closed or not await peer.more():
                    break
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the client left
        finally:
            if not peer.closed:
                writer.transport.abort()


def _bound() -> socket.socket:
    """A port of ours that refuses connections until somebody listens."""
    sock = socket.socket()
    sock.bind(("127.0.0.1", 0))
    return sock


@asynccontextmanager
async def scripted(
    *scripts: Script, tls: ssl.SSLContext | None = None, listening: bool = True
) -> AsyncGenerator[ScriptedServer]:
    server = ScriptedServer(scripts)
    await server.open(tls, listening)
    try:
        yield server
    finally:
        await server.aclose()
