"""The page over HTTP on loopback: always of now, with its data and the clips that the journal names."""

from __future__ import annotations

import asyncio
import hashlib
import os
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
from aiohttp import hdrs, web
from aiohttp.typedefs import Handler

from .gallery import Gallery
from .links import ById
from .page import render

HOST = "127.0.0.1"

_NAMES = ("127.0.0.1", "localhost")
"""Other names in `Host` are another site's that was made to lead here (DNS rebinding)."""

_HEADERS = {
    "Cache-Control": "no-cache",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
_SHUTDOWN = 1.0
"""Seconds that answers under way get at the end."""

_SHARE = 4.0
"""Data is good for this many times the seconds that reading it took: a huge journal costs a fifth of a core."""


class LiveData:
    """The newest data of a journal, read again only when the journal was written.

    Args:
        journal: the file; None: it is in a database, and is read to see whether it was written.
        read: reads it; is called in a thread.
    """

    def __init__(self, journal: Path | None, read: Callable[[], Gallery]) -> None:
        self._journal = journal
        self._read = read
        self._lock = asyncio.Lock()
        self._tag = ""
        self._latest: Gallery | None = None
        self._rested = 0.0

    async def latest(self) -> tuple[str, Gallery]:
        """The data, and a tag that changes with it."""
        async with self._lock:
            tag = None if self._journal is None else _tag(self._journal)
            if self._latest is None or (tag != self._tag and time.monotonic() >= self._rested):
                started = time.monotonic()
                self._latest = await asyncio.to_thread(self._read)
                self._tag = _digest(self._latest) if tag is None else tag
                self._rested = time.monotonic() + _SHARE * (time.monotonic() - started)
            return self._tag, self._latest


class Faces:
    """The handlers."""

    def __init__(self, source: LiveData, links: ById) -> None:
        self._source = source
        self._links = links

    async def page(self, request: web.Request) -> web.Response:
        _, gallery = await self._source.latest()
        text = await asyncio.to_thread(render, gallery)
        return web.Response(text=text, content_type="text/html", headers=_HEADERS)

    async def data(self, request: web.Request) -> web.Response:
        tag, gallery = await self._source.latest()
        headers = {**_HEADERS, hdrs.ETAG: f'"{tag}"'}
        if any(given.value == tag for given in request.if_none_match or ()):
            return web.Response(status=304, headers=headers)
        body = await asyncio.to_thread(msgspec.json.encode, gallery)
        return web.Response(body=body, content_type="application/json", headers=headers)

    async def clip(self, request: web.Request) -> web.FileResponse:
        file = await asyncio.to_thread(self._links.file, *map(int, request.match_info.values()))
        if file is None:
            raise web.HTTPNotFound
        content_type = {"Content-Type": "video/mp4"} if file.suffix.lower() == ".mp4" else {}
        return web.FileResponse(file, headers={**_HEADERS, **content_type})


@asynccontextmanager
async def serving(source: LiveData, links: ById, port: int) -> AsyncGenerator[str]:
    """Serve the page on loopback; gives its URL.

    Args:
        source: the data.
        links: where the clips are.
        port: 0 takes a free one.

    Raises:
        OSError: the port is in use.
    """
    runner = web.AppRunner(_app(Faces(source, links)), access_log=None, shutdown_timeout=_SHUTDOWN)
    await runner.setup()
    try:
        await web.TCPSite(runner, HOST, port).start()
        yield f"http://{HOST}:{runner.addresses[0][1]}/"
    finally:
        await runner.cleanup()


def _app(faces: Faces) -> web.Application:
    app = web.Application(middlewares=[_only_here])
    app.router.add_get("/", faces.page)
    app.router.add_get("/data.json", faces.data)
    app.router.add_get(r"/clips/{number:\d{1,18}}", faces.clip)
    app.router.add_get(r"/clips/{number:\d{1,18}}/{nth:\d{1,3}}", faces.clip)
    return app


@web.middleware
async def _only_here(request: web.Request, handler: Handler) -> web.StreamResponse:
    if (request.url.host or "") not in _NAMES:
        raise web.HTTPMisdirectedRequest
    return await handler(request)


def _tag(journal: Path) -> str:
    """Changes with each commit: of the file or of the write-ahead log beside it."""
    stands = [_stamp(Path(f"{journal}{suffix}")) for suffix in ("", "-wal")]
    return hashlib.blake2b(repr(stands).encode(), digest_size=12).hexdigest()


def _digest(gallery: Gallery) -> str:
    shown = msgspec.json.encode(msgspec.structs.replace(gallery, read_at=0.0))
    return hashlib.blake2b(shown, digest_size=12).hexdigest()


def _stamp(file: Path) -> tuple[int, int, int] | None:
    try:
        found = os.stat(file)
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns
