"""`wan-async status`, `wait`, `download` and `upload`: tasks, their clips, and files for inputs."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TypeAlias

import click
import msgspec

from .._client import WanClient
from .._journal import Journal, State
from .._protocol import TaskRecord, TaskState
from ..errors import TaskFailedError, WanError
from .client import client, options_of
from .exits import Exit, say, worst
from .options import account_options, is_url, json_option, seconds
from .running import in_loop, loop_option, looped

_DOWNLOAD_HELP = """
Download clips: of tasks by their ids, of links, or of all that a journal (RUN.db, postgresql://…#name) says was made.

Prints each file as it is whole. What is half there goes on where it broke off; an expired link gets a fresh one while
the provider still has the clip. The key is not sent to where the clips are.
"""

Ask: TypeAlias = Callable[[str], Awaitable[TaskRecord]]
"""Gives the record of the task of an id, now or when it has ended."""

_task_ids = click.argument("task_ids", metavar="TASK_ID...", nargs=-1, required=True)
clip_option = click.option(
    "-o", "--output", metavar="PATH", help="Download: to a folder (that exists, or ends in /) or a file."
)
"""Adds `--output` where clips may be fetched."""
record_option = json_option(*TaskRecord.__struct_fields__)
"""Adds `--json` where records are printed."""


def print_record(record: TaskRecord, *, as_json: bool) -> None:
    """Print a record as JSON, or in words: its id, state, and what is known of its end."""
    click.echo(msgspec.json.encode(record) if as_json else _in_words(record))


def _in_words(record: TaskRecord) -> str:
    parts = [record.task_id, record.state.value]
    if record.url is not None:
        parts.append(record.url)
    if record.fail_code or record.fail_message:
        parts.append(": ".join(part for part in (record.fail_code, record.fail_message) if part))
    if record.cost_time is not None:
        parts.append(f"{record.cost_time:g} s")
    if record.credits is not None:
        parts.append(f"{record.credits:g} credits")
    return "  ".join(parts)


@click.command()
@_task_ids
@click.option("--wait", "until_ended", is_flag=True, help="Wait until each has ended.")
@record_option
@account_options
@loop_option
@looped
async def status_command(*, task_ids: Sequence[str], until_ended: bool, as_json: bool) -> int:
    """Print how tasks stand, a line each; exit code 1 if any failed or still runs.

    What cannot be read is printed on stderr, and does not keep the others from being printed.
    """
    async with client() as wan:
        ask = wan.wait if until_ended else wan.record
        reports = await asyncio.gather(*(_report(wan, ask, task_id) for task_id in task_ids))
    records = [report.record for report in reports if report.record is not None]
    errors = [report.error for report in reports if report.record is None and report.error is not None]
    for record in records:
        print_record(record, as_json=as_json)
    for error in errors[1:]:
        say(str(error))
    if errors:
        raise errors[0]
    return Exit.OK if all(record.state is TaskState.SUCCESS for record in records) else Exit.SOME_FAILED


class TaskReport(msgspec.Struct, frozen=True):
    """One task: its record, as far as it could be read, its clip's path, and what went wrong."""

    task_id: str
    record: TaskRecord | None = None
    path: Path | None = None
    error: WanError | None = None


async def _report(wan: WanClient, ask: Ask, task_id: str, output: str | None = None) -> TaskReport:
    record = None
    try:
        record = await ask(task_id)
        return TaskReport(task_id, record, None if output is None else await wan.download(record, output))
    except TaskFailedError as error:
        return TaskReport(task_id, error.record, error=error)
    except WanError as error:
        return TaskReport(task_id, record, error=error)


@click.command()
@_task_ids
@clip_option
@click.option("--max-wait", type=seconds, metavar="SECONDS", help="How long to wait.")
@record_option
@account_options
@loop_option
@looped
async def wait_command(*, task_ids: Sequence[str], output: str | None, max_wait: float | None, as_json: bool) -> int:
    """Wait until tasks have ended, and print each as it ends: a line, or with --json its record.

    A task that was created is paid for, whoever waits for it, so this costs nothing and can be run again.
    """
    if output is not None:
        _require_folder(output, len(task_ids))
    errors: list[WanError] = []
    async with client() as wan:
        wait = partial(wan.wait, max_wait=max_wait)
        for ending in asyncio.as_completed([_report(wan, wait, task_id, output) for task_id in task_ids]):
            report = await ending
            if report.record is not None:
                print_record(report.record, as_json=as_json)
            if report.path is not None:
                click.echo(report.path, err=as_json)
            if report.error is not None:
                say(f"{report.task_id}: {report.error}")
                errors.append(report.error)
    return worst(errors)


@click.command(help=_DOWNLOAD_HELP)
@click.argument("sources", metavar="TASK_ID|URL|JOURNAL...", nargs=-1, required=True)
@click.option("-o", "--output", metavar="PATH", default="./", show_default=True, help="A folder (ends in /) or a file.")
@json_option("source", "path")
@account_options
@loop_option
def download_command(*, sources: Sequence[str], output: str, as_json: bool) -> int:
    """Download all of them."""
    wanted = [one for source in sources for one in _wanted(source)]
    _require_folder(output, len(wanted))
    return in_loop(_download(wanted, output, as_json=as_json))


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


async def _download(wanted: Sequence[Wanted], output: str, *, as_json: bool) -> Exit:
    errors: list[WanError] = []
    async with client() as wan:
        for one in wanted:
            try:
                record = await wan.record(one.name) if one.source is None else one.source
                path = str(await wan.download(record, output))
                click.echo(msgspec.json.encode({"source": one.name, "path": path}) if as_json else path)
            except WanError as error:
                say(f"{one.name}: {error}")
                errors.append(error)
    return worst(errors)


def _require_folder(output: str, clips: int) -> None:
    if clips > 1 and not output.endswith(("/", "\\")):
        raise click.BadParameter("several clips go to a folder: end it with /", param_hint="--output")


@click.command()
@click.argument("files", metavar="FILE...", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False))
@click.option("--upload-url", metavar="URL", help="The upload host. [env: APIKLEY_UPLOAD_URL]")
@json_option("file", "url", "name", "size", "mime_type", "expires_at")
@account_options
@loop_option
@looped
async def upload_command(*, files: Sequence[str], upload_url: str | None, as_json: bool) -> int:
    """Upload files and print their links, in the order in which they were given.

    The links live for some days at the provider, long enough for the inputs that name them.
    """
    async with client(**options_of(upload_url=upload_url)) as wan:
        for file in files:
            uploaded = await wan.upload(Path(file))
            report = {"file": file, **msgspec.structs.asdict(uploaded)}
            click.echo(msgspec.json.encode(report) if as_json else uploaded.url)
    return Exit.OK
