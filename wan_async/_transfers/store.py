"""Clips to an object store, by obstore, which the extra `store` brings: whole objects only, none overwritten.

A clip of at most `SMALL` bytes is put at once and only if nothing is there: the store itself sees to that. A larger one
is streamed in parts and appears when the last is there; stores know no condition on that, so it is looked up before.
"""

from __future__ import annotations

import mimetypes
from collections.abc import AsyncIterator
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from ..errors import ConfigurationError, TransportError
from .downloads import clip_of
from .fetch import StartAnew
from .names import clip_name

if TYPE_CHECKING:
    from .._protocol import TaskRecord
    from .downloads import Downloads
    from .fetch import Fetch

SCHEMES = frozenset({"s3", "gs", "az", "memory"})

SMALL = 8 << 20
"""Bytes of a clip that is held in memory; most are smaller."""

PART = 8 << 20
"""Bytes of a part of a larger one; S3 takes 10,000 parts of at least 5 MiB."""

PARTS_AT_ONCE = 2

_PIECE = 1 << 20


class StoreFolder:
    """A prefix in an object store.

    Args:
        url: such as `"s3://bucket/prefix"`; credentials and endpoint are read from the environment, as obstore does.

    Raises:
        ConfigurationError: a scheme that is not known, a setting that is missing, or the extra `store` is.
    """

    def __init__(self, url: str) -> None:
        self._url = url.rstrip("/")
        self._store, self._prefix = opened_store(self._url)

    async def into(self, downloads: Downloads, key: str, record: TaskRecord) -> str:
        """Stream the clip of a batch's item into the store, unless it is there; gives the object's URL.

        Raises:
            OSError: the store does not let it be written.
            WanError: the clip cannot be got, or the store cannot be reached.
        """
        url, task_id = clip_of(record)
        name = clip_name(key, url)
        async with downloads.turn:
            if not await self._is_there(name):
                fetch = await downloads.fetch(url, task_id)
                try:
                    await self._fill(name, fetch)
                finally:
                    fetch.close()
        return f"{self._url}/{name}"

    async def _is_there(self, name: str) -> bool:
        import obstore

        try:
            return (await obstore.head_async(self._store, self._prefix + name))["size"] > 0
        except FileNotFoundError:
            return False
        except obstore.exceptions.BaseError as error:
            raise _failure(error) from error

    async def _fill(self, name: str, fetch: Fetch) -> None:
        import obstore

        while True:
            try:
                return await self._put(name, fetch)
            except StartAnew:
                continue
            except obstore.exceptions.AlreadyExistsError:
                return None
            except obstore.exceptions.BaseError as error:
                raise _failure(error) from error

    async def _put(self, name: str, fetch: Fetch) -> None:
        import obstore

        attributes = {"Content-Type": mimetypes.guess_type(name)[0] or "video/mp4"}
        options: dict[str, Any] = {"attributes": attributes}
        head = await _gathered(fetch, SMALL + 1)
        if len(head) <= SMALL:
            await obstore.put_async(self._store, self._prefix + name, head, mode="create", **options)
            return
        options |= {"use_multipart": True, "chunk_size": PART, "max_concurrency": PARTS_AT_ONCE}
        await obstore.put_async(self._store, self._prefix + name, _pieces(head, fetch), **options)


async def _pieces(head: bytes, fetch: Fetch) -> AsyncIterator[bytes]:
    yield head
    while piece := await _gathered(fetch, _PIECE):
        yield piece


async def _gathered(fetch: Fetch, least: int) -> bytes:
    """At least so many bytes, fewer at the end."""
    gathered = bytearray()
    while len(gathered) < least and (chunk := await fetch.read()):
        gathered += chunk
    return bytes(gathered)


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
    """What is under `memory://` lives as long as the process."""
    from obstore.store import MemoryStore

    return MemoryStore()


def _failure(error: Exception) -> OSError | TransportError:
    """What the store does not allow would meet every clip; the rest may pass."""
    from obstore import exceptions

    lasting = (exceptions.PermissionDeniedError, exceptions.UnauthenticatedError, exceptions.NotSupportedError)
    return OSError(_words(error)) if isinstance(error, lasting) else TransportError(f"the store: {_words(error)}")


def _words(error: Exception) -> str:
    """What went wrong, without obstore's debug output."""
    return str(error).partition("\n\nDebug source:")[0].strip()
