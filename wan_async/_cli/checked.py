"""The check before anything is paid: every line is read, and its key kept in a temporary file, not in memory.

A line without a key gets the one that the journal would make, by the journal's own code. While the batch runs, the
same file is read again; a line that is not as it was checked stops the batch.
"""

from __future__ import annotations

import contextlib
import hashlib
import sqlite3
from collections.abc import Callable, Generator, Iterator
from typing import BinaryIO, TypeAlias

import msgspec

from .._batch import Outcome
from .._batch.stages import price_of
from .._journal.sqlite.keys import KeyMaker
from ..errors import ConfigurationError, InvalidInputError, WanError
from ..models import WanInput
from .reading import rows
from .rows import InputLine, Reading

# `input` is a digest, which makes a million rows some 130 MB.
_DDL = """
PRAGMA cache_size = -32768;
PRAGMA temp_store = FILE;
PRAGMA synchronous = OFF;
CREATE TABLE item (line INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, model TEXT NOT NULL, input TEXT NOT NULL);
"""
_ADD = "INSERT INTO item VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING"


Refuse: TypeAlias = Callable[[int, InvalidInputError], None]
"""Hears of a bad row: its number, and what is wrong with it."""


class Priced(msgspec.Struct):
    """The rows of one model: their number, their cost by the price list, and the number without a price there."""

    rows: int = 0
    credits: float = 0.0
    unpriced: int = 0


class Sum(msgspec.Struct):
    """The result of the check.

    Attributes:
        bad: rows that are refused.
        by_model: the good ones.
    """

    bad: int = 0
    by_model: dict[str, Priced] = {}

    def add(self, model: str, price: float | None) -> None:
        """Count a good row."""
        priced = self.by_model.setdefault(model, Priced())
        priced.rows += 1
        priced.credits += price or 0.0
        priced.unpriced += price is None

    @property
    def good(self) -> int:
        """Rows that can be sent."""
        return sum(priced.rows for priced in self.by_model.values())

    @property
    def credits(self) -> float:
        """Credits that the good ones cost by the price list."""
        return sum(priced.credits for priced in self.by_model.values())

    @property
    def unpriced(self) -> int:
        """The number of good ones that have no price there."""
        return sum(priced.unpriced for priced in self.by_model.values())


class Checked:
    """The lines that were found good: which key each has, and which line a key stands in."""

    def __init__(self, database: sqlite3.Connection, keys: KeyMaker) -> None:
        """Use `keeping`."""
        self._database = database
        self._keys = keys

    def add(self, number: int, line: InputLine) -> None:
        """Keep a line; InvalidInputError if an earlier one has its key."""
        task_input = line.input
        content = task_input.content()
        key = line.key or self._keys.make(task_input.model, content)
        if self._database.execute(_ADD, (number, key, task_input.model, _digest(content))).rowcount:
            return
        (first,) = self._database.execute("SELECT line FROM item WHERE key = ?", (key,)).fetchone()
        raise InvalidInputError("key", key, f"a key of its own: line {first} has this one")

    def key(self, number: int, line: InputLine) -> str | None:
        """The key of a line; None if it is not the one that was checked."""
        row = self._database.execute("SELECT key, model, input FROM item WHERE line = ?", (number,)).fetchone()
        if row is None or row[1:] != (line.input.model, _digest(line.input.content())):
            return None
        return row[0] if line.key in {None, row[0]} else None

    @property
    def repeated(self) -> int:
        """The number of rows that ask for what an earlier one asks for too, under another key."""
        select = "SELECT count(*) - count(DISTINCT model || char(0) || input) FROM item"
        return self._database.execute(select).fetchone()[0]

    def number(self, outcome: Outcome) -> int | None:
        """The line that an outcome belongs to; None if it is of an earlier run's input that stands here no more."""
        asked = outcome.input
        return None if asked is None else self.line(outcome.key, asked.model, asked.content())

    def line(self, key: str, model: str, content: bytes) -> int | None:
        """The line of that key, if it asks for this, too."""
        select = "SELECT line FROM item WHERE key = ? AND model = ? AND input = ?"
        row = self._database.execute(select, (key, model, _digest(content))).fetchone()
        return None if row is None else row[0]


@contextlib.contextmanager
def keeping() -> Generator[Checked]:
    """An empty `Checked`; its file goes with it."""
    try:
        with (
            contextlib.closing(sqlite3.connect("", isolation_level=None)) as database,
            contextlib.closing(KeyMaker()) as keys,
        ):
            database.executescript(_DDL + "BEGIN;")
            yield Checked(database, keys)
    except sqlite3.Error as fault:
        raise WanError(f"the temporary file of keys cannot be used: {fault}") from fault


def check(file: BinaryIO, checked: Checked, refuse: Refuse, reading: Reading, *, priced: bool) -> Sum:
    """Read every row, and keep the good ones in `checked`.

    Args:
        file: the rows.
        checked: takes the good ones.
        refuse: hears of each bad one, with its number and why.
        reading: how they are read.
        priced: refuse what has no list price.

    Raises:
        ConfigurationError: the file as a whole cannot be read.
    """
    found = Sum()
    for number, line in rows(file, reading):
        try:
            if isinstance(line, InvalidInputError):
                raise line
            price = price_of(line.input)
            if priced and price is None:
                raise InvalidInputError("model", line.input.model, "with a budget, what has a list price")
            checked.add(number, line)
        except InvalidInputError as error:
            found.bad += 1
            refuse(number, error)
        else:
            found.add(line.input.model, price)
    return found


def again(file: BinaryIO, checked: Checked, reading: Reading) -> Iterator[tuple[str, WanInput]]:
    """Give the checked rows with their keys, read anew.

    Raises:
        ConfigurationError: a row is not as it was checked.
    """
    for number, line in rows(file, reading):
        key = None if isinstance(line, InvalidInputError) else checked.key(number, line)
        if isinstance(line, InvalidInputError) or key is None:
            raise ConfigurationError(f"line {number} was changed while the batch ran; nothing more was sent")
        yield key, line.input


def _digest(content: bytes) -> str:
    return hashlib.blake2b(content, digest_size=16).hexdigest()
