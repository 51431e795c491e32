"""The journal as others read it, while a run writes or after."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from typing import TYPE_CHECKING, TypeVar, TypeVarTuple, Unpack

from ..errors import JournalError
from . import files, statements
from .entries import Entry, JournalCounts, State
from .store import Store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from types import TracebackType
    from typing import Self

Args = TypeVarTuple("Args")
T = TypeVar("T")

# Entries read at once; between two pages nothing is held, so that a long iteration does not keep the run from
# putting its write-ahead log back.
_PAGE = 500


class Journal:
    """A journal opened to be read, also while a run writes it. Its methods block: in asyncio, call them in a thread.

    ```python
    with Journal.open_readonly("run.db") as journal:
        print(journal.counts())
        for entry in journal.outcomes():
            print(entry.key, entry.path or entry.error)
    ```
    """

    def __init__(self, path: str, database: sqlite3.Connection) -> None:
        """Use `open_readonly`."""
        self.path = path
        self._database = database

    @classmethod
    def open_readonly(cls, path: str | os.PathLike[str]) -> Self:
        """Open a journal without a lock; JournalError if there is none, or none that this version can read."""
        path = os.fspath(path)
        real = os.path.realpath(path)
        if not files.check(real, write=False):
            raise JournalError(f"{path} is not a journal: it is empty or not there")
        try:
            return cls(path, files.connect_readonly(real))
        except sqlite3.Error as fault:
            raise JournalError(f"{path} cannot be read: {fault}") from fault

    @staticmethod
    def resubmit(
        path: str | os.PathLike[str],
        *,
        unknown: bool = False,
        failed: bool = False,
        keys: Iterable[str] | None = None,
    ) -> int:
        """Mark items that are unknown, failed, or both, to be submitted again by the next run. How many.

        Args:
            path: the journal; no run may have it open.
            unknown: mark those whose fate is unknown. They may exist and be charged, and be charged once more.
            failed: mark those that failed.
            keys: only items with these keys; without `unknown` and `failed`, in either state.

        Raises JournalError: in use, not a journal, not writable.
        """
        either = keys is not None and not unknown and not failed
        chosen = ((State.UNKNOWN, unknown), (State.FAILED, failed))
        states = [state for state, wanted in chosen if wanted or either]
        with contextlib.closing(Store(os.fspath(path), create=False)) as store:
            return store.transact(statements.requeue, states, keys)

    def counts(self) -> JournalCounts:
        """How many items stand where, and the credits spent."""
        return self._read(statements.counts)

    def entries(self, *states: State) -> Iterator[Entry]:
        """The entries in these states, or all, by id; each as it is when it is reached."""
        last = 0
        while page := self._read(statements.page, states or tuple(State), last, _PAGE):
            yield from page
            last = page[-1].id

    def outcomes(self) -> Iterator[Entry]:
        """What is finished: DONE, FAILED and UNKNOWN."""
        return self.entries(State.DONE, State.FAILED, State.UNKNOWN)

    def close(self) -> None:
        """Close the file; also when called again."""
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _read(self, work: Callable[[sqlite3.Connection, Unpack[Args]], T], *args: *Args) -> T:
        try:
            return work(self._database, *args)
        except sqlite3.Error as fault:
            raise JournalError(f"{self.path} cannot be read: {fault}") from fault
