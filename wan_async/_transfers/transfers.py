"""A client's transfers: what it needs in the running event loop, made when first used."""

from __future__ import annotations

import asyncio
import os
import weakref
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias, TypeVar

import msgspec

from .._transport import SessionPool
from ..errors import ConfigurationError
from .downloads import Downloads
from .inputs import submit_with_files
from .uploads import Host, Uploads

if TYPE_CHECKING:
    from .._arguments import Settings
    from .._calls import Intent
    from .._protocol import Answer, Request, TaskRecord
    from ..models import WanInput
    from .fetch import Get
    from .link import LinkCalls
    from .uploads import Post

T = TypeVar("T")

Collect: TypeAlias = "Callable[[str, TaskRecord], Awaitable[Path | str]]"
"""(key, record) → where the clip is: a file, or the URL of an object."""


class _OfLoop(msgspec.Struct, frozen=True):
    downloads: Downloads
    uploads: Uploads


class Transfers:
    """The uploads and downloads of one client.

    Args:
        settings: the client's.
        calls: the provider's calls.
    """

    def __init__(self, settings: Settings, calls: LinkCalls) -> None:
        self._settings = settings
        self._calls = calls
        self._by_loop: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, _OfLoop] = weakref.WeakKeyDictionary()

    @property
    def downloads(self) -> Downloads:
        """The running loop's downloads."""
        return self._of_loop.downloads

    @property
    def uploads(self) -> Uploads:
        """The running loop's uploads."""
        return self._of_loop.uploads

    async def submit(
        self, task_input: WanInput, submit: Callable[[WanInput, Intent | None], Awaitable[T]], intent: Intent | None
    ) -> T:
        """Submit an input, its local files replaced by uploaded ones; see `submit_with_files`."""
        return await submit_with_files(self.uploads, task_input, submit, intent)

    def collect(self, download_to: str | os.PathLike[str]) -> Collect:
        """What fetches a batch's clips into `download_to`.

        Raises:
            ConfigurationError: the URL of an object store that cannot be used.
        """
        if isinstance(download_to, str) and "://" in download_to:
            from .store import StoreFolder

            store = StoreFolder(download_to)
            return lambda key, record: store.into(self.downloads, key, record)
        folder = Path(download_to)
        return lambda key, record: self.downloads.into(folder, key, record)

    @property
    def _of_loop(self) -> _OfLoop:
        loop = asyncio.get_running_loop()
        made = self._by_loop.get(loop)
        if made is None:
            downloads = Downloads(self._calls, self._get, self._settings.retry.max_elapsed)
            made = self._by_loop[loop] = _OfLoop(downloads, Uploads(self._host()))
        return made

    def _host(self) -> Host:
        settings = self._settings
        exchange = partial(_exchange, settings)
        headers = {"Authorization": f"Bearer {settings.api_key}"}
        return Host(settings.upload_url, headers, self._post, exchange, settings.retry.max_elapsed)

    async def _get(self) -> Get:
        from .http import Getter

        return Getter(await self._pool.sessions().opened_transfers(), self._settings.timeout.total)

    async def _post(self) -> Post:
        from .http import Poster

        return Poster(await self._pool.sessions().opened_transfers(), self._settings.timeout.total)

    @property
    def _pool(self) -> SessionPool:
        if not isinstance(self._settings.pool, SessionPool):
            raise ConfigurationError("pool: uploads and downloads need a SessionPool")
        return self._settings.pool


async def _exchange(settings: Settings, base_url: str, request: Request) -> Answer:
    return await settings.pool.exchange(base_url, settings.api_key, request, settings.timeout.total)
