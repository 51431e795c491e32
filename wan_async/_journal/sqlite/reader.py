"""A journal's file as others read it, while a run writes or after."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Collection, Generator, Iterable

from ...errors import JournalError
from ..entries import Entry, JournalCounts, State
from . import files, marks, reads
from .hold import Hold


class SqliteSource:
    """A `JournalSource` in a file."""

    def __init__(self, path: str) -> None:
        """Open without a lock; JournalError if there is no journal, or none that this version can read."""
        self._path = path
        real = os.path.realpath(path)
        if not files.check(real, write=False):
            raise JournalError(f"{path} is not a journal: it is empty or not there")
        with self._reading():
            self._database = files.connect_readonly(real)

    def counts(self) -> JournalCounts:
        with self._reading():
            return reads.counts(self._database)

    def limit(self) -> tuple[int, float] | None:
        with self._reading():
            return reads.limit(self._database)

    def moved_to(self) -> str | None:
        with self._reading():
            return marks.moved_to(self._database)

    def page(self, states: Collection[State], after_id: int, limit: int) -> list[Entry]:
        with self._reading():
            return reads.page(self._database, states, after_id, limit)

    def close(self) -> None:
        self._database.close()

    @contextlib.contextmanager
    def _reading(self) -> Generator[None]:
        try:
            yield
        except sqlite3.Error as fault:
            raise JournalError(f"{self._path} cannot be read: {fault}") from fault


def requeue(path: str, states: Collection[State], keys: Iterable[str] | None) -> int:
    """Have items submitted again; no run may have the journal open."""
    with contextlib.closing(Hold(path, create=False)) as hold:
        return hold.do(reads.requeue, states, keys)
