"""`wan-async batch`: a file of inputs in, a file of outcomes out, and a journal by which it is run again.

The whole way is here: the options, what happens before anything is paid, the batch at work, its end. `files` opens the
input and says where output and journal lie, `rows` reads it (tables are `separated`), `check` keeps the good rows and
prints their price, `outcomes` are written and summed up. `reception` hears callbacks.
"""

from __future__ import annotations

import asyncio
import sys
from functools import partial
from typing import BinaryIO, TypedDict, Unpack

import click
import msgspec

from ..._arguments import LIMIT
from ..._batch import Batch
from ..._callbacks.callbacks import Callbacks
from ..._client import WanClient
from ..._journal import Journal
from ..._journal.opening import shown
from ..._policy.settings import RateLimit
from ..._progress import Display, Follow, display_on, showing
from ...errors import WanError
from ..client import client, notices_to, options_of
from ..exits import Exit, of_file, say
from ..options import Whole, account_options, credits_, limit_storage_option, number, quiet, rate_limit, seconds
from ..running import in_loop, interruptible, loop_option
from .check import Checked, again, checked_rows, confirm, keeping, print_dry_run, refuse_others_journal
from .files import Places, opened, places, require_journal
from .outcomes import OutcomeCounts, Output, row
from .reception import callback_options, callbacks_asked_for, received
from .rows import Reading, reading_of, reading_options

_EVERY = 10.0
"""Seconds between lines of progress where there is no terminal."""

_HELP = """
Make the clips of a file, or of stdin (-): JSONL, CSV or TSV.

\b
{"model": "wan/2-2-a14b-text-to-video-turbo", "input": {"prompt": "a fox"}}
{"key": "hen", "model": …, "input": {…}, "extra": {"nsfw_checker": true}}

In a table the columns are fields, beside key and model; an empty cell is a field left out. --model is that of rows that
name none; with it, members of a JSON line may be fields too. Pictures and videos are URLs, or files beside INPUT.

Every row is checked before anything is paid; if any is bad, all bad ones are named and nothing is sent. --dry-run
does no more than that, and prints price and time.

Resume by running the same again: nothing that was accepted is submitted twice, what runs is waited for, and what is
finished comes from the journal. The first Ctrl-C submits nothing more and waits for what runs, the second leaves at
once.

OUTPUT (.jsonl, .csv, .tsv or .parquet; - is stdout) gets one row per item: key, line, ok, task_id, model, url, urls,
path, credits, error {type, message} (in tables error_type and error), replayed. Until the run ends it is OUTPUT.part,
so that a crash never costs an earlier OUTPUT; each run writes it anew, from the journal and what it adds. Where line is
null, the item is an earlier run's, and INPUT has it no more.

--json prints the summary as JSON: made, failed, unknown, not_downloaded, left, credits, credits_in_this_run, output,
journal; with --dry-run: rows, credits, unpriced, repeated, minutes, models {model: {rows, credits, unpriced}}.
"""


class BatchOptions(TypedDict):
    """The options of a batch: arguments of `WanClient.batch`."""

    download_to: str | None
    max_in_flight: int
    max_credits: float | None
    max_wait: float | None
    resubmit_unknown: bool


@click.command(help=_HELP)
@click.argument("source", metavar="INPUT", type=click.Path(exists=True, dir_okay=False, allow_dash=True))
@reading_options
@click.option("-o", "--output", metavar="OUTPUT", help="The file of outcomes. [default: INPUT.out.jsonl]")
@click.option(
    "--journal",
    metavar="PATH|URL",
    help="RUN.db, or postgresql://user@host/db#name, which hosts share. [default: OUTPUT.db]",
)
@click.option(
    "--no-journal", is_flag=True, help="Keep none: clips that a crash or Ctrl-C interrupts are paid and lost."
)
@click.option("--download-to", metavar="DIR", help="A folder for the clips, or s3://bucket/prefix.")
@click.option("--max-in-flight", type=Whole(1), default=100, show_default=True, help="Items at once.")
@click.option("--max-credits", type=credits_, metavar="CREDITS", help="The most to spend, earlier runs included.")
@click.option("--max-wait", type=seconds, metavar="SECONDS", help="How long to wait for each; the next run goes on.")
@click.option("--resubmit-unknown", is_flag=True, help="Send items of unknown fate again; that may pay twice.")
@click.option("--retry-failed", is_flag=True, help="Send failed items again; each is paid again.")
@click.option("--limit", type=rate_limit, metavar="N/SECONDS", help="New tasks per window. [default: 20/10]")
@limit_storage_option("Where the limits are shared with other processes")
@click.option("--query-limit", type=rate_limit, metavar="N/SECONDS", help="Other calls per window. [default: 10/1]")
@click.option("--dry-run", "--check", "dry_run", is_flag=True, help="Check every row, print the price, send nothing.")
@click.option(
    "--confirm-above",
    type=credits_,
    default=1000.0,
    show_default=True,
    metavar="CREDITS",
    help="On a terminal, ask before more is spent.",
)
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@click.option("--no-progress", is_flag=True, help="Do not show how far it is.")
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON.")
@account_options
@callback_options
@loop_option
def batch_command(
    *,
    source: str,
    output: str | None,
    journal: str | None,
    no_journal: bool,
    limit: RateLimit | None,
    query_limit: RateLimit | None,
    limit_storage: str | None,
    retry_failed: bool,
    dry_run: bool,
    confirm_above: float,
    yes: bool,
    no_progress: bool,
    as_json: bool,
    **options: Unpack[BatchOptions],
) -> int:
    """Check a file's rows, then make their clips."""
    if journal is not None and no_journal:
        raise click.UsageError("--journal and --no-journal exclude each other.")
    reading, priced = reading_of(source), options["max_credits"] is not None
    with opened(source) as file, keeping() as checked:
        if dry_run:
            found = checked_rows(source, file, checked, reading, priced=priced)
            print_dry_run(found, checked.repeated, limit or LIMIT, as_json=as_json)
            return Exit.OK
        callbacks = callbacks_asked_for()
        limits = options_of(limit=limit, query_limit=query_limit, limit_storage=limit_storage, callbacks=callbacks)
        wan = client(**limits)
        files = places(source, output, journal, journalled=not no_journal)
        found = checked_rows(source, file, checked, reading, priced=priced)
        if journal is None:
            refuse_others_journal(source, output, files, checked)
        if not yes:
            confirm(found, files, above=confirm_above)
        if retry_failed:
            require_journal(files, "--retry-failed")
            Journal.resubmit(str(files.journal), failed=True)
        run = BatchRun(file, checked, found.good, reading, files, options, callbacks, as_json, not no_progress)
        return run.made(wan)


