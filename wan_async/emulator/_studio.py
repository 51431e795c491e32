"""Finished clips and pictures: made when they are first fetched, kept while there is room."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from functools import cache
from importlib import resources

from ._clips import ClipSpec

_ROOM = 256 << 20
"""Bytes of finished clips that are kept."""


class Studio:
    """Makes clips, one at a time, in a worker thread; belongs to one event loop.

    Args:
        render: False: every result is the small one that ships.
        room: bytes of clips to keep.
    """

    def __init__(self, *, render: bool, room: int = _ROOM) -> None:
        self._make = renderer() if render else None
        self._room = room
        self._kept: OrderedDict[ClipSpec, bytes] = OrderedDict()
        self._size = 0
        self._one_at_a_time = asyncio.Lock()

    async def clip(self, spec: ClipSpec) -> bytes:
        """The clip as an MP4 file, a picture as a PNG."""
        if self._make is None:
            return shipped("clip.mp4" if spec.seconds else "picture.png")
        async with self._one_at_a_time:
            if spec not in self._kept:
                self._keep(spec, await asyncio.to_thread(self._make, spec))
            self._kept.move_to_end(spec)
            return self._kept[spec]

    def _keep(self, spec: ClipSpec, clip: bytes) -> None:
        self._kept[spec] = clip
        self._size += len(clip)
        while self._size > self._room and len(self._kept) > 1:
            self._size -= len(self._kept.popitem(last=False)[1])


@cache
def shipped(name: str) -> bytes:
    """The clip of 2 s, or the picture, that ships with the package: the same for all."""
    return resources.files("wan_async.emulator").joinpath(name).read_bytes()


def renderer() -> Callable[[ClipSpec], bytes] | None:
    """The function that makes clips; None where the extra `emulator` (PyAV, Pillow) is not installed."""
    try:
        from ._render import render
    except ImportError:
        return None
    return render
