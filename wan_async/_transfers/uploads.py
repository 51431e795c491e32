"""Files to the upload host: streamed, named so that none overwrites another, and each content sent once.

An upload is free and repeatable, so whatever may pass is repeated; only a stream, which can be read once, is not.
"""

from __future__ import annotations

import asyncio
import random
import secrets
import time
from collections.abc import AsyncGenerator, AsyncIterable, Awaitable, Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import PurePath
from typing import TYPE_CHECKING, TypeAlias
from weakref import WeakValueDictionary

import msgspec

from .._docs import documented
from .._events import Emitter
from .._inputs.checks import is_url
from .._policy.backoff import Backoff
from .._protocol import Answer
from .._protocol.answers import read_stored
from .._protocol.requests import LIFE, STREAM_UPLOAD, upload_form, upload_from_url
from .._protocol.secrets import authorization, read_answer
from ..errors import (
    ConfigurationError,
    MaintenanceError,
    RateLimitError,
    ResponseError,
    ServerError,
    TransportError,
    WanError,
)
from ..events import Uploaded
from .media import SUFFIXES, known_or_named
from .names import safe_stem
from .sources import Piece, Source, source_of

if TYPE_CHECKING:
    import os

    from .._arguments import Settings
    from .._protocol.answers import StoredFile
    from .._protocol.requests import Form
    from .http import Http

AT_ONCE = 8
"""Uploads under way at once."""

MARGIN = 4 * 3600.0
"""Seconds that an upload must still live to be given again: tasks may wait before the provider fetches their inputs."""

REMEMBERED = 10_000
"""Contents of which the URL is kept."""

Uploadable: TypeAlias = "os.PathLike[str] | bytes | AsyncIterable[bytes] | str"
"""A file's path, bytes, a stream, or the http(s) URL of a file."""

_MAY_PASS = (TransportError, ResponseError, MaintenanceError, ServerError, RateLimitError)


@documented
class UploadedFile(msgspec.Struct, frozen=True):
    """A file at the upload host."""

    url: str
    """The URL from which the provider, and everybody else, can fetch it."""
    name: str
    """Its name there, made unique."""
    size: int | None
    """Bytes; None if neither side knows."""
    mime_type: str
    """Its type."""
    expires_at: datetime
    """Until when it can be fetched (aware, UTC)."""

    def lives(self, seconds: float) -> bool:
        """True if it can still be fetched in `seconds`."""
        return self.expires_at.timestamp() - time.time() > seconds


