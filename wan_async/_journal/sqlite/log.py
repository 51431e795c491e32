"""The write-ahead log beside the file, read without SQLite: whether SQLite would find a commit in it, and the last one.

A log that was cut or spoilt is silently none to SQLite (https://www.sqlite.org/fileformat2.html#walformat, from where
the layout and the checksum are): a header, then frames of a header and a page each; a commit's last frame says how
many pages the database has then. SQLite reads up to the first frame whose salts or checksum are wrong.
"""

from __future__ import annotations

import os
import struct
import time
from typing import BinaryIO, Final

_HEADER: Final = struct.Struct(">8I")  # magic, version, page size, sequence, two salts, two checksums
_FRAME: Final = struct.Struct(">6I")  # page, pages after a commit, two salts, two checksums
_MAGIC: Final = 0x377F0682
"""The lowest bit tells big-endian checksums."""
_LATER: Final = (0.0, 0.05, 0.2, 0.5)
"""Seconds between reads: a run that begins its log anew writes the header first, and then syncs it."""


def has_commit(path: str) -> bool:
    """Whether committed rows stand in the log beside the file at the path."""
    for seconds in _LATER:
        time.sleep(seconds)
        try:
            with open(f"{path}-wal", "rb") as log:
                if _has_commit(log):
                    return True
                if log.tell() < _HEADER.size + _FRAME.size:
                    return False
        except FileNotFoundError:
            return False
    return False


def extent(path: str) -> str:
    """The extent of the log: the salt of its beginning, which each new one has of its own, and its length."""
    try:
        with open(f"{path}-wal", "rb") as log:
            salt = log.read(24)[16:]
            return f"{salt.hex()} {os.fstat(log.fileno()).st_size}"
    except OSError:
        return ""


def was_cut(path: str, noted: str) -> bool:
    """Whether the log is the one that was noted by its `extent`, and shorter by now."""
    salt, _, size = noted.partition(" ")
    stands, _, length = extent(path).partition(" ")
    return salt == stands != "" and size.isdecimal() and int(length) < int(size)


def _has_commit(log: BinaryIO) -> bool:
    header = log.read(_HEADER.size)
    if len(header) < _HEADER.size:
        return False
    magic, _, page_size, _, *salts, first, second = _HEADER.unpack(header)
    order = ">" if magic & 1 else "<"
    sums = _checksum(order, header[:24], (0, 0))
    if magic & ~1 != _MAGIC or sums != (first, second):
        return False
    while len(frame := log.read(_FRAME.size + page_size)) == _FRAME.size + page_size:
        _, pages, *its_salts, first, second = _FRAME.unpack_from(frame)
        sums = _checksum(order, frame[:8], sums)
        sums = _checksum(order, frame[_FRAME.size :], sums)
        if its_salts != salts or sums != (first, second):
            return False
        if pages:
            return True
    return False


def _checksum(order: str, part: bytes, sums: tuple[int, int]) -> tuple[int, int]:
    """The checksum of what came before and of this part."""
    even, odd = sums
    for one, other in struct.iter_unpack(f"{order}2I", part):
        even = (even + one + odd) & 0xFFFFFFFF
        odd = (odd + other + even) & 0xFFFFFFFF
    return even, odd
