"""Before a batch sends anything: how its rows are read, what is wrong with them, what they cost; go on or not."""

from __future__ import annotations

import contextlib
import functools
import itertools
import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO, ParamSpec, TypeVar

import click
import msgspec

from .._journal import Journal
from .._policy.settings import RateLimit
from ..errors import ConfigurationError, InvalidInputError, JournalError
from .checked import Checked, Sum, check
from .fields import complete_model, known_model
from .parameters import number
from .places import STDIN, STDOUT, Places, namesakes
from .reading import format_of, is_named
from .rows import FORMATS, Reading, renamed

P = ParamSpec("P")
T = TypeVar("T")

_SHOWN = 100
"""Bad rows that are printed."""


def reading_options(command: Callable[P, T]) -> Callable[..., T]:
    """Add the options that say how INPUT is read; the command gets them as `reading`."""

    @click.option("--model", metavar="MODEL", help="The model of rows that name none.", shell_complete=complete_model)
    @click.option(
        "--map", "pairs", metavar="FIELD=COLUMN", multiple=True, help="A field's column, if called otherwise."
    )
    @click.option("--key", metavar="COLUMN", default="key", show_default=True, help="The column of the keys.")
    @click.option("--ignore", metavar="COLUMN", multiple=True, help="A column that is not read.")
    @click.option("--format", "format_", type=click.Choice(FORMATS), help="[default: by INPUT's name, else jsonl]")
    @click.option("--custom", is_flag=True, help="Let models and fields pass that this version does not know.")
    @functools.wraps(command)
    def with_reading(
        *,
        source: str,
        model: str | None,
        pairs: tuple[str, ...],
        key: str,
        ignore: tuple[str, ...],
        format_: str | None,
        custom: bool,
        **options: Any,
    ) -> T:
        reading = Reading(
            format=format_of(source, format_),
            guessed=format_ is None and not is_named(source),
            model=model if model is None or custom else known_model(model),
            columns=renamed(pairs),
            ignored=frozenset(ignore),
            key=key,
            custom=custom,
            folder=Path() if source == STDIN else Path(source).resolve().parent,
        )
        return command(source=source, reading=reading, **options)  # type: ignore[call-arg]

    return with_reading


def checked_rows(source: str, file: BinaryIO, checked: Checked, reading: Reading, *, priced: bool) -> Sum:
    """Check every row; bad ones are printed.

    Raises:
        ConfigurationError: there are bad rows.
    """
    bad = _BadRows("stdin" if source == STDIN else source)
    found = check(file, checked, bad.print, reading, priced=priced)
    if found.bad:
        more = f", {found.bad - _SHOWN} of them not shown" if found.bad > _SHOWN else ""
        read_as = "; each was read as a line of JSON, --format csv or tsv reads a table" if reading.guessed else ""
        words = f"{found.bad:,} of {found.good + found.bad:,} lines are bad{more}; nothing was sent{read_as}"
        raise ConfigurationError(words)
    return found


class _BadRows:
    def __init__(self, name: str) -> None:
        self._name = name
        self._left = _SHOWN

    def print(self, line: int, error: InvalidInputError) -> None:
        """Print one, if there were not too many."""
        if self._left > 0:
            click.echo(f"{self._name}:{line}: {error}", err=True)
        self._left -= 1


def print_dry_run(found: Sum, repeated: int, limit: RateLimit, *, json_line: bool) -> None:
    """Print what a run would cost and how long the limit makes it take, at least."""
    minutes = found.good / (limit.n * limit.share) * limit.per / 60
    if json_line:
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
    left = found.credits - _spent(files)
    if left > above and sys.stdin.isatty() and sys.stderr.isatty():
        click.confirm(f"Up to {number(left)} credits by the price list: make them?", abort=True, err=True)


def _spent(files: Places) -> float:
    """Credits that are spent, by the journal."""
    with contextlib.suppress(JournalError), Journal.open_readonly(str(files.journal)) as journal:
        return journal.counts().credits
    return 0.0


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
        told = f"{journal} is the journal of other rows, perhaps of {others[0].name}"
        raise ConfigurationError(
            f"{told}: {apart} keeps these apart, --journal {shlex.quote(str(journal))} goes on with it"
        )


def require_journal(files: Places, option: str) -> None:
    """Refuse an option that goes on from an earlier run where there is none."""
    if not isinstance(files.journal, str) and (files.journal is None or not files.journal.exists()):
        raise ConfigurationError(f"{option}: there is no journal of an earlier run ({files.journal})")
