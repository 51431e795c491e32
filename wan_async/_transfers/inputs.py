"""Inputs that name local files: checked and uploaded just before they are submitted, again where that took too long."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

from .._local_files import LocalFile, files_in, with_urls
from ..errors import InvalidInputError
from .media import media_type
from .sources import StoredSource
from .uploads import MARGIN, UploadedFile, Uploads

if TYPE_CHECKING:
    from pathlib import Path

    from .._calls import Intent
    from ..errors import WanError
    from ..models import WanInput

LARGEST = 10 << 20
"""Bytes of an image or a video that a model takes (doc: 10 MB)."""

ACCEPTED = {
    "image": ("image/jpeg", "image/png", "image/webp"),
    "video": ("video/mp4", "video/quicktime", "video/x-matroska"),
}
"""What a field takes, by its kind of media (doc)."""

T = TypeVar("T")


class _Stale(Exception):
    """The files would expire too soon."""


async def submit_with_files(
    uploads: Uploads,
    task_input: WanInput,
    submit: Callable[[WanInput, Intent | None], Awaitable[T]],
    intent: Intent | None,
) -> T:
    """Submit an input once its local files are uploaded; waits it too long for its slot, they are uploaded again.

    Raises:
        InvalidInputError: a file is missing, too large or of a wrong type; nothing was submitted.
        ConfigurationError: the upload host is not known, or the extra `files` is not installed.
        WanError: an upload failed, or whatever `submit` raises.
    """
    files = files_in(task_input)
    if not files:
        return await submit(task_input, intent)
    while True:
        uploaded = await _uploaded(uploads, files)
        ready = with_urls(task_input, {path: file.url for path, file in uploaded.items()})
        try:
            return await submit(ready, _Fresh(list(uploaded.values()), intent))
        except _Stale:
            continue


async def _uploaded(uploads: Uploads, files: list[LocalFile]) -> dict[Path, UploadedFile]:
    return {file.path: await _upload(uploads, file) for file in files}


async def _upload(uploads: Uploads, file: LocalFile) -> UploadedFile:
    source = StoredSource(file.path, file.field)
    try:
        await source.look()
        check(file, source)
        return await uploads.media(source)
    finally:
        await source.aclose()


def check(file: LocalFile, source: StoredSource) -> None:
    """Refuse a file that the model would not take."""
    accepted = ACCEPTED[file.kind]
    found, size = media_type(source.head), source.size or 0
    if found not in accepted:
        raise _refusal(file, accepted, f"{found} by its content")
    if size > LARGEST:
        raise _refusal(file, accepted, f"{size} bytes")


def _refusal(file: LocalFile, accepted: tuple[str, ...], found: str) -> InvalidInputError:
    allowed = f"a file of at most {LARGEST >> 20} MB that is {' or '.join(accepted)}; this one is {found}"
    return InvalidInputError(file.field, file.path, allowed)


class _Fresh:
    """An intent that is given up when its files would expire before the provider has surely fetched them."""

    def __init__(self, files: list[UploadedFile], intent: Intent | None) -> None:
        self._files = files
        self._intent = intent
        self.permit: float | None = None

    async def begin(self) -> None:
        if not all(file.lives(MARGIN) for file in self._files):
            raise _Stale
        if self._intent is not None:
            await self._intent.begin()

    async def again(self, error: WanError) -> None:
        if self._intent is not None:
            await self._intent.again(error)
