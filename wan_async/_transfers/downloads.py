"""Clips to files: a bounded number at once, each at its target when it is whole and not before."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar, TypeVarTuple, Unpack
from weakref import WeakValueDictionary

import anyio
import anyio.to_thread

from .._checks import URL_RULE, is_url
from .._protocol import TaskRecord
from ..errors import InvalidInputError
from .cleanup import surely
from .fetch import Fetch, Get, StartAnew
from .files import PartFile, is_whole
from .link import Link, LinkCalls
from .names import clip_name, link_name

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager

Args = TypeVarTuple("Args")
T = TypeVar("T")

AT_ONCE = 8
"""Downloads under way at once: enough to fill a line, few enough that none starves."""

CHUNK = 1 << 19
"""Bytes that are written with one hop into a thread."""


class Downloads:
    """The downloads of one client in one event loop.

    Args:
        calls: the provider's calls.
        opened: gives what opens a link.
        max_elapsed: seconds without a new byte after which a download has failed.

    Attributes:
        turn: held while one is under way.
    """

    def __init__(self, calls: LinkCalls, opened: Callable[[], Awaitable[Get]], max_elapsed: float) -> None:
        self._calls = calls
        self._opened = opened
        self._max_elapsed = max_elapsed
        self.turn = asyncio.Semaphore(AT_ONCE)
        self._threads = anyio.CapacityLimiter(AT_ONCE)
        self._targets: WeakValueDictionary[Path, asyncio.Lock] = WeakValueDictionary()

    async def to(self, source: TaskRecord | str, to: str | os.PathLike[str]) -> Path:
        """Download to a folder (one that is there, or a path that ends in a slash) or to a file.

        Raises:
            InvalidInputError: no finished record, or no link.
            OSError: the file cannot be written.
            WanError: the clip cannot be got.
        """
        url, task_id = clip_of(source)
        if await self._threaded(_is_folder, to):
            to = Path(to, link_name(url) if task_id is None else clip_name(task_id, url))
        return await self._to_file(url, task_id, Path(to))

    async def into(self, folder: Path, key: str, record: TaskRecord) -> Path:
        """Download the clip of a batch's item into `folder`, under a name made of its key; errors as in `to`."""
        url, task_id = clip_of(record)
        return await self._to_file(url, task_id, folder / clip_name(key, url))

    async def _to_file(self, url: str, task_id: str | None, target: Path) -> Path:
        if await self._threaded(is_whole, target):
            return target
        async with self._alone(target), self.turn:
            part = PartFile(target)
            try:
                if await self._threaded(part.open):
                    await self._fill(part, url, task_id)
            finally:
                await surely(part.discard)
        return target

    def _alone(self, target: Path) -> AbstractAsyncContextManager[None]:
        """One download per target: the second finds a whole file."""
        return self._targets.setdefault(target.absolute(), asyncio.Lock())

    async def fetch(self, url: str, task_id: str | None) -> Fetch:
        """What reads a clip."""
        return Fetch(await self._opened(), Link(self._calls, url, task_id), self._max_elapsed)

    async def _fill(self, part: PartFile, url: str, task_id: str | None) -> None:
        fetch = await self.fetch(url, task_id)
        try:
            await self._copy(fetch, part)
        finally:
            fetch.close()
        await self._threaded(part.finish)

    async def _copy(self, fetch: Fetch, part: PartFile) -> None:
        gathered = bytearray()
        while True:
            try:
                chunk = await fetch.read()
            except StartAnew:
                gathered.clear()
                await self._threaded(part.restart)
                continue
            gathered += chunk
            if len(gathered) >= CHUNK or not chunk:
                await self._threaded(part.write, gathered)
                gathered = bytearray()
            if not chunk:
                return

    async def _threaded(self, work: Callable[[Unpack[Args]], T], *args: *Args) -> T:
        return await anyio.to_thread.run_sync(work, *args, limiter=self._threads)


def clip_of(source: TaskRecord | str) -> tuple[str, str | None]:
    """The clip's link, and its task where that is known."""
    url = source.url if isinstance(source, TaskRecord) else source
    if not isinstance(url, str) or not is_url(url):
        raise InvalidInputError("record_or_url", source, f"a record with a link, or {URL_RULE}")
    return url, source.task_id if isinstance(source, TaskRecord) else None


def _is_folder(to: str | os.PathLike[str]) -> bool:
    text = os.fspath(to)
    return text.endswith(("/", os.sep)) or os.path.isdir(text)
