"""The check before anything is paid: every row is read, and its key kept in a temporary file, not in memory.

A row without a key gets the one that the journal would make, by the journal's own code. Then the price is printed, and
a journal of others refused. While the batch runs, the same file is read `again`; a row that is not as it was checked
stops the batch.
"""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import shlex
import sqlite3
import sys
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import BinaryIO, TypeAlias

import click
import msgspec

from ..._batch import Outcome
from ..._batch.stages import price_of
from ..._journal import Journal
from ..._journal.keys import KeyMaker
from ..._policy.settings import RateLimit
from ...errors import ConfigurationError, InvalidInputError, JournalError, WanError
from ...models import WanInput
from ..options import number
from .files import STDIN, STDOUT, Places, namesakes
from .rows import InputLine, Reading, rows

_SHOWN = 100
"""Bad rows that are printed."""
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
    for at, line in rows(file, reading):
        try:
            if isinstance(line, InvalidInputError):
                raise line
            price = price_of(line.input)
            if priced and price is None:
                raise InvalidInputError("model", line.input.model, "with a budget, what has a list price")
            checked.add(at, line)
        except InvalidInputError as error:
            found.bad += 1
            refuse(at, error)
        else:
            found.add(line.input.model, price)
    return found


def checked_rows(source: str, file: BinaryIO, checked: Checked, reading: Reading, *, priced: bool) -> Sum:
    """Check every row; bad ones are printed.

    Raises:
        ConfigurationError: there are bad rows.
    """
    name, shown = "stdin" if source == STDIN else source, itertools.count()

    def print_bad(line: int, error: InvalidInputError) -> None:
        if next(shown) < _SHOWN:
            click.echo(f"{name}:{line}: {error}", err=True)

    found = check(file, checked, print_bad, reading, priced=priced)
    if found.bad:
        more = f", {found.bad - _SHOWN} of them not shown" if found.bad > _SHOWN else ""
        read_as = "; each was read as a line of JSON, --format csv or tsv reads a table" if reading.guessed else ""
        words = f"{found.bad:,} of {found.good + found.bad:,} lines are bad{more}; nothing was sent{read_as}"
        raise ConfigurationError(words)
    return found


def print_dry_run(found: Sum, repeated: int, limit: RateLimit, *, as_json: bool) -> None:
    """Print what a run would cost and how long the limit makes it take, at least."""
    minutes = found.good / (limit.n * limit.share) * limit.per / 60
    if as_json:
        report = {"rows": found.good, "credits": found.credits, "unpriced": found.unpriced, "repeated": repeated}
        click.echo(msgspec.json.encode({**report, "minutes": round(minutes, 2), "models": found.by_model}))
        return
    unpriced = f", and {found.unpriced} without a list price" if found.unpriced else ""
    lines = "line is" if found.good == 1 else "lines are"
    click.echo(f"{found.good:,} {lines} good: {number(found.credits)} credits by the price list{unpriced}")
    if len(found.by_model) > 1:
        for model, priced in found.by_model.items():
            click.echo(f"  {priced.rows:>9,} {model}: {number(priced.credits)} credits")
    if repeated:
        click.echo(f"{repeated:,} of them ask for what an earlier line asks for too: each is made and paid for")
    if found.good > limit.n:
        click.echo(f"at {limit.n} per {limit.per:g} s they take {number(round(minutes, 1))} minutes to submit")


def confirm(found: Sum, files: Places, *, above: float) -> None:
    """On a terminal, ask before more credits than `above` may be spent.

    Raises:
        click.Abort: the answer is no.
    """
    left = found.credits - files.charged()
    if left > above and sys.stdin.isatty() and sys.stderr.isatty():
        click.confirm(f"Up to {number(left)} credits by the price list: make them?", abort=True, err=True)


def refuse_others_journal(source: str, output: str | None, files: Places, checked: Checked) -> None:
    """Refuse a default journal that was made for a file beside this one that is called the same but for its ending.

    Raises:
        ConfigurationError: no row of INPUT is in it: it would mix what two batches make, and count the other's credits.
    """
    journal = files.journal
    others = namesakes(source, output)
    if not others or not isinstance(journal, Path) or not journal.exists():
        return
    with contextlib.suppress(JournalError), Journal.open_readonly(journal) as opened:
        made = opened.entries()
        first = next(made, None)
        if first is None or any(checked.line(one.key, one.model, one.input) for one in itertools.chain((first,), made)):
            return
        beside = source if output in (None, STDOUT) else output
        apart = f"--output {beside}.out.jsonl" if output is None else f"--journal {beside}.db"
        found = f"{journal} is the journal of other rows, perhaps of {others[0].name}"
        raise ConfigurationError(
            f"{found}: {apart} keeps these apart, --journal {shlex.quote(str(journal))} goes on with it"
        )


def again(file: BinaryIO, checked: Checked, reading: Reading) -> Iterator[tuple[str, WanInput]]:
    """Give the checked rows with their keys, read anew.

    Raises:
        ConfigurationError: a row is not as it was checked.
    """
    for at, line in rows(file, reading):
        key = None if isinstance(line, InvalidInputError) else checked.key(at, line)
        if isinstance(line, InvalidInputError) or key is None:
            raise ConfigurationError(f"line {at} was changed while the batch ran; nothing more was sent")
        yield key, line.input


def _digest(content: bytes) -> str:
    return hashlib.blake2b(content, digest_size=16).hexdigest()
