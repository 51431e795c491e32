"""The journal's file: refused, made and opened. A file that is refused is only read, 100 bytes of it."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import stat
from pathlib import Path
from typing import Final

from ..errors import JournalError
from .schema import APPLICATION_ID, DDL, VERSION

# https://www.sqlite.org/fileformat.html#the_database_header
_MAGIC: Final = b"SQLite format 3\0"
_USER_VERSION: Final = slice(60, 64)
_APPLICATION_ID: Final = slice(68, 72)

# Seconds to wait for somebody's `sqlite3 run.db` that holds a lock of its own, before that is a failure.
_BUSY: Final = 10.0


def check(path: str, *, write: bool = True) -> bool:
    """True if a journal that this version can use is at the path, False if there is nothing, or an empty file.

    JournalError for all else: a folder, another file, another database, a newer version, no permission.
    """
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            raise JournalError(f"{path} is not a file")
        with open(path, "r+b" if write else "rb", buffering=0) as file:
            header = file.read(100)
    except FileNotFoundError:
        return False
    except OSError as fault:
        raise JournalError(f"{path} cannot be opened: {fault.strerror}") from fault
    if header:
        _check_header(path, header)
    return bool(header)


def _check_header(path: str, header: bytes) -> None:
    if len(header) < 100 or not header.startswith(_MAGIC):
        raise JournalError(f"{path} is not a journal; it was left as it is")
    if int.from_bytes(header[_APPLICATION_ID], "big") != APPLICATION_ID:
        raise JournalError(f"{path} is another program's database, not a journal; it was left as it is")
    version = int.from_bytes(header[_USER_VERSION], "big")
    if version != VERSION:
        raise JournalError(
            f"{path} is a journal of version {version}, this wan_async reads version {VERSION}; it was left as it is"
        )


def create(path: str) -> None:
    """Make an empty journal at the path, where nothing or an empty file is: whole or, when killed, not at all."""
    if _has_log(path):
        raise JournalError(
            f"{path} is not there, but {path}-wal, a part of it, is: put the one back or delete the other"
        )
    draft = f"{path}-new"
    _remove(draft)
    try:
        with contextlib.closing(sqlite3.connect(draft, isolation_level=None)) as database:
            database.executescript(DDL)
        os.replace(draft, path)
    except BaseException:
        _remove(draft)
        raise
    _sync_folder(path)


def _remove(draft: str) -> None:
    for left in (draft, f"{draft}-journal", f"{draft}-wal", f"{draft}-shm"):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(left)


def _sync_folder(path: str) -> None:
    """Without it a power cut may lose the name of a file whose content is safe."""
    if os.name == "posix":
        fd = os.open(os.path.dirname(path), os.O_RDONLY)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)


def connect(path: str) -> sqlite3.Connection:
    """The writer's connection to a journal that is there."""
    return _connect(path, "mode=rw", cache=16_384)


def connect_readonly(path: str) -> sqlite3.Connection:
    """A reader's connection.

    A reader shares a log index with the writer, in a file that it makes beside the journal if need be. Where it cannot,
    in a folder that is only readable, no run can be writing either: then a journal without a log left over is read
    as it stands.
    """
    try:
        return _connect(path, "mode=ro", cache=4_096)
    except sqlite3.OperationalError:
        if os.access(os.path.dirname(path), os.W_OK) or _has_log(path):
            raise
        return _connect(path, "mode=ro&immutable=1", cache=4_096)


def _connect(path: str, options: str, cache: int) -> sqlite3.Connection:
    """Connect, with `cache` KiB of memory, and read once: SQLite itself opens files when it needs them."""
    uri = f"{Path(path).as_uri()}?{options}"
    database = sqlite3.connect(uri, uri=True, timeout=_BUSY, isolation_level=None, check_same_thread=False)
    try:
        database.execute(f"PRAGMA cache_size = {-cache}")
        database.execute("SELECT id FROM item LIMIT 1").fetchall()
    except BaseException:
        database.close()
        raise
    return database


def _has_log(path: str) -> bool:
    """Whether committed rows stand in the write-ahead log beside the file."""
    log = f"{path}-wal"
    return os.path.exists(log) and os.path.getsize(log) > 0
