"""Inputs that name local files: checked and uploaded just before they are submitted, again where that took too long."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

from .._inputs.local_files import LocalFile, files_in, with_urls
from ..errors import InvalidInputError
from .sources import StoredSource
from .uploads import MARGIN, UploadedFile, Uploads

if TYPE_CHECKING:
    from .._calls import Recorder
    from ..errors import WanError
    from ..models import WanInput

T = TypeVar("T")


class _Stale(Exception):
    """The files would expire too soon."""


async def submit_with_files(
    uploads: Uploads,
    task_input: WanInput,
    submit: Callable[[WanInput, Recorder | None], Awaitable[T]],
    recorder: Recorder | None,
) -> T:
    """Submit an input once its local files are uploaded; waits it too long for its slot, they are uploaded again.

    Raises:
        InvalidInputError: a file is missing, too large or of a wrong type; nothing was submitted.
        ConfigurationError: the upload host is not known.
        WanError: an upload failed, or whatever `submit` raises.
    """
    files = files_in(task_input)
    if not files:
        return await submit(task_input, recorder)
    while True:
        uploaded = {file.path: await _upload(uploads, file) for file in files}
        ready = with_urls(task_input, {path: file.url for path, file in uploaded.items()})
        try:
            return await submit(ready, _Fresh(list(uploaded.values()), recorder))
        except _Stale:
            continue


async def _upload(uploads: Uploads, file: LocalFile) -> UploadedFile:
    source = StoredSource(file.path, file.field)
    try:
        await source.inspect()
        check(file, source)
        return await uploads.media(source)
    finally:
        await source.aclose()


def check(file: LocalFile, source: StoredSource) -> None:
    """Refuse a file that the model would not take."""
    found, size = source.found, source.size or 0
    if found not in file.kind.types:
        raise _refusal(file, f"{found} by its content")
    if size > file.kind.largest:
        raise _refusal(file, f"{size} bytes")


def _refusal(file: LocalFile, found: str) -> InvalidInputError:
    types, largest = " or ".join(file.kind.types), file.kind.largest >> 20
    return InvalidInputError(
        file.field, file.path, f"a file of at most {largest} MB that is {types}; this one is {found}"
    )


class _Fresh:
    """A recorder that gives up when its files would expire before the provider has surely fetched them."""

    def __init__(self, files: list[UploadedFile], recorder: Recorder | None) -> None:
        self._files = files
        self._recorder = recorder

    async def begin(self) -> None:
        if not all(file.lives(MARGIN) for file in self._files):
            raise _Stale
        if self._recorder is not None:
            await self._recorder.begin()

    async def again(self, error: WanError) -> None:
        if self._recorder is not None:
            await self._recorder.again(error)
