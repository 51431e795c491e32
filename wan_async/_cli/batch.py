"""`wan-async batch`: a file of inputs in, a file of outcomes out, and a journal by which it is run again."""

from __future__ import annotations

from typing import Unpack

import click

from .._arguments import LIMIT, ClientOptions
from .._journal import Journal
from .._policy.settings import RateLimit
from .account import account_options
from .batch_run import BatchOptions, BatchRun, made
from .before import (
    checked_rows,
    confirm,
    print_dry_run,
    reading_options,
    refuse_others_journal,
    require_journal,
)
from .checked import keeping
from .client import client
from .exits import Exit
from .loops import loop_option
from .parameters import Whole, credits_, rate_limit, seconds
from .places import places
from .reception import callback_options, reception
from .rows import Reading
from .sources import opened

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
null, an earlier run made what INPUT does not have any more.

--json prints the summary as JSON: made, failed, unknown, not_downloaded, left, credits, credits_in_this_run, output,
journal; with --dry-run: rows, credits, unpriced, repeated, minutes, models {model: {rows, credits, unpriced}}.
"""


@click.command(help=_HELP)
@click.argument("source", metavar="INPUT", type=click.Path(exists=True, dir_okay=False, allow_dash=True))
@reading_options
@click.option("-o", "--output", metavar="OUTPUT", help="Where to. [default: INPUT.out.jsonl]")
@click.option(
    "--journal",
    metavar="PATH|URL",
    help="RUN.db, or postgresql://user@host/db#name, which hosts share. [default: OUTPUT.db]",
)
@click.option("--no-journal", is_flag=True, help="Keep none: what a crash or Ctrl-C interrupts is paid for and lost.")
@click.option("--download-to", metavar="DIR", help="A folder for the clips, or s3://bucket/prefix.")
@click.option("--max-in-flight", type=Whole(1), default=100, show_default=True, help="Items at once.")
@click.option("--max-credits", type=credits_, metavar="CREDITS", help="What may be spent, earlier runs counted.")
@click.option("--max-wait", type=seconds, metavar="SECONDS", help="How long to wait for each; the next run goes on.")
@click.option("--resubmit-unknown", is_flag=True, help="Send again what has an unknown fate; that may pay twice.")
@click.option("--retry-failed", is_flag=True, help="Send again what failed; each is paid again.")
@click.option("--limit", type=rate_limit, metavar="N/SECONDS", help="New tasks per window. [default: 20/10]")
@click.option(
    "--limit-storage",
    metavar="URL",
    envvar="WAN_ASYNC_LIMIT_STORAGE",
    show_envvar=True,
    help="Where the limits are shared with other processes: file:///…, redis://… or postgresql://….",
)
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
@click.option("--json", "json_line", is_flag=True, help="Print the summary as JSON.")
@account_options
@callback_options
@loop_option
def command(
    *,
    source: str,
    reading: Reading,
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
    json_line: bool,
    **options: Unpack[BatchOptions],
) -> int:
    """Check a file's rows, then make their clips."""
    if journal is not None and no_journal:
        raise click.UsageError("--journal and --no-journal exclude each other.")
    priced = options["max_credits"] is not None
    with opened(source) as file, keeping() as checked:
        if dry_run:
            found = checked_rows(source, file, checked, reading, priced=priced)
            print_dry_run(found, checked.repeated, limit or LIMIT, json_line=json_line)
            return Exit.OK
        callbacks = reception()
        wan = client(**(_limits(limit, query_limit, limit_storage) | callbacks.options()))
        files = places(source, output, journal, journalled=not no_journal)
        found = checked_rows(source, file, checked, reading, priced=priced)
        if journal is None:
            refuse_others_journal(source, output, files, checked)
        if not yes:
            confirm(found, files, above=confirm_above)
        if retry_failed:
            require_journal(files, "--retry-failed")
            Journal.resubmit(str(files.journal), failed=True)
        return made(
            BatchRun(file, checked, found.good, reading, files, options, callbacks, json_line, not no_progress), wan
        )


def _limits(limit: RateLimit | None, query_limit: RateLimit | None, storage: str | None) -> ClientOptions:
    """Only those given: a limit that is given holds for all clients on the key."""
    given: ClientOptions = {}
    if limit is not None:
        given["limit"] = limit
    if query_limit is not None:
        given["query_limit"] = query_limit
    if storage is not None:
        given["limit_storage"] = storage
    return given
