"""The tracks of an MP4 file, by its index (ISO 14496-12): a recorder's sound and a video may begin alike."""

from __future__ import annotations

from collections.abc import Iterator
from typing import IO, NamedTuple

_MOST = 1000
"""Boxes that are looked at on one level: a broken index ends."""


class _Box(NamedTuple):
    kind: bytes
    start: int
    end: int


def is_sound_alone(file: IO[bytes], size: int) -> bool:
    """True for a file of `size` bytes with tracks of sound and none of pictures; False where its index says nothing."""
    handlers = {
        _read(file, handler.start + 8, 4)
        for index in _boxes(file, b"moov", 0, size)
        for track in _boxes(file, b"trak", index.start, index.end)
        for media in _boxes(file, b"mdia", track.start, track.end)
        for handler in _boxes(file, b"hdlr", media.start, media.end)
    }
    return b"soun" in handlers and b"vide" not in handlers


def _boxes(file: IO[bytes], kind: bytes, start: int, end: int) -> Iterator[_Box]:
    """The boxes of that kind between two places of the file, without their heads."""
    for _ in range(_MOST):
        head = _read(file, start, 16)
        if end - start < 8 or len(head) < 8:
            return
        length, body = int.from_bytes(head[:4], "big"), start + 8
        if length == 1:  # the length is in the next eight bytes
            length, body = int.from_bytes(head[8:], "big"), start + 16
        following = start + length if length else end
        if not body <= following <= end:
            return
        if head[4:8] == kind:
            yield _Box(kind, body, following)
        start = following


def _read(file: IO[bytes], start: int, length: int) -> bytes:
    file.seek(start)
    return file.read(length)
