"""Reads the provider's calls from HTTP requests: bodies into memory, files, sent or to be fetched, to disk."""

from __future__ import annotations

from collections.abc import AsyncIterator

import msgspec
from aiohttp import BodyPartReader, web

from ._calls import Call, Refusal, Upload
from ._files import FileStore
from ._outgoing import Outgoing
from ._schema import read_object
from ._shelf import BY_URL, STREAM

_CHUNK = 1 << 18


class Incoming:
    """Reads calls.

    Args:
        files: takes the files.
        outgoing: fetches those that a call only names.
    """

    def __init__(self, files: FileStore, outgoing: Outgoing) -> None:
        self._files = files
        self._outgoing = outgoing
        self._longest_body = files.largest * 4 // 3 + (1 << 20)  # base64, and the fields beside it

    async def call(self, request: web.BaseRequest) -> Call:
        """Read a request whole."""
        headers = {name.lower(): value for name, value in request.headers.items()}
        call = Call(request.method, request.path, dict(request.query), headers)
        if call.path == STREAM:
            return msgspec.structs.replace(call, upload=await self._sent(request))
        call = msgspec.structs.replace(call, body=await self._body(request))
        if call.path == BY_URL:
            return msgspec.structs.replace(call, upload=await self._fetched(call))
        return call

    async def _body(self, request: web.BaseRequest) -> bytes:
        body = bytearray()
        async for chunk in request.content.iter_any():
            body += chunk
            if len(body) > self._longest_body:
                raise web.HTTPRequestEntityTooLarge(self._longest_body, len(body))
        return bytes(body)

    async def _sent(self, request: web.BaseRequest) -> Upload | None:
        """The file in a multipart body; None if there is none in it, or the form is broken."""
        if not request.content_type.startswith("multipart/"):
            return None
        upload: Upload | None = None
        form: dict[str, str] = {}
        try:
            async for part in await request.multipart():
                if not isinstance(part, BodyPartReader):
                    continue
                if part.name != "file":
                    form[part.name or ""] = await part.text()
                    continue
                path, size = await self._files.to_disk(_chunks(part))
                upload = Upload(path, size, form, part.headers.get("Content-Type"), part.filename)
        except ValueError:
            return None
        return upload

    async def _fetched(self, call: Call) -> Upload | None:
        try:
            url = read_object(call.body).get("fileUrl")
        except Refusal:
            return None
        return await self._outgoing.fetch(url, self._files) if isinstance(url, str) else None


async def _chunks(part: BodyPartReader) -> AsyncIterator[bytes]:
    while chunk := await part.read_chunk(_CHUNK):
        yield chunk
