"""The check before anything is paid: every line is read, and its key kept in a temporary file, not in memory.

A line without a key gets the one that the journal would make, by the journal's own code. While the batch runs, the
same file is read again; a line that is not as it was checked stops the batch.
"""

from __future__ import annotations

import contextlib
import hashlib
import sqlite3
from collections.abc import Callable, Generator, Iterator
from typing import BinaryIO

import msgspec

from .._batch import Outcome
from .._batch.ledger import item_of
from .._journal.schema import TEMP_DDL
from .._journal.statements import known
from ..errors import ConfigurationError, InvalidInputError, WanError
from ..models import WanInput
from .lines import Line, numbered, read_line

# `known` reads `item`, as in a journal; here `input` is a digest, which makes a million rows some 130 MB.
_DDL = """
PRAGMA cache_size = -32768;
PRAGMA temp_store = FILE;
PRAGMA synchronous = OFF;
CREATE TABLE item (line INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, model TEXT NOT NULL, input TEXT NOT NULL);
"""
_ADD = "INSERT INTO item VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING"


class Sum(msgspec.Struct):
    """What the check found.

    Attributes:
        good: lines that can be sent.
        bad: lines that are refused.
        credits: what the good ones cost by the price list.
        unpriced: how many of them have no price there.
    """

    good: int = 0
    bad: int = 0
    credits: float = 0.0
    unpriced: int = 0


class Checked:
    """The lines that were found good: which key each has, and which line a key stands in."""

    def __init__(self, database: sqlite3.Connection) -> None:
        """Use `keeping`."""
        self._database = database

    def add(self, number: int, line: Line) -> None:
        """Keep a line; InvalidInputError if an earlier one has its key."""
        task_input = line.input
        key = line.key or known(self._database, [(None, task_input.model, task_input.content())])[0].key
        if self._database.execute(_ADD, (number, key, task_input.model, _digest(task_input))).rowcount:
            return
        (first,) = self._database.execute("SELECT line FROM item WHERE key = ?", (key,)).fetchone()
        raise InvalidInputError("key", key, f"a key of its own: line {first} has this one")

    def key(self, number: int, line: Line) -> str | None:
        """The key of a line; None if it is not the one that was checked."""
        row = self._database.execute("SELECT key, model, input FROM item WHERE line = ?", (number,)).fetchone()
        if row is None or row[1:] != (line.input.model, _digest(line.input)):
            return None
        return row[0] if line.key in {None, row[0]} else None

    def number(self, outcome: Outcome) -> int | None:
        """The line that an outcome belongs to; None if it is of an earlier run's input that stands here no more."""
        if outcome.input is None:
            return None
        select = "SELECT line FROM item WHERE key = ? AND model = ? AND input = ?"
        arguments = (outcome.key, outcome.input.model, _digest(outcome.input))
        row = self._database.execute(select, arguments).fetchone()
        return None if row is None else row[0]


@contextlib.contextmanager
def keeping() -> Generator[Checked]:
    """An empty `Checked`; its file goes with it."""
    try:
        with contextlib.closing(sqlite3.connect("", isolation_level=None)) as database:
            database.executescript(_DDL + TEMP_DDL + "BEGIN;")
            yield Checked(database)
    except sqlite3.Error as fault:
        raise WanError(f"the temporary file of keys cannot be used: {fault}") from fault


def check(
    file: BinaryIO, checked: Checked, refuse: Callable[[int, InvalidInputError], None], *, custom: bool, priced: bool
) -> Sum:
    """Read every line, and keep the good ones in `checked`.

    Args:
        file: from its beginning.
        checked: takes the good lines.
        refuse: told of each bad one, with its number and why.
        custom: let models and fields pass that this version does not know.
        priced: refuse what has no list price.
    """
    found = Sum()
    for number, raw in numbered(file):
        try:
            line = read_line(raw, custom=custom)
            price = item_of(0, "", line.input).price
            if priced and price is None:
                raise InvalidInputError("model", line.input.model, "with a budget, what has a list price")
            checked.add(number, line)
        except InvalidInputError as error:
            found.bad += 1
            refuse(number, error)
        else:
            found.good += 1
            found.credits += price or 0.0
            found.unpriced += price is None
    return found


def again(file: BinaryIO, checked: Checked, *, custom: bool) -> Iterator[tuple[str, WanInput]]:
    """Give the checked lines with their keys, read anew.

    Raises:
        ConfigurationError: a line is not as it was checked.
    """
    file.seek(0)
    for number, raw in numbered(file):
        try:
            line = read_line(raw, custom=custom)
        except InvalidInputError:
            line = None
        key = None if line is None else checked.key(number, line)
        if line is None or key is None:
            raise ConfigurationError(f"line {number} was changed while the batch ran; nothing more was sent")
        yield key, line.input


def _digest(task_input: WanInput) -> str:
    return hashlib.blake2b(task_input.content(), digest_size=16).hexdigest()
