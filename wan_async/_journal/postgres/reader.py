"""A shared journal as others read it, while its workers write or after."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Generator, Iterable

import psycopg

from ...errors import JournalError
from ..entries import Entry, JournalCounts, State
from . import connecting, reads
from .session import Session


class PostgresSource:
    """A `JournalSource` in a database."""

    def __init__(self, url: str) -> None:
        """Connect; JournalError if it cannot be reached, or there is no such journal."""
        self._session = Session(connecting.place_of(url), create=False)

    def counts(self) -> JournalCounts:
        with _asking(self._session):
            return reads.counts(self._session)

    def limit(self) -> tuple[int, float] | None:
        with _asking(self._session):
            return reads.limit(self._session)

    def moved_to(self) -> str | None:
        with _asking(self._session):
            return self._session.moved_to()

    def page(self, states: Collection[State], after_id: int, limit: int) -> list[Entry]:
        with _asking(self._session):
            return reads.page(self._session, states, after_id, limit)

    def close(self) -> None:
        self._session.close()


def requeue(url: str, states: Collection[State], keys: Iterable[str] | None) -> int:
    """Have items submitted again; workers may have the batch open."""
    with Session(connecting.place_of(url), create=False) as session, _asking(session):
        return reads.requeue(session, states, keys)


@contextlib.contextmanager
def _asking(session: Session) -> Generator[None]:
    words = None
    try:
        yield
    except psycopg.Error as fault:
        words = connecting.hidden(session.place, str(fault))
    if words is not None:
        raise JournalError(f"{session.place.shown} cannot be read: {words}")
