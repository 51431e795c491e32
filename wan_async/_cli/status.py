"""`wan-async status`: how tasks stand."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import click

from .._client import WanClient
from .._protocol import TaskRecord, TaskState
from ..errors import TaskFailedError, WanError
from .account import account_options
from .client import client
from .exits import Exit
from .loops import in_loop, loop_option
from .tasks import IN_JSON, as_json, in_words


@click.command()
@click.argument("task_ids", metavar="TASK_ID...", nargs=-1, required=True)
@click.option("--wait", "until_ended", is_flag=True, help="Wait until each has ended.")
@click.option("--json", "json_lines", is_flag=True, help=IN_JSON)
@account_options
@loop_option
def command(*, task_ids: Sequence[str], until_ended: bool, json_lines: bool) -> int:
    """Print how tasks stand, a line each; exit code 1 if any failed or still runs.

    What cannot be read is printed on stderr, and does not keep the others from being printed.
    """
    answers = in_loop(_answers(task_ids, until_ended=until_ended))
    records = [answer for answer in answers if isinstance(answer, TaskRecord)]
    errors = [answer for answer in answers if isinstance(answer, WanError)]
    for record in records:
        click.echo(as_json(record) if json_lines else in_words(record))
    for error in errors[1:]:
        click.echo(f"wan-async: {error}", err=True)
    if errors:
        raise errors[0]
    return Exit.OK if all(record.state is TaskState.SUCCESS for record in records) else Exit.SOME_FAILED


async def _answers(task_ids: Sequence[str], *, until_ended: bool) -> list[TaskRecord | WanError]:
    async with client() as wan:
        return await asyncio.gather(*(_answer(wan, task_id, until_ended=until_ended) for task_id in task_ids))


async def _answer(wan: WanClient, task_id: str, *, until_ended: bool) -> TaskRecord | WanError:
    try:
        return await (wan.wait(task_id) if until_ended else wan.record(task_id))
    except TaskFailedError as error:
        return error.record
    except WanError as error:
        return error
