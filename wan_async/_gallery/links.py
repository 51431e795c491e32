"""Links of the page to clips: a file that was downloaded, else the provider's link."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol
from urllib.parse import quote

from .._journal import Entry

_WEB = ("https://", "http://")


class Links(Protocol):
    """Gives an entry's clip as the page links it, None where there is nothing to play."""

    def __call__(self, entry: Entry) -> str | None: ...


class ByPath:
    """Relative links from the folder that the page is written to: the page and the clips can be moved together."""

    def __init__(self, folder: Path) -> None:
        self._folder = os.path.realpath(folder)

    def __call__(self, entry: Entry) -> str | None:
        if entry.path is None or not os.path.isfile(entry.path):
            return web_link(entry)
        relative = os.path.relpath(os.path.realpath(entry.path), self._folder)
        return quote(os.fsencode(Path(relative).as_posix()))


class ById:
    """Links to a server that finds the file by the row's number: no path of this computer is in a request.

    Args:
        folders: only files below one of them are served.
    """

    def __init__(self, folders: Sequence[Path]) -> None:
        self._folders = [Path(os.path.realpath(folder)) for folder in folders]
        self._files: dict[int, Path] = {}

    def __call__(self, entry: Entry) -> str | None:
        file = None if entry.path is None else self._allowed(entry.path)
        if file is None:
            self._files.pop(entry.id, None)
            return web_link(entry)
        self._files[entry.id] = file
        return f"clips/{entry.id}"

    def file(self, number: int) -> Path | None:
        """The clip of that row, if the journal names one that may be served; checked again for each request."""
        known = self._files.get(number)
        return None if known is None else self._allowed(known)

    def _allowed(self, path: str | Path) -> Path | None:
        """The file behind all symbolic links, if it stands below one of the folders."""
        real = Path(os.path.realpath(path))
        inside = any(real.is_relative_to(folder) for folder in self._folders)
        return real if inside and real.is_file() else None


def web_link(entry: Entry) -> str | None:
    """The provider's link, if it is http(s): no other scheme reaches the page."""
    link = None if entry.record is None else entry.record.url
    return link if link is not None and link.lower().startswith(_WEB) else None
