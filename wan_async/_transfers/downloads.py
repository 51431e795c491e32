"""Clips to files: a bounded number at once, each at its target when it is whole and not before."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Awaitable, Callable
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar, TypeVarTuple, Unpack, cast
from weakref import WeakValueDictionary

import anyio
import anyio.to_thread

from .._events import Emitter
from ..errors import InvalidInputError
from ..events import Downloaded
from .cleanup import surely
from .clip import Clip, Link, LinkCalls, clips_of
from .fetch import Fetch, StartAnew
from .files import PartFile, WholeFile
from .media import HEAD, suffix_of

if TYPE_CHECKING:
    from .._protocol import TaskRecord
    from .files import WrittenFiles
    from .http import Http

Args = TypeVarTuple("Args")
P = TypeVar("P", Path, str)
T = TypeVar("T")

AT_ONCE = 8
"""Downloads under way at once: enough to fill a line, few enough that none starves."""

CHUNK = 1 << 19
"""Bytes that are written with one hop into a thread."""


class Downloads:
    """The downloads of one client in one event loop.

    Args:
        calls: the provider's calls.
        opened: gives the session for transfers.
        max_elapsed: seconds without a new byte after which a download has failed.
        written: the files that the client wrote before.
        events: hears of clips that are there.
    """

    def __init__(
        self,
        calls: LinkCalls,
        opened: Callable[[], Awaitable[Http]],
        max_elapsed: float,
        written: WrittenFiles,
        events: Emitter,
    ) -> None:
        self._calls = calls
        self._opened = opened
        self._max_elapsed = max_elapsed
        self._written = written
        self._events = events
        self._turn = asyncio.Semaphore(AT_ONCE)
        self._threads = anyio.CapacityLimiter(AT_ONCE)
        self._targets: WeakValueDictionary[Path, asyncio.Lock] = WeakValueDictionary()

    async def to(self, source: TaskRecord | str, to: str | os.PathLike[str]) -> Path:
        """Download to a folder (one that is there, or a path that ends in a slash) or to a file.

        In a folder further pictures of the task are beside the first, whose path it gives; a file is the first alone.

        Raises:
            InvalidInputError: no record of a clip, no link, or no path.
            TaskFailedError: the record of a task that has no clip.
            OSError: the file cannot be written.
            WanError: the clip cannot be got.
        """
        target = path_of(to)
        clips = await clips_of(source, self._calls)
        if await self._threaded(is_folder, to):
            first, *_ = [await self._to_folder(clip, target, clip.stem) for clip in clips]
            return first
        return await self._to_file(clips[0], target, lambda head: target.name)

    async def into(self, folder: Path, key: str, record: TaskRecord) -> Path:
        """Download an item's clip or pictures into `folder`, under names of its own; errors as in `to`."""
        clips = await clips_of(record, self._calls)
        first, *_ = [await self._to_folder(clip, folder, clip.stem_for(key)) for clip in clips]
        return first

    async def _to_folder(self, clip: Clip, folder: Path, stem: str) -> Path:
        """Download to a name whose suffix is that of the content."""

        def named(head: bytes) -> str:
            return f"{stem}{suffix_of(clip.link, head)}"

        return await self._to_file(clip, folder / named(b""), named)

    async def _to_file(self, clip: Clip, target: Path, named: Callable[[bytes], str]) -> Path:
        """Download to `target`, or to the name beside it that the clip's first bytes ask for."""
        asked = _absolute(target)
        async with self._targets.setdefault(asked, asyncio.Lock()):  # of two of the same clip, the second finds it
            there = await self._threaded(self._written.find, asked, clip.identity)
            path = await self.fetched(clip, partial(self._replace, clip, asked, named)) if there is None else there.path
        return target.with_name(path.name)

    async def _replace(self, clip: Clip, target: Path, named: Callable[[bytes], str], fetch: Fetch) -> Path:
        part = PartFile(target)
        try:
            await self._threaded(part.open)
            path = target.with_name(named(await self._copy(fetch, part)))
            self._written.add(target, clip.identity, WholeFile(path, await self._threaded(part.finish, path)))
            return path
        finally:
            await surely(part.discard)

    async def clips_of(self, record: TaskRecord) -> list[Clip]:
        """The clips of a task; see there."""
        return await clips_of(record, self._calls)

    async def fetched(self, clip: Clip, put: Callable[[Fetch], Awaitable[P]]) -> P:
        """Have `put` read a clip, and put it where it gives, when it is this one's turn."""
        begun = time.monotonic()
        async with self._turn:
            link = Link(self._calls, clip)
            with closing(Fetch((await self._opened()).get, link, self._max_elapsed)) as fetch:
                place = await put(fetch)
        self._events(Downloaded(clip.task_id, str(place), time.monotonic() - begun))
        return place

    async def _copy(self, fetch: Fetch, part: PartFile) -> bytes:
        """Write the clip; gives its first bytes."""
        head = b""
        while True:
            try:
                piece = await fetch.gathered(CHUNK)
            except StartAnew:
                head = b""
                await self._threaded(part.restart)
                continue
            head += piece[: HEAD - len(head)]
            await self._threaded(part.write, piece)
            if len(piece) < CHUNK:
                return head

    async def _threaded(self, work: Callable[[Unpack[Args]], T], *args: *Args) -> T:
        return await anyio.to_thread.run_sync(work, *args, limiter=self._threads)


def _absolute(target: Path) -> Path:
    return target.absolute()  # of the working directory now


def path_of(given: object, name: str = "to") -> Path:
    """The path that a caller gave.

    Raises:
        InvalidInputError: it is none.
    """
    if isinstance(given, (str, os.PathLike)):
        text = os.fspath(cast("str | os.PathLike[str]", given))
        if isinstance(text, str) and text and "\0" not in text and "://" not in text:
            return Path(text)
    raise InvalidInputError(name, given, "the path of a folder or a file; an object store is for batch(download_to=…)")


def is_folder(to: str | os.PathLike[str]) -> bool:
    """True for a folder that is there, and for a path that ends in a slash. Blocks."""
    text = os.fspath(to)
    return text.endswith(("/", os.sep)) or os.path.isdir(text)
