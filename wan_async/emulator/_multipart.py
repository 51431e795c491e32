"""Reads a multipart upload, its file streamed to disk."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

from aiohttp import BodyPartReader, web

from ._calls import Upload
from ._spool import Spool

_CHUNK = 1 << 18


async def receive(request: web.BaseRequest, folder: Path, largest: int) -> Upload | None:
    """The upload in a multipart body; None if there is no file in it.

    Raises:
        ValueError: the body is not multipart as it must be.
    """
    upload: Upload | None = None
    form: dict[str, str] = {}
    async for part in await request.multipart():
        if not isinstance(part, BodyPartReader):
            continue
        if part.name != "file":
            form[part.name or ""] = await part.text()
            continue
        path, size = await Spool(folder, largest).take(_chunks(part))
        upload = Upload(path, size, form, part.headers.get("Content-Type"), part.filename)
    return upload


async def _chunks(part: BodyPartReader) -> AsyncIterator[bytes]:
    while chunk := await part.read_chunk(_CHUNK):
        yield chunk
