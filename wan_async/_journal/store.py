"""A journal opened for writing by one thread: the lock, the connection, and an eye on the files."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from typing import TYPE_CHECKING, TypeVar, TypeVarTuple, Unpack

from ..errors import JournalError
from . import files, steps
from .lock import Lock
from .schema import TEMP_DDL
from .statements import begin_run

if TYPE_CHECKING:
    from collections.abc import Callable

Args = TypeVarTuple("Args")
T = TypeVar("T")

# Set on each connection: `synchronous` FULL because an intent that is not on disk must not be sent, `fullfsync` because
# on macOS fsync alone leaves the data in the drive's cache. The write-ahead log is put back every 16 MiB.
_PRAGMAS = """
PRAGMA journal_mode = WAL;
PRAGMA synchronous = FULL;
PRAGMA fullfsync = ON;
PRAGMA wal_autocheckpoint = 4096;
PRAGMA temp_store = FILE;
PRAGMA temp.journal_mode = MEMORY;
PRAGMA temp.cache_size = -4096;
"""


class Store:
    """The one writer's hold on a journal.

    Attributes:
        path: the journal, as the caller named it.
        database: the connection.
    """

    def __init__(self, path: str, *, create: bool = True) -> None:
        """Lock and open the journal, make it if need be; what a killed run had in the air becomes UNKNOWN.

        Raises JournalError: in use, not a journal, of a newer version, no such folder, not writable.
        """
        self.path = path
        self._real = os.path.realpath(path)
        if not os.path.isdir(os.path.dirname(self._real)):
            raise JournalError(f"{path} cannot be made: there is no folder {os.path.dirname(self._real)}")
        if not files.check(self._real) and not create:
            raise JournalError(f"{path} is not a journal: it is empty or not there")
        self._lock = Lock(self._real)
        try:
            self.database = self._open()
        except BaseException as fault:
            self._lock.release()
            if isinstance(fault, (sqlite3.Error, OSError)):
                raise JournalError(f"{path} cannot be opened: {fault}") from fault
            raise

    def _open(self) -> sqlite3.Connection:
        if not files.check(self._real):  # once more, now that nobody else can be making it
            files.create(self._real)
        database = files.connect(self._real)
        try:
            database.executescript(_PRAGMAS + TEMP_DDL + steps.DDL)
            database.execute("BEGIN IMMEDIATE")
            begin_run(database)
            database.execute("COMMIT")
            self._watched = [(path, os.stat(path)) for path in (self._real, f"{self._real}-wal", self._lock.path)]
        except BaseException:
            database.close()
            raise
        return database

    def transact(self, work: Callable[[sqlite3.Connection, Unpack[Args]], T], *args: *Args) -> T:
        """Do one thing in a transaction of its own; JournalError if it cannot be written."""
        try:
            self.database.execute("BEGIN IMMEDIATE")
            result = work(self.database, *args)
            self.database.execute("COMMIT")
        except sqlite3.Error as fault:
            raise JournalError(f"{self.path} cannot be written: {fault}") from fault
        return result

    def check_in_place(self) -> None:
        """JournalError if the journal was deleted or replaced: what is written would be lost with this process."""
        for path, opened in self._watched:
            try:
                stands = os.path.samestat(os.stat(path), opened)
            except OSError:
                stands = False
            if not stands:
                raise JournalError(f"{self.path} cannot be written: {path} was deleted or replaced while in use")

    def close(self) -> None:
        """Put the write-ahead log back into the file, as far as that works, and let the lock go.

        Somebody who is in the middle of reading is waited for half a second; what stays in the log is safe there.
        """
        with contextlib.suppress(sqlite3.Error):
            self.database.execute("PRAGMA busy_timeout = 500")
            self.database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        with contextlib.suppress(sqlite3.Error):
            self.database.close()
        self._lock.release()
