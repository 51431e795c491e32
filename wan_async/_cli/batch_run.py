"""A batch whose lines are checked: run, shown, written down and summed up."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from functools import partial
from typing import BinaryIO, TypedDict

import click
import msgspec

from .._batch import Batch
from .._client import WanClient
from .._journal import Journal
from .._journal.opening import shown
from .._progress import Display, Follow, display_on, showing
from ..errors import JournalError, WanError
from .checked import Checked, again
from .client import notices_to
from .common import of_file, quiet
from .exits import Exit
from .interrupts import interruptible
from .loops import in_loop
from .parameters import number
from .places import Places
from .reception import Reception
from .rows import Reading
from .tally import OutcomeCounts
from .written import Output, row

_EVERY = 10.0
"""Seconds between lines of progress where there is no terminal."""


class BatchOptions(TypedDict):
    """The options of a batch: arguments of `WanClient.batch`."""

    download_to: str | None
    max_in_flight: int
    max_credits: float | None
    max_wait: float | None
    resubmit_unknown: bool


class BatchRun(msgspec.Struct, frozen=True):
    """A batch: its rows, their number, how they are read; files, options, callbacks, and how much is printed."""

    file: BinaryIO
    checked: Checked
    lines: int
    reading: Reading
    files: Places
    options: BatchOptions
    callbacks: Reception = Reception()
    as_json: bool = False
    shown: bool = True

    def batch(self, wan: WanClient) -> Batch:
        """The batch itself, not yet entered."""
        inputs = again(self.file, self.checked, self.reading)
        return wan.batch(inputs, journal=self.files.journal, **self.options)

    def charged(self, in_this_run: float) -> float:
        """The credits that were or may have been charged in all runs, as the journal has them: the same everywhere."""
        if self.files.journal is not None:
            with contextlib.suppress(JournalError), Journal.open_readonly(self.files.journal) as journal:
                return journal.counts().credits
        return in_this_run

    @property
    def rest(self) -> str:
        """The way to get what is not done, in words."""
        if self.files.journal is None:
            return "no journal is kept: what runs is lost"
        return f"run the same again to go on from {shown(self.files.journal)}"


def made(run: BatchRun, wan: WanClient) -> Exit:
    """Run the batch and print what came of it; its exit code, or the WanError that stopped it."""
    try:
        return in_loop(_make(run, wan))
    except OSError as error:  # a full disk, too many open files: not the service's
        kept = "" if run.files.journal is None else "what was made is kept: "
        click.echo(f"wan-async: {of_file(error)}; {kept}{run.rest}", err=True)
        return Exit.SOME_FAILED
    except asyncio.CancelledError:
        click.echo(f"wan-async: left at once; {run.rest}", err=True)
        return Exit.INTERRUPTED


async def _make(run: BatchRun, wan: WanClient) -> Exit:
    batch, tally = run.batch(wan), OutcomeCounts(run.lines)
    with (
        display_on(sys.stderr, every=_EVERY, shown=run.shown and not quiet()) as display,
        interruptible(partial(_stop, run, batch, display)) as interrupts,
    ):
        notices_to(display.say)
        async with run.callbacks.receiving(), wan, batch:
            error = await _collect(run, batch, tally, display)
            charged = await asyncio.to_thread(run.charged, batch.stats.credits)  # a reader later would leave its log
    _sum_up(run, tally, charged, batch.stats.credits)
    if error is not None:
        if tally.left:
            kept = "" if run.files.journal is None else "what was made is kept; "
            click.echo(f"wan-async: {kept}{run.rest}", err=True)
        raise error
    if interrupts.count and tally.left:
        click.echo(f"wan-async: interrupted; {run.rest}", err=True)
        return Exit.INTERRUPTED
    if tally.left:
        click.echo(f"wan-async: {tally.left:,} still run after --max-wait; {run.rest}", err=True)
    return tally.exit()


def _sum_up(run: BatchRun, tally: OutcomeCounts, charged: float, in_this_run: float) -> None:
    """Print what came of it; on stderr where stdout has the outcomes."""
    if run.as_json:
        journal = None if run.files.journal is None else shown(run.files.journal)
        output = None if run.files.output is None else str(run.files.output)
        report = {
            **tally.counts(),
            "credits": charged,
            "credits_in_this_run": in_this_run,
            "output": output,
            "journal": journal,
        }
        click.echo(msgspec.json.encode(report), err=run.files.output is None)
    else:
        words = f"{tally}; {number(charged)} credits, {number(in_this_run)} of them in this run{run.files.found_at}"
        click.echo(words, err=run.files.output is None)


def _stop(run: BatchRun, batch: Batch, display: Display) -> None:
    batch.stop()
    waiting = f"nothing more is submitted, what was sent is waited for ({batch.stats.running} tasks run)"
    display.say(f"Interrupted: {waiting}. Once more leaves at once; {run.rest}.")


async def _collect(run: BatchRun, batch: Batch, tally: OutcomeCounts, display: Display) -> WanError | None:
    """Write each outcome as it comes; the error that stopped the batch."""
    try:
        with Output(run.files.output) as written:
            async with showing(display, Follow(batch, run.lines).view):
                async for outcome in batch:
                    line = run.checked.number(outcome)
                    written.add(row(outcome, line))
                    tally.count(outcome, line)
    except WanError as error:
        return error
    return None
