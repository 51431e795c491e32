"""An upload host on loopback that keeps what it is sent, and misbehaves when told."""

from __future__ import annotations

import asyncio
import json
import os
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from hashlib import blake2b
from typing import Any, NamedTuple

from aiohttp import BodyPartReader, web

MEGABYTE = os.urandom(1 << 20)


async def stream(content: bytes, piece: int = 10_000) -> AsyncIterator[bytes]:
    for at in range(0, len(content), piece):
        await asyncio.sleep(0)
        yield content[at : at + piece]


def hashed(content: bytes) -> str:
    return blake2b(content).hexdigest()


JSON = {"Content-Type": "application/json"}


class Uploaded(NamedTuple):
    """A file as it came."""

    headers: dict[str, str]
    fields: dict[str, str]
    mime_type: str
    filename: str
    size: int
    digest: str


class UploadHost:
    """Takes uploads.

    Attributes:
        uploads: what came whole.
        posts: the paths that were posted to.
        keys: the `Authorization` of each request.
        faults: what befalls the next requests: "reset" half-way, "silent", or an answer's (status, body).
        answer: is added to what an upload is answered with.
    """

    def __init__(self) -> None:
        self.uploads: list[Uploaded] = []
        self.posts: list[str] = []
        self.keys: list[str] = []
        self.faults: deque[str | tuple[int, dict[str, Any]]] = deque()
        self.answer: dict[str, Any] = {}
        self.url = ""
        self.under_way = self.most_under_way = 0
        self.pause = 0.0

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        self.posts.append(request.path)
        self.keys.append(request.headers.get("Authorization", ""))
        fault = self.faults.popleft() if self.faults else None
        if fault == "reset":
            await request.content.readany()
            assert request.transport is not None
            request.transport.abort()
            return web.Response()
        if fault == "silent":
            await asyncio.sleep(30)
        if isinstance(fault, tuple):
            await request.read()
            location = {"Location": f"{self.url}/elsewhere"} if fault[0] == 307 else {}
            return web.Response(status=fault[0], text=json.dumps(fault[1]), headers={**JSON, **location})
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        try:
            await asyncio.sleep(self.pause)
            return await self._take(request)
        finally:
            self.under_way -= 1

    async def _take(self, request: web.BaseRequest) -> web.StreamResponse:
        if request.content_type == "application/json":
            fields: dict[str, str] = await request.json()
            self.uploads.append(Uploaded(dict(request.headers), fields, "", "", 0, ""))
        else:
            self.uploads.append(await self._parsed(request))
        number = len(self.uploads)
        told = {"downloadUrl": f"https://files.test/{number}", "fileSize": 7, "mimeType": "image/png", **self.answer}
        answer = {"success": True, "code": 200, "msg": "File uploaded successfully", "data": told}
        return web.Response(text=json.dumps(answer), headers=JSON)

    async def _parsed(self, request: web.BaseRequest) -> Uploaded:
        fields: dict[str, str] = {}
        mime_type = filename = ""
        size, digest = 0, blake2b()
        async for part in await request.multipart():
            assert isinstance(part, BodyPartReader)
            if part.name != "file":
                fields[part.name or ""] = await part.text()
                continue
            mime_type, filename = part.headers["Content-Type"], part.filename or ""
            while chunk := await part.read_chunk(1 << 18):
                size += len(chunk)
                digest.update(chunk)
        return Uploaded(dict(request.headers), fields, mime_type, filename, size, digest.hexdigest())


@asynccontextmanager
async def taking_uploads(host: UploadHost | None = None) -> AsyncGenerator[UploadHost]:
    """Serve; the host's `url` is set."""
    host = host or UploadHost()
    runner = web.ServerRunner(web.Server(host.handle, access_log=None), shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield host
    finally:
        await runner.cleanup()
