"""`wan-async status`: how tasks stand."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import click

from .._client import WanClient
from .._protocol import TaskRecord, TaskState
from ..errors import TaskFailedError
from .account import account_options, client
from .exits import Exit
from .tasks import as_json, in_words


@click.command()
@click.argument("task_ids", metavar="TASK_ID...", nargs=-1, required=True)
@click.option("--wait", "until_ended", is_flag=True, help="Wait until each has ended.")
@click.option("--json", "json_lines", is_flag=True, help="A line of JSON each.")
@account_options
def command(*, task_ids: Sequence[str], until_ended: bool, json_lines: bool) -> int:
    """Print how tasks stand, a line each; exit code 1 if one failed or, with --wait aside, is not finished."""
    records = asyncio.run(_records(task_ids, until_ended=until_ended))
    for record in records:
        click.echo(as_json(record) if json_lines else in_words(record))
    return Exit.OK if all(record.state is TaskState.SUCCESS for record in records) else Exit.SOME_FAILED


async def _records(task_ids: Sequence[str], *, until_ended: bool) -> list[TaskRecord]:
    async with client() as wan:
        return await asyncio.gather(*(_record(wan, task_id, until_ended=until_ended) for task_id in task_ids))


async def _record(wan: WanClient, task_id: str, *, until_ended: bool) -> TaskRecord:
    try:
        return await (wan.wait(task_id) if until_ended else wan.record(task_id))
    except TaskFailedError as error:
        return error.record
