"""Finished clips: made when they are first fetched, kept while there is room."""

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
        render: False: every clip is the small one that ships.
        room: bytes of clips to keep.
    """

    def __init__(self, *, render: bool, room: int = _ROOM) -> None:
        self._make = renderer() if render else None
        self._room = room
        self._kept: OrderedDict[ClipSpec, bytes] = OrderedDict()
        self._size = 0
        self._one_at_a_time = asyncio.Lock()

    async def clip(self, spec: ClipSpec) -> bytes:
        """The clip as an MP4 file."""
        if self._make is None:
            return small_clip()
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
def small_clip() -> bytes:
    """The clip that ships with the package: 2 s, for all."""
    return resources.files("wan_async.emulator").joinpath("clip.mp4").read_bytes()


def renderer() -> Callable[[ClipSpec], bytes] | None:
    """What makes clips; None where the extra `emulator` (PyAV, Pillow) is not installed."""
    try:
        from ._render import render
    except ImportError:
        return None
    return render
