"""Targets of clips, tried before anything is paid."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import anyio.to_thread

from ..errors import ConfigurationError, InvalidInputError
from .downloads import is_folder, path_of
from .files import require_replaceable, try_folder

if TYPE_CHECKING:
    from .._protocol import TaskRecord
    from .downloads import Downloads


class Target(Protocol):
    """A place for a batch's clips."""

    async def check(self) -> None:
        """Try it, as far as that is possible without a clip.

        Raises:
            ConfigurationError: it cannot be written.
        """
        ...

    async def fetch(self, key: str, record: TaskRecord) -> Path | str:
        """Put an item's clip there; gives its path, or the URL of an object.

        Raises:
            OSError: it cannot be written: the next clip would meet that too.
            WanError: the clip cannot be got.
        """
        ...


class Folder:
    """A `Target` in the file system.

    Args:
        path: the folder, made when missing.
        downloads: gives the running loop's downloads.
    """

    def __init__(self, path: Path, downloads: Callable[[], Downloads]) -> None:
        self._path = path
        self._downloads = downloads

    async def check(self) -> None:
        try:
            await anyio.to_thread.run_sync(try_folder, self._path)
        except OSError as error:
            raise _refusal(
                "download_to", self._path, error, "a folder that can be written, made when missing"
            ) from error

    async def fetch(self, key: str, record: TaskRecord) -> Path:
        return await self._downloads().into(self._path, key, record)


def target_of(download_to: str | os.PathLike[str], downloads: Callable[[], Downloads]) -> Target:
    """The target of a batch.

    Raises:
        ConfigurationError: no path, or the URL of an object store that cannot be used.
    """
    if isinstance(download_to, str) and "://" in download_to:
        from .store import StoreFolder

        return StoreFolder(download_to, downloads)
    try:
        return Folder(path_of(download_to), downloads)
    except InvalidInputError as error:
        allowed = "the path of a folder, or s3://bucket/prefix, gs://, az://, memory://"
        raise ConfigurationError(f"download_to: {error.given!r} is not allowed; allowed: {allowed}") from None


async def check_output(to: str | os.PathLike[str], name: str) -> None:
    """Try where `WanClient.download` is to put a clip: a folder or a file.

    Args:
        to: the folder or file.
        name: its name in the error.

    Raises:
        ConfigurationError: no clip can be put there.
    """
    try:
        await anyio.to_thread.run_sync(_try, to, path_of(to, name))
    except InvalidInputError as error:
        raise ConfigurationError(str(error)) from None
    except OSError as error:
        raise _refusal(name, to, error, "a folder or a file that can be written") from error


def _try(to: str | os.PathLike[str], path: Path) -> None:
    if is_folder(to):
        try_folder(path)
    else:
        require_replaceable(path)
        try_folder(path.parent)


def _refusal(name: str, to: object, error: OSError, allowed: str) -> ConfigurationError:
    where = "" if error.filename is None else f" ({error.filename})"
    why = f"{error.strerror or error}{where}"
    return ConfigurationError(f"{name}: {str(to)!r} cannot be written: {why}; allowed: {allowed}")
