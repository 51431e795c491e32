"""Clips to an object store, by obstore, which the extra `store` brings: whole objects only.

A clip of at most `SMALL` bytes is put at once. A larger one is streamed in parts and appears when the last is there.
An object's name holds its task's id: what it replaces can only be the same clip.
"""

from __future__ import annotations

import asyncio
import re
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from functools import cache, partial
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from .._words import one_line
from ..errors import ConfigurationError, TransportError
from .fetch import StartAnew
from .media import known_or_named, media_type, suffix_of

if TYPE_CHECKING:
    from .._protocol import TaskRecord
    from .clip import Clip
    from .downloads import Downloads
    from .fetch import Fetch

SCHEMES = frozenset({"s3", "gs", "az", "memory"})

SMALL = 8 << 20
"""Bytes of a clip that is held in memory; most are smaller."""

PART = 8 << 20
"""Bytes of a part of a larger one; S3 takes 10,000 parts of at least 5 MiB."""

PARTS_AT_ONCE = 2

_PIECE = 1 << 20

TRIAL = 20.0
"""Seconds that a store may take to answer the trial."""


class StoreFolder:
    """A `Target` in an object store: a bucket and a prefix.

    Args:
        url: such as `"s3://bucket/prefix"`; credentials and endpoint are read from the environment, as obstore does.
        downloads: gives the running loop's downloads.

    Raises:
        ConfigurationError: a scheme that is not known, a setting that is missing, or the extra `store` is.
    """

    def __init__(self, url: str, downloads: Callable[[], Downloads]) -> None:
        self._url = url.rstrip("/")
        self._downloads = downloads
        self._store, self._prefix = opened_store(self._url)

    async def check(self) -> None:
        """Put a small object, the right that is needed, and remove it again where that is allowed too."""
        import obstore

        trial = f"{self._prefix}.wan-async-{secrets.token_hex(8)}"
        try:
            async with asyncio.timeout(TRIAL):
                await obstore.put_async(self._store, trial, b"trial")
        except (OSError, TimeoutError, obstore.exceptions.BaseError) as error:
            why = _words(error) or f"no answer within {TRIAL:g} s"
            allowed = "a bucket that is there and that these credentials may write to"
            raise ConfigurationError(
                f"download_to: {self._url!r} cannot be written: {why}; allowed: {allowed}"
            ) from None
        with suppress(OSError, obstore.exceptions.BaseError):
            await obstore.delete_async(self._store, trial)

    async def fetch(self, key: str, record: TaskRecord) -> str:
        """Stream what an item made into the store; gives the first object's URL."""
        downloads = self._downloads()
        clips = await downloads.clips_of(record)
        first, *_ = [await downloads.fetched(clip, partial(self._stream, clip, key)) for clip in clips]
        return first

    async def _stream(self, clip: Clip, key: str, fetch: Fetch) -> str:
        """Put the object; gives its URL."""
        import obstore

        while True:
            try:
                return f"{self._url}/{await self._put(clip.stem_for(key), clip.link, fetch)}"
            except StartAnew:
                continue
            except (FileNotFoundError, obstore.exceptions.BaseError) as error:
                raise _failure(error) from None

    async def _put(self, stem: str, link: str, fetch: Fetch) -> str:
        import obstore

        head = await fetch.gathered(SMALL + 1)
        name = f"{stem}{suffix_of(link, head)}"
        options: dict[str, Any] = {"attributes": {"Content-Type": known_or_named(media_type(head), name)}}
        content = head if len(head) <= SMALL else _pieces(head, fetch)
        if len(head) > SMALL:
            options |= {"use_multipart": True, "chunk_size": PART, "max_concurrency": PARTS_AT_ONCE}
        await obstore.put_async(self._store, self._prefix + name, content, **options)
        return name


async def _pieces(head: bytes, fetch: Fetch) -> AsyncIterator[bytes]:
    yield head
    while piece := await fetch.gathered(_PIECE):
        yield piece


def opened_store(url: str) -> tuple[Any, str]:
    """The store, and what goes before the names in it."""
    try:
        import obstore
        from obstore.store import from_url
    except ImportError:
        raise ConfigurationError(f'download_to: {url!r} needs obstore: pip install "wan-async[store]"') from None
    parts = urlsplit(url)
    if parts.scheme not in SCHEMES or not (parts.netloc or parts.scheme == "memory"):
        allowed = "a folder, or s3://, gs://, az:// with a bucket, or memory://"
        raise ConfigurationError(f"download_to: {url!r} is not allowed; allowed: {allowed}")
    if parts.scheme == "memory":
        prefix = f"{parts.netloc}{parts.path}".strip("/")
        return _memory(), f"{prefix}/" if prefix else ""
    try:
        return from_url(url), ""
    except obstore.exceptions.BaseError as error:
        raise ConfigurationError(f"download_to: {url!r} cannot be used: {_words(error)}") from error


@cache
def _memory() -> Any:
    """The store of `memory://`, which lives as long as the process."""
    from obstore.store import MemoryStore

    return MemoryStore()


def _failure(error: Exception) -> OSError | TransportError:
    """The error to raise: what the store does not allow would meet every clip; the rest may pass."""
    from obstore import exceptions

    lasting = (
        FileNotFoundError,  # of what is put, it is the bucket
        exceptions.PermissionDeniedError,
        exceptions.UnauthenticatedError,
        exceptions.NotSupportedError,
    )
    return OSError(_words(error)) if isinstance(error, lasting) else TransportError(f"the store: {_words(error)}")


def _words(error: Exception) -> str:
    """The reason in words: the store's own words where it has any, without obstore's debug output."""
    text = str(error).partition("\n\nDebug source:")[0]
    parts = [match[1] for tag in ("Code", "Message") if (match := re.search(f"<{tag}>([^<]*)</{tag}>", text))]
    return one_line(": ".join(parts) or text)[:300]
