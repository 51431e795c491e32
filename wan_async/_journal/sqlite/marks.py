"""Marks of copies in a journal's file: where it came from, or where it went, and whether that is decided."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, Final, NamedTuple

from ..._protocol.secrets import Secret
from ...errors import JournalError
from .schema import COPY

if TYPE_CHECKING:
    from ..postgres.connecting import Place
    from .hold import Hold

_READ: Final = "SELECT number, place, url, arrives, decided FROM copy ORDER BY rowid DESC LIMIT 1"
_IS_THERE: Final = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'copy'"
_MOVED: Final = "SELECT place FROM copy WHERE decided AND NOT arrives"
WRITE: Final = "INSERT INTO copy (number, place, url, arrives, decided) VALUES (?, ?, ?, ?, ?)"
_SETTLE: Final = "UPDATE copy SET decided = 1 WHERE number = ?"
_DELETE: Final = "DELETE FROM copy WHERE number = ?"


class Mark(NamedTuple):
    """One copy, as the file has it.

    Attributes:
        number: stands in the database once the copy is decided.
        place: the database and its batch, in words.
        url: of the database, without what is secret.
        arrives: the file is the copy; else it was copied.
        decided: the copy is where the batch is gone on with.
    """

    number: str
    place: str
    url: str
    arrives: bool
    decided: bool


def last(database: sqlite3.Connection) -> Mark | None:
    """The newest mark."""
    database.execute(COPY)  # journals of early builds have no such table
    row = database.execute(_READ).fetchone()
    return None if row is None else Mark(*row[:3], arrives=bool(row[3]), decided=bool(row[4]))


def moved_to(database: sqlite3.Connection) -> str | None:
    """The place where it was copied to, for a reader; None while that is not decided."""
    if not database.execute(_IS_THERE).fetchone():  # journals of early builds have no such table
        return None
    row = database.execute(_MOVED).fetchone()
    return None if row is None else row[0]


def write(hold: Hold, mark: Mark) -> None:
    """Note that the journal is about to be copied."""
    hold.database.execute(WRITE, mark)


def settle(database: sqlite3.Connection, number: str) -> None:
    """Note that the copy was decided."""
    database.execute(_SETTLE, (number,))


def check(path: str, database: sqlite3.Connection, asking: str | None) -> None:
    """JournalError unless the batch is gone on with here.

    Args:
        path: the journal, in words.
        database: the connection.
        asking: the URL of the database, where the caller has one with a password.
    """
    mark = last(database)
    if mark is None or (mark.arrives and mark.decided):
        return
    decided = mark.decided or _ask(path, mark, asking)
    if not mark.arrives and not decided:
        database.execute(_DELETE, (mark.number,))  # cut short: nothing arrived there, and nothing will
        return
    if decided:
        settle(database, mark.number)
    if not mark.arrives:
        raise JournalError(f"{path} was copied to {mark.place}: go on with that")
    if not decided:
        raise JournalError(
            f"{path} is a copy of {mark.place} that was cut short: go on with that, or copy it to here once more"
        )


def is_spare(database: sqlite3.Connection, source: Place) -> bool:
    """Whether all that the file holds is in the database too: it was copied there, or is a copy that was cut short."""
    mark = last(database)
    if mark is None and not database.execute("SELECT id FROM item LIMIT 1").fetchall():
        return True
    if mark is None or mark.place != source.shown:
        return False
    decided = mark.decided or _ask(source.shown, mark, source.url)
    return decided != mark.arrives


def _ask(path: str, mark: Mark, asking: str | None) -> bool:
    from ..postgres.connecting import Place, place_of
    from ..postgres.sole import is_decided

    place = None if asking is None else place_of(asking)
    if place is None or place.shown != mark.place:
        place = Place(Secret(mark.url), mark.place.rpartition("#")[2], mark.place)
    try:
        return is_decided(place, mark.number)
    except JournalError as error:
        words = str(error)
    raise JournalError(
        f"{path}: a copy {'from' if mark.arrives else 'to'} {mark.place} was cut short at its end, and whether it "
        f"counts can only be read there ({words}): copy it once more, with the whole URL, or set PGPASSWORD"
    )
