"""`wan-async journal`: what a batch's journal says, and items to be submitted again."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

import click
import msgspec

from .._journal import Entry, Journal, State
from .exits import Exit

_PATH = click.argument("path", metavar="RUN.db", type=click.Path(exists=True, dir_okay=False))
_JSON = click.option("--json", "json_lines", is_flag=True, help="JSON, a line each.")


@click.group()
def command() -> None:
    """Look into a batch's journal, also while the batch runs."""


@command.command()
@_PATH
@_JSON
def show(*, path: str, json_lines: bool) -> int:
    """Print how many items stand where, and the credits."""
    with Journal.open_readonly(path) as journal:
        counts = msgspec.structs.asdict(journal.counts())
    if json_lines:
        click.echo(msgspec.json.encode(counts))
    else:
        click.echo("\n".join(f"{name:8} {value:>12g}" for name, value in counts.items()))
    return Exit.OK


@command.command()
@_PATH
@_JSON
def unknown(*, path: str, json_lines: bool) -> int:
    """List submissions of unknown fate: they may exist and be charged. Exit code 4 if there are any."""
    return Exit.UNKNOWN if _listed(path, State.UNKNOWN, json_lines=json_lines) else Exit.OK


@command.command()
@_PATH
@_JSON
def failed(*, path: str, json_lines: bool) -> int:
    """List items that failed, with their reasons. Exit code 1 if there are any."""
    return Exit.SOME_FAILED if _listed(path, State.FAILED, json_lines=json_lines) else Exit.OK


@command.command()
@_PATH
@click.option("--unknown", "of_unknown", is_flag=True, help="Those of unknown fate: that may pay twice.")
@click.option("--failed", "of_failed", is_flag=True, help="Those that failed.")
@click.option("--key", "keys", multiple=True, help="Only these keys.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def resubmit(*, path: str, of_unknown: bool, of_failed: bool, keys: Sequence[str], yes: bool) -> int:
    """Mark items to be submitted again by the next run on the journal."""
    if not (of_unknown or of_failed or keys):
        raise click.UsageError("say which: --unknown, --failed, --key KEY")
    if not yes:
        question = "Submit them again with the next run? Each is paid again; one of unknown fate perhaps twice."
        click.confirm(question, abort=True, err=True)
    count = Journal.resubmit(path, unknown=of_unknown, failed=of_failed, keys=keys or None)
    click.echo(f"{count} items are sent again by the next run on {path}")
    return Exit.OK


def _listed(path: str, state: State, *, json_lines: bool) -> bool:
    """Print the entries in a state; True if there are any."""
    with Journal.open_readonly(path) as journal:
        entries = journal.entries(state)
        if json_lines or not sys.stdout.isatty():
            return _print_lines(entries, json_lines=json_lines)
        return _print_table(entries)


def _print_lines(entries: Iterable[Entry], *, json_lines: bool) -> bool:
    some = False
    for entry in entries:
        some = True
        told = _told(entry)
        if json_lines:
            click.echo(msgspec.json.encode(told))
        else:
            click.echo("  ".join(str(value) for value in told.values() if value is not None))
    return some


def _print_table(entries: Iterable[Entry]) -> bool:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table("key", "model", "task", "sent", "error")
    for entry in entries:
        told = _told(entry)
        table.add_row(*(Text(str(told[name] or "")) for name in ("key", "model", "task_id", "sent_at", "error")))
    Console().print(table)
    return table.row_count > 0


def _told(entry: Entry) -> dict[str, Any]:
    sent = None if entry.sent_at is None else datetime.fromtimestamp(entry.sent_at, UTC).isoformat(timespec="seconds")
    error = None if entry.error is None else str(entry.error)
    return {"key": entry.key, "model": entry.model, "task_id": entry.task_id, "sent_at": sent, "error": error}
