"""Links of the page to clips: a file that was downloaded, else the provider's link."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol
from urllib.parse import quote

from .._journal import Entry

_WEB = ("https://", "http://")


class Links(Protocol):
    """Gives an entry's clip as the page links it, None where there is nothing to play."""

    def __call__(self, entry: Entry) -> str | None: ...

    def more(self, entry: Entry) -> list[str]:
        """The links of further pictures of its task."""
        ...


class ByPath:
    """Relative links from the folder that the page is written to: the page and the clips can be moved together."""

    def __init__(self, folder: Path) -> None:
        self._folder = os.path.realpath(folder)

    def __call__(self, entry: Entry) -> str | None:
        if entry.path is None or not os.path.isfile(entry.path):
            return web_link(entry)
        return self._relative(entry.path)

    def more(self, entry: Entry) -> list[str]:
        return [
            link if file is None or not file.is_file() else self._relative(file) for _, file, link in _further(entry)
        ]

    def _relative(self, path: str | Path) -> str:
        relative = os.path.relpath(os.path.realpath(path), self._folder)
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

    def more(self, entry: Entry) -> list[str]:
        return [
            link if file is None or self._allowed(file) is None else f"clips/{entry.id}/{nth}"
            for nth, file, link in _further(entry)
        ]

    def file(self, number: int, nth: int = 1) -> Path | None:
        """The clip of that row, or its nth picture, if it is one that may be served; checked again for each request."""
        known = self._files.get(number)
        return None if known is None else self._allowed(known if nth == 1 else _beside(known, nth))

    def _allowed(self, path: str | Path) -> Path | None:
        """The file behind all symbolic links, if it stands below one of the folders."""
        real = Path(os.path.realpath(path))
        inside = any(real.is_relative_to(folder) for folder in self._folders)
        return real if inside and real.is_file() else None


def web_link(entry: Entry) -> str | None:
    """The provider's link, if it is http(s): no other scheme reaches the page."""
    link = None if entry.record is None else entry.record.url
    return link if link is not None and link.lower().startswith(_WEB) else None


def _further(entry: Entry) -> Iterator[tuple[int, Path | None, str]]:
    """Further pictures of a task: the number, the file beside the first where that was saved, the provider's link."""
    for nth, link in enumerate(() if entry.record is None else entry.record.urls[1:], 2):
        if link.lower().startswith(_WEB):
            yield nth, None if entry.path is None else _beside(Path(entry.path), nth), link


def _beside(first: Path, nth: int) -> Path:
    """The nth picture's file, as downloads name it."""
    return first.with_name(f"{first.stem}-{nth}{first.suffix}")
