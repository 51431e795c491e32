"""A journal held by one run: the lock, the connection, and an eye on the files."""

from __future__ import annotations

import contextlib
import os
import socket
import sqlite3
import time
from collections.abc import Callable, Generator, Sequence
from datetime import UTC, datetime
from itertools import pairwise
from queue import SimpleQueue
from typing import Any, Final, TypeVar, TypeVarTuple, Unpack

from ...errors import JournalError, SubmissionUnknownError
from ..entries import State
from ..errors_json import error_to_json
from ..keys import KeyMaker
from ..line import Job
from . import files, log, marks
from .lock import Lock

Args = TypeVarTuple("Args")
T = TypeVar("T")

_CHECKPOINT: Final = 16 << 20
"""Bytes of log after which it is put back into the file."""

REFUSED: Final = (
    JournalError,
    sqlite3.IntegrityError,
    sqlite3.DataError,
    sqlite3.ProgrammingError,
    sqlite3.InterfaceError,
    ValueError,
    TypeError,
    OverflowError,
)
"""Errors of the values to be written: nothing of that statement is, and the transaction goes on."""

_RUN: Final = "INSERT INTO run (opened_at, host, pid) VALUES (?, ?, ?)"
_ORPHAN: Final = "UPDATE item SET state = 'unknown', finished_at = ?, error = ?, reported = 0 WHERE id = ?"
_BOUNDS: Final = sorted(State)
_STRANGE: Final = f"""
SELECT id, key, state FROM item WHERE state < '{_BOUNDS[0]}' OR state > '{_BOUNDS[-1]}'
    {"".join(f"OR state > '{one}' AND state < '{two}' " for one, two in pairwise(_BOUNDS))} LIMIT 1
"""  # noqa: S608 - by ranges of the index, for 0.1 ms however many rows there are
_IN_THE_AIR: Final = "the run ended while the submission was in the air"


class Hold:
    """The one writer's hold on a journal, for one thread.

    Attributes:
        path: the journal, as the caller named it.
        database: the connection.
        execute: executes a statement whose rows are read at once: a cursor for each costs as much as a small statement.
        keys: makes the keys of this run.
        run: this run's id.
        last: the id of the last item that was there before.
        spent: credits that were or may have been charged, once somebody asked for them.
    """

    def __init__(self, path: str, *, create: bool = True, asking: str | None = None) -> None:
        """Lock and open the journal, make it if need be; what a killed run had in the air becomes UNKNOWN.

        Args:
            path: the journal, as the caller names it.
            create: make it where there is none.
            asking: the URL of the database that it was copied to or from, where that copy was cut short.

        Raises JournalError: in use, not a journal, of a newer version, copied to another place, no such folder, not
        writable.
        """
        self.path = path
        self._asking = asking
        self.spent: float | None = None
        self._salt = ""
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
        self.execute = self.database.cursor().execute
        self.keys = KeyMaker()

    def _open(self) -> sqlite3.Connection:
        if not files.check(self._real):  # once more, now that nobody else can be making it
            files.create(self._real)
        database = files.connect(self._real)
        try:
            marks.check(self.path, database, self._asking)
            with transaction(database):
                self.run, self.last = _begin_run(database)
            self._watched = [(path, os.stat(path)) for path in (self._real, f"{self._real}-wal", self._lock.path)]
        except BaseException:
            database.close()
            raise
        return database

    def do(self, work: Callable[[Hold, Unpack[Args]], T], *args: *Args) -> T:
        """Do one thing in a transaction of its own; JournalError if it cannot be written."""
        try:
            with transaction(self.database):
                return work(self, *args)
        except sqlite3.Error as fault:
            raise JournalError(f"{self.path} cannot be written: {fault}") from fault

    def wait(self, groups: SimpleQueue[list[Job] | None]) -> None:
        """Nothing is due meanwhile."""

    def transact(self, calls: Sequence[Job]) -> list[Any]:
        """Do all in one transaction, and check that the files still stand where they were."""
        with transaction(self.database):
            results = [self._result(call) for call in calls]
        self.after_commit()
        return results

    def _result(self, call: Job) -> Any:
        try:
            return call.work(self, *call.args)
        except REFUSED as refusal:
            return refusal

    def after_commit(self) -> None:
        """Put the log back where it has grown; JournalError if the journal was deleted or replaced.

        What is written then would be lost with this process.
        """
        for path, opened in self._watched:
            try:
                stands = os.stat(path)
            except OSError:
                stands = None
            if stands is None or not os.path.samestat(stands, opened):
                raise JournalError(f"{self.path} cannot be written: {path} was deleted or replaced while in use")
            if path.endswith("-wal"):
                self._note(stands.st_size)

    def _note(self, length: int) -> None:
        """Write how far the log reaches, which nobody else knows once it is cut."""
        if length > _CHECKPOINT:
            self._checkpoint()
            return
        if not self._salt:
            self._salt = log.extent(self._real).partition(" ")[0]
        self._lock.note(f"{self._salt} {length}")

    def _checkpoint(self) -> None:
        self._salt = ""
        self._lock.note("")
        self.database.execute("PRAGMA busy_timeout = 0")  # whoever reads is not waited for
        files.checkpoint(self.database)
        self.database.execute("PRAGMA busy_timeout = 10000")

    def close(self) -> None:
        """Put the log back into the file, as far as that works, and let the lock go.

        Somebody who is in the middle of reading is waited for half a second; what stays in the log is safe there.
        """
        try:
            self._lock.note("")
            with contextlib.suppress(sqlite3.Error):
                self.database.execute("PRAGMA busy_timeout = 500")
                files.checkpoint(self.database, last=True)
            with contextlib.suppress(sqlite3.Error):
                self.database.close()
            self.keys.close()
        finally:
            self._lock.release()


@contextlib.contextmanager
def transaction(database: sqlite3.Connection) -> Generator[None]:
    """Commit all that is done, or nothing."""
    database.execute("BEGIN IMMEDIATE")
    try:
        yield
        database.execute("COMMIT")
    except BaseException:
        if database.in_transaction:
            database.execute("ROLLBACK")
        raise


def _begin_run(database: sqlite3.Connection) -> tuple[int, int]:
    """Note the run. What a killed one had in the air may have been created: it becomes UNKNOWN."""
    for id_, key, state in database.execute(_STRANGE):
        raise JournalError(f"row {id_} of the journal, key {key!r}, is in a state that there is not: {state!r}")
    (last,) = database.execute("SELECT coalesce(max(id), 0) FROM item").fetchone()
    run = database.execute(_RUN, (time.time(), socket.gethostname(), os.getpid())).lastrowid
    for id_, sent_at in database.execute("SELECT id, sent_at FROM item WHERE state = 'sending'").fetchall():
        error = error_to_json(SubmissionUnknownError(_IN_THE_AIR, _when(sent_at)))
        database.execute(_ORPHAN, (time.time(), error, id_))
    return run or 0, last


def _when(sent_at: object) -> datetime | None:
    """None for what somebody else wrote there."""
    try:
        return datetime.fromtimestamp(float(str(sent_at)), UTC)
    except (ValueError, OverflowError, OSError):
        return None
