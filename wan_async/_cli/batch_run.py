"""A batch whose lines are checked: run, shown, written down and summed up."""

from __future__ import annotations

import asyncio
import sys
from functools import partial
from typing import BinaryIO, TypedDict

import click
import msgspec

from .._batch import Batch
from .._client import WanClient
from ..errors import WanError
from .checked import Checked, again
from .display import Display, display_on, showing
from .exits import Exit
from .interrupts import interruptible
from .loops import in_loop
from .pace import ended_in
from .places import Places
from .progress import Progress
from .reception import Reception
from .tally import Tally
from .written import Written, row

_EVERY = 10.0
"""Seconds between lines of progress where there is no terminal."""


class Options(TypedDict):
    """How the batch is to run: arguments of `WanClient.batch`."""

    download_to: str | None
    max_in_flight: int
    max_credits: float | None
    resubmit_unknown: bool


class Run(msgspec.Struct, frozen=True):
    """A batch: its lines, their number, whether they may ask for what is not known; files, options and callbacks."""

    file: BinaryIO
    checked: Checked
    lines: int
    custom: bool
    files: Places
    options: Options
    callbacks: Reception = Reception()

    def batch(self, wan: WanClient) -> Batch:
        """The batch itself, not yet entered."""
        inputs = again(self.file, self.checked, custom=self.custom)
        return wan.batch(inputs, journal=self.files.journal, **self.options)

    @property
    def rest(self) -> str:
        """How to get what is not done, in words."""
        if self.files.journal is None:
            return "no journal is kept: what runs is lost"
        return f"run the same again to go on from {self.files.journal}"


def made(run: Run, wan: WanClient) -> Exit:
    """Run the batch and print what came of it; its exit code, or the WanError that stopped it."""
    try:
        return in_loop(_make(run, wan))
    except asyncio.CancelledError:
        click.echo(f"wan-async: left at once; {run.rest}", err=True)
        return Exit.INTERRUPTED


async def _make(run: Run, wan: WanClient) -> Exit:
    batch, tally = run.batch(wan), Tally(run.lines)
    with (
        display_on(sys.stderr, every=_EVERY) as display,
        interruptible(partial(_stop, run, batch, display)) as interrupts,
    ):
        async with run.callbacks.receiving(), wan, batch:
            error = await _collect(run, batch, tally, display)
    click.echo(f"{tally}, {batch.stats.credits:.10g} of them in this run; see {run.files.output}")
    if error is not None:
        raise error
    if interrupts.count and tally.left:
        click.echo(f"wan-async: interrupted; {run.rest}", err=True)
        return Exit.INTERRUPTED
    return tally.exit()


def _stop(run: Run, batch: Batch, display: Display) -> None:
    batch.stop()
    waiting = f"nothing more is submitted, {batch.stats.running} tasks that run are waited for"
    display.say(f"Interrupted: {waiting}. Once more leaves at once; {run.rest}.")


async def _collect(run: Run, batch: Batch, tally: Tally, display: Display) -> WanError | None:
    """Write each outcome as it comes; the error that stopped the batch."""
    progress = Progress(run.lines, lambda: batch.stats)
    try:
        with Written(run.files.output) as written:
            async with showing(display, progress.view):
                async for outcome in batch:
                    line = run.checked.number(outcome)
                    written.add(row(outcome, line))
                    tally.count(outcome, line)
                    progress.replayed = max(progress.replayed, tally.given - ended_in(batch.stats))
    except WanError as error:
        return error
    return None