class Uploads:
    """The uploads of one client in one event loop.

    Args:
        settings: the client's.
        opened: gives the session for transfers.
        events: hears of what was uploaded.
    """

    def __init__(self, settings: Settings, opened: Callable[[], Awaitable[Http]], events: Emitter) -> None:
        self._settings = settings
        self._opened = opened
        self._events = events
        self._read = partial(read_answer, settings.api_key, settings.upload_url or "", read_stored)
        self._at_once = asyncio.Semaphore(AT_ONCE)
        self._known: dict[bytes, UploadedFile] = {}
        self._turns: WeakValueDictionary[bytes, asyncio.Lock] = WeakValueDictionary()

    async def upload(self, given: Uploadable, name: str | None = None) -> UploadedFile:
        """Upload a file, bytes, a stream or what a URL leads to.

        Raises:
            InvalidInputError: it cannot be read, or is nothing of these.
            ConfigurationError: the upload host is not known.
            ApiError: the host refused it.
            TransportError: the host could not be reached, or nothing moved any more.
        """
        base_url = self._base_url
        if isinstance(given, str) and is_url(given):
            return await self._by_url(base_url, given, name)
        source = source_of(given)
        try:
            async with self._at_once:
                await source.inspect()
                return await self._once(base_url, source, name)
        finally:
            await source.aclose()

    async def media(self, source: Source) -> UploadedFile:
        """Upload a file that was inspected."""
        async with self._at_once:
            return await self._once(self._base_url, source, None)

    @property
    def _base_url(self) -> str:
        if self._settings.upload_url is None:
            raise ConfigurationError("upload_url: missing; give WanClient(upload_url=…) or set APIKLEY_UPLOAD_URL")
        return self._settings.upload_url

    async def _once(self, base_url: str, source: Source, name: str | None) -> UploadedFile:
        """Upload unless the same content was uploaded and still lives; two at a time send it once."""
        digest = await source.digest()
        if digest is None:
            uploaded = await self._streamed(base_url, source, name)
            digest = await source.digest()
            return uploaded if digest is None else self._remember(digest, uploaded)
        async with self._turns.setdefault(digest, asyncio.Lock()):
            known = self._known.get(digest)
            if known is not None and known.lives(MARGIN):
                return known
            return self._remember(digest, await self._streamed(base_url, source, name))

    def _remember(self, digest: bytes, uploaded: UploadedFile) -> UploadedFile:
        known = self._known.pop(digest, uploaded)
        kept = self._known[digest] = known if known.lives(MARGIN) else uploaded
        if len(self._known) > REMEMBERED:
            del self._known[next(iter(self._known))]
        return kept

    async def _streamed(self, base_url: str, source: Source, name: str | None) -> UploadedFile:
        mime_type = known_or_named(source.found, name or source.name)
        unique = unique_name(name or source.name, mime_type)
        progress = _Progress(source)
        backoff = self._backoff()
        while True:
            sent_at = time.time()
            try:
                answer = await self._send(base_url + STREAM_UPLOAD, progress, unique, mime_type)
                return self._uploaded(self._read(answer), unique, progress.sent, mime_type, sent_at)
            except _MAY_PASS as error:
                if not source.repeatable:
                    raise
                if progress.got_further():
                    backoff = self._backoff()
                await _pause(backoff, error)

    async def _send(self, url: str, progress: _Progress, name: str, mime_type: str) -> Answer:
        await progress.rewind()
        form = upload_form(name, mime_type, secrets.token_hex(16))
        headers = {"Content-Type": form.content_type, "Accept": "application/json"}
        headers["Authorization"] = authorization(self._settings.api_key)
        if progress.source.size is not None:
            headers["Content-Length"] = str(len(form.head) + progress.source.size + len(form.tail))
        return await (await self._opened()).post(url, headers, progress.pieces(form))

    async def _by_url(self, base_url: str, url: str, name: str | None) -> UploadedFile:
        unique = unique_name(name or PurePath(url.partition("?")[0]).name, "")
        settings, request = self._settings, upload_from_url(url, unique)
        backoff = self._backoff()
        while True:
            sent_at = time.time()
            try:
                async with self._at_once:
                    answer = await settings.pool.exchange(base_url, settings.api_key, request, settings.timeout.total)
                return self._uploaded(self._read(answer), unique, None, "", sent_at)
            except _MAY_PASS as error:
                await _pause(backoff, error)

    def _uploaded(
        self, stored: StoredFile, name: str, size: int | None, mime_type: str, sent_at: float
    ) -> UploadedFile:
        if not is_url(stored.url):
            raise ResponseError(f"the upload host gave {stored.url!r}, which is no http(s) URL", 200)
        expires_at = datetime.fromtimestamp(sent_at + LIFE, UTC)
        kind, bytes_there = mime_type or stored.mime_type or "", stored.size if size is None else size
        self._events(Uploaded(name, bytes_there))
        return UploadedFile(stored.url, name, bytes_there, kind, expires_at)

    def _backoff(self) -> Backoff:
        return Backoff(self._settings.retry.max_elapsed, asyncio.get_running_loop().time())


class _Progress:
    """A source on its way: how far this try came, and how far any did."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.sent = 0
        self._furthest = 0

    async def rewind(self) -> None:
        self.sent = 0
        await self.source.rewind()

    async def pieces(self, form: Form) -> AsyncGenerator[Piece]:
        """The form, with what the source gives in it."""
        yield form.head
        while piece := await self.source.read():
            self.sent += len(piece)
            yield piece
        yield form.tail

    def got_further(self) -> bool:
        """True if this try came further than all before."""
        further = self.sent > self._furthest
        self._furthest = max(self._furthest, self.sent)
        return further


async def _pause(backoff: Backoff, error: WanError) -> None:
    delay = backoff.delay(asyncio.get_running_loop().time(), random.random())  # noqa: S311
    if delay is None:
        raise error
    asked = error.retry_after if isinstance(error, RateLimitError) else None
    await asyncio.sleep(max(delay, asked or 0.0))


def unique_name(name: str, mime_type: str) -> str:
    """A name that no other upload has: an equal one would overwrite it."""
    path = PurePath(name)
    suffix = SUFFIXES.get(mime_type) or (path.suffix if path.suffix.isascii() and path.suffix[1:].isalnum() else "")
    return f"{safe_stem(path.stem[:60] or 'file')}-{secrets.token_hex(8)}{suffix[:10].lower()}"
