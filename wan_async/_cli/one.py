"""One clip, from the submission to the file; and what a Ctrl-C leaves behind, in words."""

from __future__ import annotations

import asyncio
import shlex
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import click
import msgspec

from .._batch import Batch
from .._batch.stages import price_of
from .._client import WanClient
from .._protocol import TaskRecord
from ..errors import TaskFailedError, WanError
from ..events import Event, Submitted
from ..models import WanInput
from .client import client
from .common import quiet
from .exits import Exit
from .interrupts import GRACE, interruptible
from .tasks import as_json, in_words


class Order(msgspec.Struct, frozen=True):
    """A clip to be made by `run`: its input, its file, seconds to wait, and the form of what is printed."""

    input: WanInput
    output: str | None
    max_wait: float | None
    as_json: bool
    show: bool

    @property
    def price(self) -> str:
        """The price in words; nothing where none is known."""
        price = price_of(self.input)
        return "" if price is None else f", {price:.10g} credits by the price list"

    def later(self, task_id: str) -> str:
        """The command that gets the clip."""
        words = ["wan-async", "wait", task_id, *(() if self.output is None else ("--output", self.output))]
        return shlex.join(words)


class _Created:
    """Hears of the task's creation: prints its id at once, for whatever happens next, it is paid for."""

    def __init__(self) -> None:
        self.task_id: str | None = None
        self.record: TaskRecord | None = None
        self.interrupted = asyncio.Event()
        self._task = asyncio.current_task()

    def __call__(self, event: Event) -> None:
        if isinstance(event, Submitted):
            self.task_id = event.task_id
            if not quiet():
                click.echo(f"task {event.task_id}", err=True)
            self._leave_if_interrupted()

    def interrupt(self, batch: Batch) -> None:
        """Submit nothing any more; leave as soon as the answer to what is in the air is there."""
        self.interrupted.set()
        batch.stop()
        self._leave_if_interrupted()
        asyncio.get_running_loop().call_later(GRACE, self._cancel)

    def _leave_if_interrupted(self) -> None:
        if self.interrupted.is_set() and self.task_id is not None:
            self._cancel()

    def _cancel(self) -> None:
        if self._task is not None:
            self._task.cancel()


async def make(asked: Order) -> Exit:
    """Make the clip and print what came of it; WanError as the item's."""
    if asked.output is not None:
        from .._transfers import check_output  # with anyio, which `--help` does without

        await check_output(asked.output, "--output")  # before anything is paid
    created = _Created()
    try:
        async with _running(asked, created) as (wan, batch):
            outcome = await anext(aiter(batch), None)
            if outcome is None:
                click.echo("wan-async: interrupted; nothing was submitted", err=True)
                return Exit.INTERRUPTED
            record = created.record = outcome.unwrap()
            path = None if asked.output is None else await wan.download(record, asked.output)
    except WanError as error:
        if created.task_id is not None and not isinstance(error, TaskFailedError):
            _tell_what_is_paid(asked, created.task_id, created.record)
        raise
    except asyncio.CancelledError:
        if not created.interrupted.is_set():
            raise
        return _left(asked, created.task_id)
    _print(asked, record, path)
    return Exit.OK


@asynccontextmanager
async def _running(asked: Order, created: _Created) -> AsyncGenerator[tuple[WanClient, Batch]]:
    """A batch of one, which knows what may be stopped and what is in the air."""
    wan = client(created)
    batch = wan.batch([("run", asked.input)], max_wait=asked.max_wait)
    async with wan, batch:
        with interruptible(lambda: created.interrupt(batch)):
            yield wan, batch


def _tell_what_is_paid(asked: Order, task_id: str, record: TaskRecord | None) -> None:
    """Before the error: the clip's link, if there is one, and the command that gets the clip."""
    if record is not None:
        click.echo(as_json(record) if asked.as_json else in_words(record))
    click.echo(f"wan-async: task {task_id} is paid for; its clip: {asked.later(task_id)}", err=True)


def _left(asked: Order, task_id: str | None) -> Exit:
    if task_id is None:
        words = "interrupted while the submission was in the air: it may have been created and charged"
        click.echo(f"wan-async: {words}; nothing tells its id", err=True)
        return Exit.UNKNOWN
    words = f"task {task_id} was created{asked.price} and goes on; its clip: {asked.later(task_id)}"
    click.echo(f"wan-async: interrupted; {words}", err=True)
    return Exit.INTERRUPTED


def _print(asked: Order, record: TaskRecord, path: Path | None) -> None:
    click.echo(as_json(record) if asked.as_json else in_words(record))
    if path is not None:
        click.echo(path, err=asked.as_json)
    if asked.show:
        click.launch(str(path or record.url or ""))
