"""`wan-async journal`: what a batch's journal says, and items to be submitted again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import click
import msgspec

from .._journal import Entry, Journal, JournalCounts, State
from .exits import Exit
from .options import JournalPlace, json_option, number
from .output import Columns, Row, check_ending, echo, table, write

_COLUMNS: Columns = {
    **dict.fromkeys(("key", "state", "model", "input", "task_id", "sent_at", "accepted_at", "finished_at"), str),
    "credits": float,
    "url": str,
    "urls": list,
    **dict.fromkeys(("path", "error_type", "error"), str),
}
_PATH = click.argument("path", metavar="JOURNAL", type=JournalPlace())
_STATES = click.option(
    "--state", "states", type=click.Choice([state.value for state in State]), multiple=True, help="Only these."
)
_LISTED: Columns = {name: _COLUMNS[name] for name in ("key", "model", "task_id", "sent_at", "error")}
_COUNTS = JournalCounts.__struct_fields__


@click.group()
def journal_command() -> None:
    """Read a batch's JOURNAL, also while the batch runs: its file, or postgresql://user@host/db#name."""


@journal_command.command()
@_PATH
@json_option(*_COUNTS, "moved_to")
def show(*, path: str | Path, as_json: bool) -> int:
    """Print the number of items in each state, and the credits."""
    with Journal.open_readonly(path) as journal:
        counts, moved_to = msgspec.structs.asdict(journal.counts()), journal.moved_to()
    if as_json:
        click.echo(msgspec.json.encode({**counts, "moved_to": moved_to}))
    else:
        click.echo("\n".join(f"{name:8} {number(value):>14}" for name, value in counts.items()))
        if moved_to is not None:
            click.echo(f"was copied to {moved_to}: go on with that")
    return Exit.OK


@journal_command.command()
@_PATH
@json_option(*_LISTED)
def unknown(*, path: str | Path, as_json: bool) -> int:
    """List submissions of unknown fate: they may exist and be charged. Exit code 4 if there are any."""
    return Exit.UNKNOWN if _listed(path, State.UNKNOWN, as_json=as_json) else Exit.OK


@journal_command.command()
@_PATH
@json_option(*_LISTED)
def failed(*, path: str | Path, as_json: bool) -> int:
    """List items that failed, with their reasons. Exit code 1 if there are any."""
    return Exit.SOME_FAILED if _listed(path, State.FAILED, as_json=as_json) else Exit.OK


@journal_command.command()
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


@journal_command.command(name="list")
@_PATH
@_STATES
@json_option(*_COLUMNS)
def list_(*, path: str | Path, states: Sequence[str], as_json: bool) -> int:
    """List items with their states, tasks and results."""
    with Journal.open_readonly(path) as journal:
        rows = map(_row, journal.entries(*map(State, states)))
        if as_json:
            echo(_COLUMNS, rows)
        else:
            table(("key", "state", "model", "task_id", "credits", "clip"), ((*_short(row),) for row in rows))
    return Exit.OK


@journal_command.command()
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
        rows = map(_row, journal.entries(*map(State, states)))
        count = echo(_COLUMNS, rows) if to_stdout else write(output, _COLUMNS, rows)
    click.echo(f"{count:,} items", err=True)
    return Exit.OK


@journal_command.command()
@click.argument("source", metavar="SOURCE", type=JournalPlace())
@click.argument("target", metavar="TARGET")
@json_option(*_COUNTS)
def copy(*, source: str | Path, target: str, as_json: bool) -> int:
    """Move a batch from a file into a database, or back.

    One of SOURCE and TARGET is a file, the other postgresql://user@host/db#name; neither may be open. Running tasks are
    waited for at TARGET, submissions in the air are unknown there, and with the same inputs nothing is paid again.
    SOURCE can be read as before, and says where the batch went. If the copy is killed, run it again: either SOURCE is
    as it was, or TARGET is complete.
    """
    counts = msgspec.structs.asdict(Journal.copy(source, target))
    if as_json:
        click.echo(msgspec.json.encode(counts))
        return Exit.OK
    states = ", ".join(f"{number(count)} {name}" for name, count in counts.items() if count and name != "credits")
    with Journal.open_readonly(target) as journal:
        click.echo(f"copied: {states or 'no items'}; go on with {journal.path}")
    return Exit.OK


def _short(row: Row) -> Iterator[str]:
    for name in ("key", "state", "model", "task_id", "credits"):
        yield str(row[name] if row[name] is not None else "")
    yield str(row["path"] or row["url"] or row["error"] or "")


def _listed(path: str | Path, state: State, *, as_json: bool) -> bool:
    """Print the entries in a state; True if there are any."""
    with Journal.open_readonly(path) as journal:
        rows = map(_row, journal.entries(state))
        if as_json:
            return echo(_LISTED, rows) > 0
        return table(tuple(_LISTED), ([str(row[name] or "") for name in _LISTED] for row in rows)) > 0


def _row(entry: Entry) -> Row:
    """An entry as a row of `_COLUMNS`; times in ISO 8601, UTC."""
    record, error = entry.record, entry.error
    return {
        "key": entry.key,
        "state": entry.state.value,
        "model": entry.model,
        "input": entry.input.decode(),
        "task_id": entry.task_id,
        "sent_at": _time(entry.sent_at),
        "accepted_at": _time(entry.accepted_at),
        "finished_at": _time(entry.finished_at),
        "credits": entry.credits,
        "url": None if record is None else record.url,
        "urls": None if record is None else list(record.urls),
        "path": entry.path,
        "error_type": None if error is None else type(error).__name__,
        "error": None if error is None else str(error),
    }


def _time(unix_seconds: float | None) -> str | None:
    if unix_seconds is None:
        return None
    return datetime.fromtimestamp(unix_seconds, UTC).isoformat(timespec="seconds")
