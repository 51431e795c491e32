"""`wan-async batch`: a file of inputs in, a file of outcomes out, and a journal by which it is run again."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO, Unpack

import click

from .._client import ClientOptions
from .._policy.settings import RateLimit
from ..errors import ConfigurationError, InvalidInputError
from .account import account_options, client
from .batch_run import Options, Run, made
from .checked import Checked, Sum, check, keeping
from .exits import Exit
from .loops import loop_option
from .parameters import rate_limit
from .places import STDIN, opened, places
from .reception import callback_options, reception

_SHOWN = 100
"""Bad lines that are printed."""

_HELP = """
Make the clips of a file, or of stdin (-): one JSON object a line.

\b
{"model": "wan/2-2-a14b-text-to-video-turbo", "input": {"prompt": "a fox"}}
{"key": "hen", "model": …, "input": {…}, "extra": {"nsfw_checker": true}}

Every line is checked before anything is paid; if any is bad, all bad ones are told and nothing is sent.

Resume by running the same again: nothing that was accepted is submitted twice, what runs is waited for, and what
is finished comes from the journal. The first Ctrl-C submits nothing more and waits for what runs, the second
leaves at once.

OUTPUT gets one line per item as it finishes: key, line, ok, task_id, model, url, urls, path, credits, error
{type, message}, replayed. Until the run ends it is OUTPUT.part, so that a crash never costs an earlier OUTPUT;
each run writes it anew, from the journal and what it adds. Where line is null, an earlier run made what INPUT
does not have any more.
"""


@click.command(help=_HELP, short_help="Make the clips of a file; run again, go on.")
@click.argument("source", metavar="INPUT", type=click.Path(exists=True, dir_okay=False, allow_dash=True))
@click.option("--output", type=click.Path(path_type=Path, dir_okay=False), help="Where to. [default: INPUT.out.jsonl]")
@click.option("--journal", type=click.Path(path_type=Path, dir_okay=False), help="[default: OUTPUT.db]")
@click.option("--no-journal", is_flag=True, help="Keep none: what a crash or Ctrl-C interrupts is paid for and lost.")
@click.option("--download-to", metavar="DIR", help="A folder for the clips, or s3://bucket/prefix.")
@click.option("--max-in-flight", type=click.IntRange(1), default=100, show_default=True, help="Items at once.")
@click.option("--max-credits", type=click.FloatRange(0), help="What may be spent, earlier runs counted.")
@click.option("--resubmit-unknown", is_flag=True, help="Send again what has an unknown fate; that may pay twice.")
@click.option("--limit", type=rate_limit, metavar="N/SECONDS", help="New tasks per window. [default: 20/10]")
@click.option("--query-limit", type=rate_limit, metavar="N/SECONDS", help="Other calls per window. [default: 10/1]")
@click.option("--check", "only_check", is_flag=True, help="Check every line, and do nothing else.")
@click.option("--custom", is_flag=True, help="Let models and fields pass that this version does not know.")
@account_options
@callback_options
@loop_option
def command(
    *,
    source: str,
    output: Path | None,
    journal: Path | None,
    no_journal: bool,
    limit: RateLimit | None,
    query_limit: RateLimit | None,
    only_check: bool,
    custom: bool,
    **options: Unpack[Options],
) -> int:
    """Check a file's lines, then make their clips."""
    if journal is not None and no_journal:
        raise click.UsageError("--journal and --no-journal exclude each other.")
    priced = options["max_credits"] is not None
    with opened(source) as file, keeping() as checked:
        if only_check:
            click.echo(_told(_checked(source, file, checked, custom=custom, priced=priced)))
            return Exit.OK
        callbacks = reception()
        wan = client(**(_limits(limit, query_limit) | callbacks.options()))
        files = places(source, output, journal, journalled=not no_journal)
        found = _checked(source, file, checked, custom=custom, priced=priced)
        return made(Run(file, checked, found.good, custom, files, options, callbacks), wan)


def _limits(limit: RateLimit | None, query_limit: RateLimit | None) -> ClientOptions:
    """Only those given: a limit that is given holds for all clients on the key."""
    given: ClientOptions = {}
    if limit is not None:
        given["limit"] = limit
    if query_limit is not None:
        given["query_limit"] = query_limit
    return given


# check


def _checked(source: str, file: BinaryIO, checked: Checked, *, custom: bool, priced: bool) -> Sum:
    """Check every line; bad ones are printed.

    Raises:
        ConfigurationError: there are bad lines.
    """
    bad = _BadLines("stdin" if source == STDIN else source)
    found = check(file, checked, bad.print, custom=custom, priced=priced)
    if found.bad:
        more = f", {found.bad - _SHOWN} of them not shown" if found.bad > _SHOWN else ""
        raise ConfigurationError(f"{found.bad} of {found.good + found.bad} lines are bad{more}; nothing was sent")
    return found


class _BadLines:
    def __init__(self, name: str) -> None:
        self._name = name
        self._left = _SHOWN

    def print(self, number: int, error: InvalidInputError) -> None:
        """Print one, if there were not too many."""
        if self._left > 0:
            click.echo(f"{self._name}:{number}: {error}", err=True)
        self._left -= 1


def _told(found: Sum) -> str:
    unpriced = f", and {found.unpriced} without a list price" if found.unpriced else ""
    return f"{found.good} lines are good: {found.credits:.10g} credits by the price list{unpriced}"
