"""`wan-async journal`: what a batch's journal says, and items to be submitted again."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click
import msgspec

from .._journal import Journal, JournalCounts, State
from .entry_rows import COLUMNS, entry_row
from .exits import Exit
from .formats import Columns, check_ending, echo, write
from .parameters import JournalPlace, number
from .tables import table

F = TypeVar("F", bound=Callable[..., Any])

_PATH = click.argument("path", metavar="JOURNAL", type=JournalPlace())
_STATES = click.option(
    "--state", "states", type=click.Choice([state.value for state in State]), multiple=True, help="Only these."
)
_LISTED: Columns = {name: COLUMNS[name] for name in ("key", "model", "task_id", "sent_at", "error")}
_COUNTS = JournalCounts.__struct_fields__


def _json(*names: str) -> Callable[[F], F]:
    """`--json`, with the names that stand in a line."""
    return click.option("--json", "json_lines", is_flag=True, help=f"A line of JSON each: {', '.join(names)}.")


@click.group()
def command() -> None:
    """Read a batch's JOURNAL, also while the batch runs: its file, or postgresql://user@host/db#name."""


@command.command()
@_PATH
@_json(*_COUNTS, "moved_to")
def show(*, path: str | Path, json_lines: bool) -> int:
    """Print how many items stand where, and the credits."""
    with Journal.open_readonly(path) as journal:
        counts, moved_to = msgspec.structs.asdict(journal.counts()), journal.moved_to()
    if json_lines:
        click.echo(msgspec.json.encode({**counts, "moved_to": moved_to}))
    else:
        click.echo("\n".join(f"{name:8} {number(value):>14}" for name, value in counts.items()))
        if moved_to is not None:
            click.echo(f"was copied to {moved_to}: go on with that")
    return Exit.OK


@command.command()
@_PATH
@_json(*_LISTED)
def unknown(*, path: str | Path, json_lines: bool) -> int:
    """List submissions of unknown fate: they may exist and be charged. Exit code 4 if there are any."""
    return Exit.UNKNOWN if _listed(path, State.UNKNOWN, json_lines=json_lines) else Exit.OK


@command.command()
@_PATH
@_json(*_LISTED)
def failed(*, path: str | Path, json_lines: bool) -> int:
    """List items that failed, with their reasons. Exit code 1 if there are any."""
    return Exit.SOME_FAILED if _listed(path, State.FAILED, json_lines=json_lines) else Exit.OK


@command.command()
@_PATH
@click.option("--unknown", "of_unknown", is_flag=True, help="Those of unknown fate: that may pay twice.")
@click.option("--failed", "of_failed", is_flag=True, help="Those that failed.")
@click.option("--key", "keys", multiple=True, help="Only these keys.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def resubmit(*, path: str | Path, of_unknown: bool, of_failed: bool, keys: Sequence[str], yes: bool) -> int:
    """Mark items to be submitted again by the next run on the journal."""
    if not (of_unknown or of_failed or keys):
        raise click.UsageError("say which: --unknown, --failed, --key KEY")
    if not yes:
        question = "Submit them again with the next run? Each is paid again; one of unknown fate perhaps twice."
        click.confirm(question, abort=True, err=True)
    count = Journal.resubmit(path, unknown=of_unknown, failed=of_failed, keys=keys or None)
    with Journal.open_readonly(path) as journal:
        click.echo(f"{count:,} items are sent again by the next run on {journal.path}")
    return Exit.OK


@command.command(name="list")
@_PATH
@_STATES
@_json(*COLUMNS)
def list_(*, path: str | Path, states: Sequence[str], json_lines: bool) -> int:
    """List items: where each stands, its task, and what came of it."""
    with Journal.open_readonly(path) as journal:
        rows = map(entry_row, journal.entries(*map(State, states)))
        if json_lines:
            echo(COLUMNS, rows)
        else:
            table(("key", "state", "model", "task_id", "credits", "clip"), ((*_short(row),) for row in rows))
    return Exit.OK


@command.command()
@_PATH
@click.argument("output", type=click.Path(path_type=Path, dir_okay=False, allow_dash=True))
@_STATES
def export(*, path: str | Path, output: Path, states: Sequence[str]) -> int:
    """Write items to a file.

    OUTPUT is JSONL, CSV, TSV or Parquet, by its name; - prints JSON lines.

    Columns: key, state, model, input (its JSON), task_id, sent_at, accepted_at, finished_at, credits, url, urls, path,
    error_type, error. Tokens and keys are not among them.
    """
    to_stdout = str(output) == "-"
    if not to_stdout:
        check_ending(output, "OUTPUT")
    with Journal.open_readonly(path) as journal:
        rows = map(entry_row, journal.entries(*map(State, states)))
        count = echo(COLUMNS, rows) if to_stdout else write(output, COLUMNS, rows)
    click.echo(f"{count:,} items", err=True)
    return Exit.OK


@command.command()
@click.argument("source", metavar="SOURCE", type=JournalPlace())
@click.argument("target", metavar="TARGET")
@_json(*_COUNTS)
def copy(*, source: str | Path, target: str, json_lines: bool) -> int:
    """Move a batch from a file into a database, or back.

    One of SOURCE and TARGET is a file, the other postgresql://user@host/db#name. Nobody may have either open. What ran
    goes on at TARGET, what was in the air is unknown, nothing is paid again there with the same inputs. SOURCE can be
    read as before, and says where it went. A kill leaves SOURCE as it was, or TARGET complete: what is left half-done
    is done by the same command again.
    """
    counts = msgspec.structs.asdict(Journal.copy(source, target))
    if json_lines:
        click.echo(msgspec.json.encode(counts))
        return Exit.OK
    states = ", ".join(f"{number(count)} {name}" for name, count in counts.items() if count and name != "credits")
    with Journal.open_readonly(target) as journal:
        click.echo(f"copied: {states or 'no items'}; go on with {journal.path}")
    return Exit.OK


def _short(row: dict[str, Any]) -> Iterator[str]:
    for name in ("key", "state", "model", "task_id", "credits"):
        yield str(row[name] if row[name] is not None else "")
    yield str(row["path"] or row["url"] or row["error"] or "")


def _listed(path: str | Path, state: State, *, json_lines: bool) -> bool:
    """Print the entries in a state; True if there are any."""
    with Journal.open_readonly(path) as journal:
        rows = map(entry_row, journal.entries(state))
        if json_lines:
            return echo(_LISTED, rows) > 0
        return table(tuple(_LISTED), ([str(row[name] or "") for name in _LISTED] for row in rows)) > 0
