"""`wan-async download`: clips of tasks, of links, or of a whole journal."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click
import msgspec

from .._journal import Journal, State
from .._protocol import TaskRecord
from ..errors import WanError
from .account import account_options
from .client import client
from .exits import Exit, worst
from .loops import in_loop, loop_option
from .parameters import is_url

_HELP = """
Download clips: of tasks by their ids, of links, or of all that a journal (RUN.db, postgresql://…#name) says was made.

Prints each file as it is whole. What is half there goes on where it broke off; an expired link gets a fresh one while
the provider still has the clip. The key is not sent to where the clips are.
"""


@click.command(help=_HELP)
@click.argument("sources", metavar="TASK_ID|URL|JOURNAL...", nargs=-1, required=True)
@click.option("-o", "--output", metavar="PATH", default="./", show_default=True, help="A folder (ends in /) or a file.")
@click.option("--json", "json_lines", is_flag=True, help="A line of JSON each: source, path.")
@account_options
@loop_option
def command(*, sources: Sequence[str], output: str, json_lines: bool) -> int:
    """Download all of them."""
    wanted = [one for source in sources for one in _wanted(source)]
    if len(wanted) > 1 and not output.endswith(("/", "\\")):
        raise click.BadParameter("several clips go to a folder: end it with /", param_hint="--output")
    return in_loop(_download(wanted, output, json_lines=json_lines))


class Wanted(msgspec.Struct, frozen=True):
    """A clip by its task's id, by its link, or by its record: `name` stands for it in messages."""

    name: str
    source: TaskRecord | str | None = None


def _wanted(source: str) -> list[Wanted]:
    """The clips that an argument stands for: of a journal, all that it says were made."""
    if source.startswith(("http://", "https://")):
        return [Wanted(source, source)]
    if not is_url(source) and not Path(source).is_file():
        return [Wanted(source)]
    with Journal.open_readonly(source) as journal:
        entries = journal.entries(State.DONE)
        return [Wanted(entry.task_id or entry.key, entry.record) for entry in entries if entry.record is not None]


async def _download(wanted: Sequence[Wanted], output: str, *, json_lines: bool) -> Exit:
    errors: list[WanError] = []
    async with client() as wan:
        for one in wanted:
            try:
                record = await wan.record(one.name) if one.source is None else one.source
                path = str(await wan.download(record, output))
                click.echo(msgspec.json.encode({"source": one.name, "path": path}) if json_lines else path)
            except WanError as error:
                click.echo(f"wan-async: {one.name}: {error}", err=True)
                errors.append(error)
    return worst(errors)
