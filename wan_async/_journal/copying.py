"""A batch's move from a file into a database, or back: never gone on with at both, never at neither.

One transaction of the database decides: with it the rows stand there, or are marked as moved from there, and the copy's
number stands in `wan_async_copy`. The file beside it was marked with that number before, as undecided; whoever opens
it to write while the mark stands asks the database, and goes on only with what is decided.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import socket
import sqlite3
from collections.abc import Generator
from typing import TYPE_CHECKING

from ..errors import ConfigurationError, JournalError
from .entries import JournalCounts
from .opening import url_of
from .sqlite import files, marks, reads, rows
from .sqlite.hold import Hold
from .sqlite.lock import Lock
from .sqlite.marks import Mark

if TYPE_CHECKING:
    from .postgres.connecting import Place
    from .postgres.sole import Sole


def copy(source: str | os.PathLike[str], target: str | os.PathLike[str]) -> JournalCounts:
    """Copy a journal that nobody has open to a place where none is; what stands there then.

    Raises:
        JournalError: somebody has one of them open, the target holds items, something cannot be reached or written.
        ConfigurationError: not one file and one database, or a URL that cannot be read.
    """
    there, here = url_of(source), url_of(target)
    if (there is None) == (here is None):
        raise ConfigurationError(
            "source, target: one must be a file and one postgresql://…#name; "
            + ("a closed file is moved as any file is" if there is None else "between databases go by a file")
        )
    from .postgres.connecting import place_of

    if here is not None:
        target = here  # what crash reporters see of this frame
        return _to_database(os.fspath(source), place_of(here))
    source = there or ""
    path = os.fspath(target)
    try:
        return _to_file(place_of(source), path)
    except (sqlite3.Error, OSError) as fault:
        raise JournalError(f"{path} cannot be written: {fault}") from fault


def _to_database(path: str, place: Place) -> JournalCounts:
    from .postgres.sole import Sole

    with contextlib.closing(Hold(path, create=False, asking=place.url)) as hold, Sole(place, create=True) as there:
        database = hold.database
        mark = _mark(there, arrives=False)
        with there.alone():
            there.make_room(_words(path))
            there.receive(rows.items(database), rows.earlier(database), reads.limit(database))
            there.decide(mark.number)
            hold.do(marks.write, mark)
        marks.settle(database, mark.number)
        return reads.counts(database)


def _to_file(place: Place, path: str) -> JournalCounts:
    from .postgres.sole import Sole

    with Sole(place, create=False) as there:
        there.refuse_moved()
        with _room(path, place) as real:
            return _fill(there, real, _words(path))


def _fill(there: Sole, real: str, words: str) -> JournalCounts:
    mark = _mark(there, arrives=True)
    with there.alone():
        there.leave(words)
        there.decide(mark.number)
        files.create(real, lambda database: rows.fill(database, there.items(), there.earlier(), there.limit(), mark))
    with contextlib.closing(files.connect(real)) as database:
        marks.settle(database, mark.number)
        files.checkpoint(database, last=True)
        return reads.counts(database)


def _mark(there: Sole, *, arrives: bool) -> Mark:
    return Mark(secrets.token_hex(16), there.place.shown, there.place.without_secrets, arrives=arrives, decided=False)


def _words(path: str) -> str:
    """A file's place, for people elsewhere too."""
    return f"{os.path.realpath(path)} on {socket.gethostname()}"


@contextlib.contextmanager
def _room(path: str, source: Place) -> Generator[str]:
    """The file's real path, held: nothing is there, or nothing that is not in the database too."""
    real = os.path.realpath(path)
    if not os.path.isdir(os.path.dirname(real)):
        raise JournalError(f"{path} cannot be made: there is no folder {os.path.dirname(real)}")
    lock = Lock(real)
    try:
        if files.check(real):
            with contextlib.closing(files.connect(real)) as database:
                free = marks.is_spare(database, source)
                files.checkpoint(database, last=True)
            if not free:
                raise JournalError(f"{path} is a journal already: copy to a file that is not there")
            if files.has_log(real):
                raise JournalError(f"{path} cannot be replaced: somebody is reading it")
        yield real
    finally:
        lock.release()
