"""`wan-async wait`: tasks to their end, and their clips."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import click
import msgspec

from .._client import WanClient
from .._protocol import TaskRecord
from ..errors import TaskFailedError, WanError
from .account import account_options
from .client import client
from .exits import Exit, worst
from .loops import in_loop, loop_option
from .parameters import seconds
from .tasks import IN_JSON, as_json, in_words

_HELP = """
Wait until tasks have ended, and print each as it ends: a line, or with --json its record.

A task that was created is paid for, whoever waits for it, so this costs nothing and can be run again.
"""


class Waited(msgspec.Struct, frozen=True):
    """The end of the wait for one task: its record, the clip's path if it was asked for, or the error."""

    task_id: str
    record: TaskRecord | None = None
    path: str | None = None
    error: WanError | None = None


@click.command(help=_HELP)
@click.argument("task_ids", metavar="TASK_ID...", nargs=-1, required=True)
@click.option("-o", "--output", metavar="PATH", help="Download: to a folder (that exists, or ends in /) or a file.")
@click.option("--max-wait", type=seconds, metavar="SECONDS", help="How long to wait.")
@click.option("--json", "json_lines", is_flag=True, help=IN_JSON)
@account_options
@loop_option
def command(*, task_ids: Sequence[str], output: str | None, max_wait: float | None, json_lines: bool) -> int:
    """Wait for all of them."""
    if output is not None and len(task_ids) > 1 and not output.endswith(("/", "\\")):
        raise click.BadParameter("several clips go to a folder: end it with /", param_hint="--output")
    return in_loop(_wait(task_ids, output, max_wait, json_lines=json_lines))


async def _wait(task_ids: Sequence[str], output: str | None, max_wait: float | None, *, json_lines: bool) -> Exit:
    errors: list[WanError] = []
    async with client() as wan:
        for ending in asyncio.as_completed([_ended(wan, task_id, output, max_wait) for task_id in task_ids]):
            waited = await ending
            if waited.record is not None:
                click.echo(as_json(waited.record) if json_lines else in_words(waited.record))
            if waited.path is not None:
                click.echo(waited.path, err=json_lines)
            if waited.error is not None:
                click.echo(f"wan-async: {waited.task_id}: {waited.error}", err=True)
                errors.append(waited.error)
    return worst(errors)


async def _ended(wan: WanClient, task_id: str, output: str | None, max_wait: float | None) -> Waited:
    record = None
    try:
        record = await wan.wait(task_id, max_wait=max_wait)
        path = None if output is None else await wan.download(record, output)
    except TaskFailedError as error:
        return Waited(task_id, error.record, error=error)
    except WanError as error:
        return Waited(task_id, record, error=error)
    return Waited(task_id, record, None if path is None else str(path))
