"""The emulator over real HTTP: a thin face of aiohttp around the provider."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import aiohttp
from aiohttp import web

from ._calls import Call, Media, Reply
from ._clips import ClipSpec
from ._clock import Clock
from ._incoming import Incoming
from ._outgoing import Outgoing
from ._provider import Provider
from ._ranges import Part, select
from ._studio import Studio

if TYPE_CHECKING:
    from ._callbacks import PostCallback

_CHUNK = 1 << 18
_SHUTDOWN = 0.25
"""Seconds that answers under way get when the server stops."""


@asynccontextmanager
async def serving(
    provider: Provider, clock: Clock, host: str, port: int, *, render: bool, outside: bool
) -> AsyncGenerator[tuple[str, PostCallback]]:
    """Serve; gives the base URL, and what sends callbacks."""
    async with aiohttp.ClientSession() as session:
        outgoing = Outgoing(session, outside=outside)
        face = _Face(provider, clock, Studio(render=render), Incoming(provider.shelf.files, outgoing))
        runner = web.ServerRunner(web.Server(face.answer, access_log=None), shutdown_timeout=_SHUTDOWN)
        await runner.setup()
        try:
            await web.TCPSite(runner, host, port).start()
            yield _url(host, runner.addresses[0][1]), outgoing.post
        finally:
            await runner.cleanup()


def _url(host: str, port: int) -> str:
    """The base URL; for a server on all addresses, its loopback one."""
    name = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - only when the caller asked for it
    return f"http://[{name}]:{port}" if ":" in name else f"http://{name}:{port}"


class _Face:
    def __init__(self, provider: Provider, clock: Clock, studio: Studio, incoming: Incoming) -> None:
        self._provider = provider
        self._clock = clock
        self._studio = studio
        self._incoming = incoming

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request; a client that is gone, such as one that was killed, is no error."""
        try:
            return await self._answer(request)
        except (ConnectionError, web.RequestPayloadError):
            return _hang_up(request)

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        call = await self._incoming.call(request)
        reply = self._provider.handle(call, self._clock.now())
        if reply.delay:
            await asyncio.sleep(reply.delay)
        if reply.sent == "nothing":
            return _hang_up(request)
        if reply.media is not None:
            return await self._send_media(request, call, reply, reply.media)
        if reply.sent == "part":
            return await _send(request, reply, Part(reply.status, 0, len(reply.body), {}), reply.body)
        return web.Response(status=reply.status, body=reply.body, headers=reply.headers)

    async def _send_media(self, request: web.BaseRequest, call: Call, reply: Reply, media: Media) -> web.StreamResponse:
        source = await self._studio.clip(media.source) if isinstance(media.source, ClipSpec) else media.source
        size = len(source) if isinstance(source, bytes) else await asyncio.to_thread(lambda: source.stat().st_size)
        return await _send(request, reply, select(call.headers, media, size), source)


async def _send(request: web.BaseRequest, reply: Reply, part: Part, source: bytes | Path) -> web.StreamResponse:
    """Send a part of `source`, and hang up in the middle where the reply says so."""
    response = web.StreamResponse(status=part.status, headers={**reply.headers, **part.headers})
    length = part.stop - part.start
    response.content_length = length
    await response.prepare(request)
    if request.method == "HEAD":
        return response
    cut = reply.sent == "part"
    sent = min(length, length // 2 if reply.part is None else reply.part) if cut else length
    async for chunk in _chunks(source, part.start, part.start + sent):
        await response.write(chunk)
    if cut:
        return _hang_up(request, response)
    await response.write_eof()
    return response


async def _chunks(source: bytes | Path, start: int, stop: int) -> AsyncIterator[bytes]:
    if isinstance(source, bytes):
        for at in range(start, stop, _CHUNK):
            yield source[at : min(stop, at + _CHUNK)]
        return
    file = await asyncio.to_thread(source.open, "rb")
    with file:
        file.seek(start)
        for at in range(start, stop, _CHUNK):
            yield await asyncio.to_thread(file.read, min(stop - at, _CHUNK))  # noqa: ASYNC119 - a file, closed with it


def _hang_up(request: web.BaseRequest, response: web.StreamResponse | None = None) -> web.StreamResponse:
    """Close the connection once what was written is out; nothing more is sent."""
    if request.transport is not None:
        request.transport.close()
    return response or web.Response()
