"""The journal as others read it, while a run writes or after."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator
from types import TracebackType
from typing import Protocol, Self

from .entries import Entry, JournalCounts, State
from .opening import url_of

# Entries read at once; between two pages nothing is held, so that a long iteration does not keep the run from
# putting its write-ahead log back.
_PAGE = 500


class JournalSource(Protocol):
    """A kind of journal, to be read; each method raises `JournalError`."""

    def counts(self) -> JournalCounts:
        """Numbers of items by state, and the credits spent, at one moment."""
        ...

    def limit(self) -> tuple[int, float] | None:
        """The account's limit as the last run knew it."""
        ...

    def moved_to(self) -> str | None:
        """The place where alone the batch is gone on with, in words; None: here."""
        ...

    def page(self, states: Collection[State], after_id: int, limit: int) -> list[Entry]:
        """The next entries in these states, by id."""
        ...

    def close(self) -> None:
        """Let go of it; also when called again."""
        ...


class Journal:
    """A journal opened to be read, also while runs write it. Its methods block: in asyncio, call them in a thread.

    ```python
    with Journal.open_readonly("run.db") as journal:
        print(journal.counts())
        for entry in journal.outcomes():
            print(entry.key, entry.path or entry.error)
    ```
    """

    def __init__(self, path: str, source: JournalSource) -> None:
        """Use `open_readonly`."""
        self.path = path
        self._source = source

    @classmethod
    def open_readonly(cls, path: str | os.PathLike[str]) -> Self:
        """Open a journal without a lock: a file, or the URL of a database.

        Raises:
            JournalError: there is none, or none that this version can read; a database that cannot be reached.
            ConfigurationError: a URL that cannot be read.
        """
        url = url_of(path)
        if url is not None:
            path = url  # what crash reporters see of this frame
            from .postgres.connecting import place_of
            from .postgres.reader import PostgresSource

            return cls(place_of(url).shown, PostgresSource(url))
        from .sqlite.reader import SqliteSource

        name = os.fspath(path)
        return cls(name, SqliteSource(name))

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
            path: the journal: a file, which no run may have open, or the URL of a database.
            unknown: mark those whose fate is unknown. They may exist and be charged, and be charged once more.
            failed: mark those that failed.
            keys: only items with these keys; without `unknown` and `failed`, in either state.

        Raises JournalError: in use, not a journal, not writable.
        """
        either = keys is not None and not unknown and not failed
        chosen = ((State.UNKNOWN, unknown), (State.FAILED, failed))
        states = [state for state, wanted in chosen if wanted or either]
        url = url_of(path)
        if url is not None:
            from .postgres.reader import requeue as requeue_there

            return requeue_there(url, states, keys)
        from .sqlite.reader import requeue

        return requeue(os.fspath(path), states, keys)

    @staticmethod
    def copy(source: str | os.PathLike[str], target: str | os.PathLike[str]) -> JournalCounts:
        """Copy a batch from a file into a database, or back, and have it gone on with there alone.

        Nothing is paid again there, with the same inputs: what ran goes on, what was in the air is unknown. The source
        can be read as before. A kill leaves it as it was, or the target complete.

        Args:
            source: the journal: a file, or the URL of a database. No run may have it open.
            target: a URL, or a file. It must hold nothing, or what was copied from there to the source before.

        Raises:
            JournalError: one is in use, the target holds items, something cannot be reached or written.
            ConfigurationError: not one file and one database; a URL that cannot be read.
        """
        from .copying import copy

        return copy(source, target)

    def counts(self) -> JournalCounts:
        """Numbers of items by state, and the credits spent."""
        return self._source.counts()

    def limit(self) -> tuple[int, float] | None:
        """The account's limit, as far as a run noted it: submissions, and the seconds for which they are counted."""
        return self._source.limit()

    def moved_to(self) -> str | None:
        """The place that the batch was copied to, and where alone it is gone on with; None: here."""
        return self._source.moved_to()

    def entries(self, *states: State) -> Iterator[Entry]:
        """The entries in these states, or all, by id; each as it is when it is reached."""
        last = 0
        while page := self._source.page(states or tuple(State), last, _PAGE):
            yield from page
            last = page[-1].id

    def outcomes(self) -> Iterator[Entry]:
        """Entries that are finished: DONE, FAILED and UNKNOWN."""
        return self.entries(State.DONE, State.FAILED, State.UNKNOWN)

    def close(self) -> None:
        """Let go of it; also when called again."""
        self._source.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()
