"""A client's transfers: what it needs in the running event loop, made when first used."""

from __future__ import annotations

import asyncio
import os
import weakref
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from .._transport import SessionPool
from ..errors import ConfigurationError
from .downloads import Downloads

if TYPE_CHECKING:
    from .._policy.settings import Retry, Timeout
    from .._protocol import TaskRecord
    from .._transport import Transport
    from .fetch import Get
    from .link import LinkCalls

Collect: TypeAlias = "Callable[[str, TaskRecord], Awaitable[Path | str]]"
"""(key, record) → where the clip is: a file, or the URL of an object."""


class Transfers:
    """The uploads and downloads of one client.

    Args:
        pool: whose sessions for transfers are used.
        calls: the provider's calls.
        retry: bounds the seconds without progress.
        timeout: bounds the seconds that a host may say nothing.
    """

    def __init__(self, pool: Transport, calls: LinkCalls, retry: Retry, timeout: Timeout) -> None:
        self._pool = pool
        self._calls = calls
        self._retry = retry
        self._timeout = timeout
        self._downloads: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, Downloads] = weakref.WeakKeyDictionary()

    @property
    def downloads(self) -> Downloads:
        """The running loop's downloads."""
        loop = asyncio.get_running_loop()
        downloads = self._downloads.get(loop)
        if downloads is None:
            downloads = self._downloads[loop] = Downloads(self._calls, self._get, self._retry.max_elapsed)
        return downloads

    def collect(self, download_to: str | os.PathLike[str]) -> Collect:
        """What fetches a batch's clips into `download_to`."""
        folder = Path(download_to)
        return lambda key, record: self.downloads.into(folder, key, record)

    async def _get(self) -> Get:
        if not isinstance(self._pool, SessionPool):
            raise ConfigurationError("pool: transfers need a SessionPool")
        from .http import Opener

        return Opener(await self._pool.sessions().opened_transfers(), self._timeout.total)
