"""A client's transfers: what it needs in the running event loop, made when first used."""

from __future__ import annotations

import asyncio
import os
import weakref
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

import msgspec

from .._events import Emitter
from .._transport.pool import SessionPool
from ..errors import ConfigurationError
from .downloads import Downloads
from .files import WrittenFiles
from .inputs import submit_with_files
from .targets import target_of
from .uploads import Uploads

if TYPE_CHECKING:
    from .._arguments import Settings
    from .._calls import Recorder
    from ..models import WanInput
    from .clip import LinkCalls
    from .http import Http
    from .targets import Target

T = TypeVar("T")


class _OfLoop(msgspec.Struct, frozen=True):
    downloads: Downloads
    uploads: Uploads


class Transfers:
    """The uploads and downloads of one client.

    Args:
        settings: the client's.
        calls: the provider's calls.
        events: hears of what was transferred.
    """

    def __init__(self, settings: Settings, calls: LinkCalls, events: Emitter) -> None:
        self._settings = settings
        self._calls = calls
        self._events = events
        self._written = WrittenFiles()
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
        self,
        task_input: WanInput,
        submit: Callable[[WanInput, Recorder | None], Awaitable[T]],
        recorder: Recorder | None,
    ) -> T:
        """Submit an input, its local files replaced by uploaded ones; see `submit_with_files`."""
        return await submit_with_files(self.uploads, task_input, submit, recorder)

    def target(self, download_to: str | os.PathLike[str]) -> Target:
        """The target of a batch's clips; see `target_of`."""
        return target_of(download_to, lambda: self.downloads)

    @property
    def _of_loop(self) -> _OfLoop:
        loop = asyncio.get_running_loop()
        made = self._by_loop.get(loop)
        if made is None:
            max_elapsed = self._settings.retry.max_elapsed
            downloads = Downloads(self._calls, self._http, max_elapsed, self._written, self._events)
            made = self._by_loop[loop] = _OfLoop(downloads, Uploads(self._settings, self._http, self._events))
        return made

    async def _http(self) -> Http:
        from .http import Http

        pool = self._settings.pool
        if not isinstance(pool, SessionPool):
            raise ConfigurationError(
                "pool: uploads and downloads need a SessionPool; the test kit's virtual time carries none"
            )
        sessions = pool.sessions()
        return Http(await sessions.opened_transfers(), self._settings.timeout.total, sessions.proxy_to)
