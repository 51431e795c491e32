"""The files that a client wrote: the only proof, besides a journal, that a file holds a certain clip."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from .files import Stamp, stamp_of

REMEMBERED = 10_000
"""Files that are known; those written longest ago are forgotten first."""


class WholeFile(NamedTuple):
    """A clip that is there."""

    path: Path
    stamp: Stamp


class WrittenFiles:
    """The files of one client, and whose clip each holds for as long as nobody else changes it."""

    def __init__(self) -> None:
        self._known: dict[Path, tuple[str, WholeFile]] = {}

    def add(self, asked: Path, clip: str, whole: WholeFile) -> None:
        """Remember where the clip is that was asked for at a path."""
        self._known.pop(asked, None)
        self._known[asked] = clip, whole
        if len(self._known) > REMEMBERED:
            del self._known[next(iter(self._known))]

    def find(self, asked: Path, clip: str) -> WholeFile | None:
        """The clip asked for at that path, if it is known to be there. Blocks."""
        known, whole = self._known.get(asked, (None, None))
        return whole if whole is not None and known == clip and stamp_of(whole.path) == whole.stamp else None