class BatchRun(msgspec.Struct, frozen=True):
    """A batch: its rows, their number, how they are read; files, options, callbacks, and how much is printed."""

    file: BinaryIO
    checked: Checked
    lines: int
    reading: Reading
    files: Places
    options: BatchOptions
    callbacks: Callbacks | None = None
    as_json: bool = False
    shown: bool = True

    def made(self, wan: WanClient) -> Exit:
        """Run it and print what came of it; its exit code, or the WanError that stopped it."""
        try:
            return in_loop(self._make(wan))
        except OSError as error:  # a full disk, too many open files: not the service's
            say(f"{of_file(error)}; {self._kept(':')}{self.rest}")
            return Exit.SOME_FAILED
        except asyncio.CancelledError:
            say(f"left at once; {self.rest}")
            return Exit.INTERRUPTED

    async def _make(self, wan: WanClient) -> Exit:
        inputs = again(self.file, self.checked, self.reading)
        batch, tally = wan.batch(inputs, journal=self.files.journal, **self.options), OutcomeCounts(self.lines)
        with (
            display_on(sys.stderr, every=_EVERY, shown=self.shown and not quiet()) as display,
            interruptible(partial(self._stop, batch, display)) as interrupts,
        ):
            notices_to(display.say)
            async with received(self.callbacks), wan, batch:
                error = await self._collect(batch, tally, display)
                credits_ = batch.stats.credits
                charged = await asyncio.to_thread(self.files.charged, credits_)  # a reader later would leave its log
        self._sum_up(tally, charged, credits_)
        if error is not None:
            if tally.left:
                say(f"{self._kept(';')}{self.rest}")
            raise error
        if interrupts.count and tally.left:
            say(f"interrupted; {self.rest}")
            return Exit.INTERRUPTED
        if tally.left:
            say(f"{tally.left:,} still run after --max-wait; {self.rest}")
        return tally.exit()

    def _stop(self, batch: Batch, display: Display) -> None:
        batch.stop()
        waiting = f"nothing more is submitted, what was sent is waited for ({batch.stats.running} tasks run)"
        display.say(f"Interrupted: {waiting}. Once more leaves at once; {self.rest}.")

    async def _collect(self, batch: Batch, tally: OutcomeCounts, display: Display) -> WanError | None:
        """Write each outcome as it comes; the error that stopped the batch."""
        try:
            with Output(self.files.output) as written:
                async with showing(display, Follow(batch, self.lines).view):
                    async for outcome in batch:
                        line = self.checked.number(outcome)
                        written.add(row(outcome, line))
                        tally.count(outcome, line)
        except WanError as error:
            return error
        return None

    def _sum_up(self, tally: OutcomeCounts, charged: float, in_this_run: float) -> None:
        """Print what came of it; on stderr where stdout has the outcomes."""
        output, journal = self.files.output, self.files.journal
        if self.as_json:
            report = {
                **tally.counts(),
                "credits": charged,
                "credits_in_this_run": in_this_run,
                "output": None if output is None else str(output),
                "journal": None if journal is None else shown(journal),
            }
            click.echo(msgspec.json.encode(report), err=output is None)
        else:
            words = f"{tally}; {number(charged)} credits, {number(in_this_run)} of them in this run"
            click.echo(words if output is None else f"{words}; see {output}", err=output is None)

    @property
    def rest(self) -> str:
        """The way to get what is not done, in words."""
        if self.files.journal is None:
            return "no journal is kept: what runs is lost"
        return f"run the same again to go on from {shown(self.files.journal)}"

    def _kept(self, sign: str) -> str:
        return "" if self.files.journal is None else f"what was made is kept{sign} "
