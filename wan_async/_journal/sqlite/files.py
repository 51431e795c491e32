"""The journal's file: refused, made, opened, and marked while it is in use.

The mark is the version's sign (see `schema`): negative in the file itself, positive in the write-ahead log beside it.
A checkpoint copies pages from the log into the file, each as it stands last in the log, and those that stand last
behind what somebody still reads not at all. So the page with the mark is written once more before each checkpoint:
whatever is left in the log then, the file says so.

After a kill the log must hold a commit, be it one that is in the file by now. A program that opens the two then and is
the last to close them puts the log back, and the mark with it. Only where the kill came within the milliseconds of a
checkpoint does such a program leave a file that is whole and is refused: nothing tells it from one whose log was lost.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Final

from ...errors import JournalError
from .lock import noted
from .log import has_commit, was_cut
from .schema import APPLICATION_ID, DDL, FROM_VERSION_1, VERSION

# Seconds to wait for somebody's `sqlite3 run.db` that holds a lock of its own, before that is a failure.
_BUSY: Final = 10.0

# Set on each connection: `synchronous` FULL because an intent that is not on disk must not be sent, `fullfsync` because
# on macOS fsync alone leaves the data in the drive's cache; checkpoints are ours to make, because of the mark, and the
# first commit after one cuts the log to its own length.
_PRAGMAS: Final = """
PRAGMA journal_mode = WAL;
PRAGMA synchronous = FULL;
PRAGMA fullfsync = ON;
PRAGMA wal_autocheckpoint = 0;
PRAGMA journal_size_limit = 0;
"""
_FOREIGN: Final = "SELECT type, name FROM sqlite_master WHERE type IN ('trigger', 'view')"


def check(path: str, *, write: bool = True) -> int:
    """The version of the journal at the path, that this wan_async can use; 0 if there is nothing, or an empty file.

    JournalError for all else, which is only read: a folder, another file, another database, a newer version, a part
    of a journal, no permission.
    """
    try:
        there = os.stat(path)
    except FileNotFoundError:
        return 0
    except OSError as fault:
        raise JournalError(f"{path} cannot be opened: {fault.strerror}") from fault
    if not stat.S_ISREG(there.st_mode):
        raise JournalError(f"{path} is not a file")
    if not os.access(path, os.R_OK | os.W_OK if write else os.R_OK):
        raise JournalError(f"{path} cannot be opened: Permission denied")
    if write and there.st_nlink > 1:
        raise JournalError(
            f"{path} is one file under {there.st_nlink} names (hard links), and the log beside it belongs to one of "
            "them: copy the file instead of linking it"
        )
    return _version(path) if there.st_size else 0


def _version(path: str) -> int:
    application, version = _header(path)
    if application != APPLICATION_ID:
        raise JournalError(f"{path} is another program's database, not a journal; it was left as it is")
    if abs(version) > VERSION or not version:
        raise JournalError(
            f"{path} is a journal of version {abs(version)}, this wan_async reads version {VERSION}; "
            "it was left as it is"
        )
    if version < 0 and (fault := _fault_of_log(path)):
        raise JournalError(
            f"{path} was not closed, and the last of it is not in it but in {path}-wal, which {fault}: put it back "
            "beside it; without it, what was paid for would be paid again"
        )
    return abs(version)


def _fault_of_log(path: str) -> str:
    if not has_commit(path):
        return "is missing, empty or spoilt"
    # a run that lives begins its log anew between the two reads at most once in a while
    if was_cut(path, noted(path)) and was_cut(path, noted(path)):
        return f"was cut: it was longer when {path}-lock was written"
    return ""


def _header(path: str) -> tuple[int, int]:
    """The file's header, read without its log.

    SQLite reads it, since closing a file that was opened otherwise ends the locks of all connections of this process
    (https://www.sqlite.org/howtocorrupt.html, 2.2). `writable_schema` has it read the file of a process that was
    killed in a checkpoint, which may be shorter than its header says until the log is read.
    """
    try:
        with contextlib.closing(sqlite3.connect(f"{_uri(path)}?mode=ro&immutable=1", uri=True)) as file:
            file.execute("PRAGMA writable_schema = ON")
            (application,) = file.execute("PRAGMA application_id").fetchone()
            (version,) = file.execute("PRAGMA user_version").fetchone()
    except sqlite3.DatabaseError as fault:
        raise JournalError(f"{path} is not a journal; it was left as it is") from fault
    return application, version


def create(path: str, fill: Callable[[sqlite3.Connection], None] | None = None) -> None:
    """Make a journal at the path, empty or as `fill` makes it: whole or, when killed, not at all."""
    if has_log(path):
        raise JournalError(
            f"{path} is not there, but {path}-wal, a part of it, is: put the one back or delete the other"
        )
    draft = f"{path}-new"
    _remove(draft)
    try:
        with contextlib.closing(sqlite3.connect(draft, isolation_level=None)) as database:
            database.executescript(DDL)
            if fill is not None:
                fill(database)
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
    """The writer's connection to a journal that is there: brought to this version, and marked."""
    database = _connect(path, "mode=rw", cache=16_384)
    try:
        database.executescript(_PRAGMAS)
        (version,) = database.execute("PRAGMA user_version").fetchone()
        if abs(version) == 1:
            database.executescript(FROM_VERSION_1)
        elif version < 0:  # a log that was begun anew, and got no mark before a kill
            database.execute(f"PRAGMA user_version = {VERSION}")
        if _header(path)[1] > 0 and not checkpoint(database):
            raise JournalError(f"{path} cannot be opened: somebody has been reading it for {_BUSY:g} s; end that first")
    except BaseException:
        database.close()
        raise
    return database


def checkpoint(database: sqlite3.Connection, *, last: bool = False) -> bool:
    """Put the log back into the file. False if somebody was reading: what is left then stays in the log, safe.

    The file stays marked, but for the `last` one, for which the mark is taken away when all else is back: pages are
    written in their order, and the mark is on the first.
    """
    if last and not checkpoint(database):
        return False
    database.execute(f"PRAGMA user_version = {VERSION if last else -VERSION}")
    # cut to nothing, the log of a process that is killed now would look like one that another program made anew
    (busy, _, _) = database.execute(f"PRAGMA wal_checkpoint({'TRUNCATE' if last else 'RESTART'})").fetchone()
    if not last:
        database.execute(f"PRAGMA user_version = {VERSION}")
    return not busy


def connect_readonly(path: str) -> sqlite3.Connection:
    """A reader's connection.

    A reader shares a log index with the writer, in a file that it makes beside the journal if need be. Where it cannot,
    in a folder that is only readable, no run can be writing either: then a journal without a log left over is read
    as it stands.
    """
    try:
        return _connect(path, "mode=ro", cache=4_096)
    except sqlite3.OperationalError:
        if os.access(os.path.dirname(path), os.W_OK) or has_log(path):
            raise
        return _connect(path, "mode=ro&immutable=1", cache=4_096)


def _connect(path: str, options: str, cache: int) -> sqlite3.Connection:
    """Connect, with `cache` KiB of memory, and read once: SQLite itself opens files when it needs them."""
    uri = f"{_uri(path)}?{options}"
    database = sqlite3.connect(uri, uri=True, timeout=_BUSY, isolation_level=None, check_same_thread=False)
    try:
        database.execute(f"PRAGMA cache_size = {-cache}")
        database.execute("SELECT id FROM item LIMIT 1").fetchall()
        if foreign := database.execute(_FOREIGN).fetchone():
            raise JournalError(f"{path} holds a {foreign[0]}, {foreign[1]}, which no journal has; it was left as it is")
    except BaseException:
        database.close()
        raise
    return database


def _uri(path: str) -> str:
    return Path(path).as_uri()


def has_log(path: str) -> bool:
    """Whether anything stands in the write-ahead log beside the file."""
    log = f"{path}-wal"
    return os.path.exists(log) and os.path.getsize(log) > 0
