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
    """Whether committed rows stand in the log beside the file at the path, or all are in the file."""
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
    header, frame = log.read(_HEADER.size), log.read(_FRAME.size)
    if len(frame) < _FRAME.size:
        return False
    magic, *_, first, second = _HEADER.unpack(header)
    if magic & ~1 != _MAGIC or _header_sums(header) != (first, second):
        return False
    return _commits(log, header) or _commits(log, _before(header, frame)) or _has_mark_alone(log, header, frame)


def _commits(log: BinaryIO, header: bytes) -> bool:
    """Whether a commit stands behind the log's header, were it this one."""
    log.seek(_HEADER.size)
    magic, _, page_size, _, *salts, _, _ = _HEADER.unpack(header)
    order, sums = _order(magic), _header_sums(header)
    while len(frame := log.read(_FRAME.size + page_size)) == _FRAME.size + page_size:
        _, pages, *its_salts, first, second = _FRAME.unpack_from(frame)
        sums = _checksum(order, frame[:8], sums)
        sums = _checksum(order, frame[_FRAME.size :], sums)
        if its_salts != salts or sums != (first, second):
            return False
        if pages:
            return True
    return False


def _before(header: bytes, frame: bytes) -> bytes:
    """The header of the log before, to which the first frame belongs while nothing was written behind a new header.

    A log is begun anew once all of it is in the file: the header is written and synced, then the first commit. A
    process that is killed in between leaves a commit of the log before behind it.
    """
    magic, version, page_size, sequence, salt, *_ = _HEADER.unpack(header)
    _, _, _, other_salt, _, _ = _FRAME.unpack(frame)
    counted = (number - 1 & 0xFFFFFFFF for number in (sequence, salt))
    return _HEADER.pack(magic, version, page_size, *counted, other_salt, 0, 0)


def _has_mark_alone(log: BinaryIO, header: bytes, frame: bytes) -> bool:
    """Whether nothing was written behind the header but the first frame, and that in part.

    The first commit of a log that is begun anew is one frame, the page with the mark. A process that is killed while
    it writes it leaves what it wrote before the end of the log, or before the second frame of the log before.
    """
    _, _, page_size, _, *salts, _, _ = _HEADER.unpack(header)
    page, pages, *its_salts, _, _ = _FRAME.unpack(frame)
    log.seek(_HEADER.size + _FRAME.size)
    content, second = log.read(page_size), log.read(_FRAME.size)
    if page != 1 or not pages or its_salts != salts or len(content) < page_size:
        return False
    return not second or (len(second) == _FRAME.size and _FRAME.unpack(second)[2] == salts[0] - 1 & 0xFFFFFFFF)


def _header_sums(header: bytes) -> tuple[int, int]:
    return _checksum(_order(_HEADER.unpack(header)[0]), header[:24], (0, 0))


def _order(magic: int) -> str:
    return ">" if magic & 1 else "<"


def _checksum(order: str, part: bytes, sums: tuple[int, int]) -> tuple[int, int]:
    """The checksum of what came before and of this part."""
    even, odd = sums
    for one, other in struct.iter_unpack(f"{order}2I", part):
        even = (even + one + odd) & 0xFFFFFFFF
        odd = (odd + other + even) & 0xFFFFFFFF
    return even, odd
