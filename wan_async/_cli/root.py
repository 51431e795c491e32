"""The command group, and how its errors end."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Sequence
from typing import Any

import click

from .._version import __version__
from .account import account_options
from .common import debugging, of_file, with_common
from .exits import Exit

COMMANDS = {
    "demo": "Make clips on an emulator and show them; no key, no cost.",
    "run": "Make one clip.",
    "batch": "Make the clips of a file; run again, go on.",
    "models": "Print the models, their fields and prices.",
    "status": "Print how tasks stand.",
    "wait": "Wait for tasks, and fetch their clips.",
    "download": "Download clips of tasks, links or a journal.",
    "upload": "Upload files, for inputs.",
    "credits": "Print the account's credits.",
    "limits": "Print how an account's shared limits are used.",
    "journal": "Read a batch's journal.",
    "gallery": "Show what a batch made.",
    "login": "Save the key for the commands that follow.",
    "doctor": "Say what works here, and what to do where it does not.",
    "listen": "Receive callbacks for others that wait.",
    "emulator": "Run the provider's emulator.",
    "completion": "Print what a shell needs to complete commands.",
}
"""Each is `command` in the module of its name, which is loaded when it is called."""


class _Lazy(click.Group):
    """Loads the module of a command when it is called."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        return with_common(importlib.import_module(f".{cmd_name}", __package__).command)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and not args[0].startswith("-") and args[0] not in COMMANDS:
            from .._inputs.allowed import did_you_mean  # with msgspec: as long as all that is loaded for `--help`

            raise click.UsageError(f"there is no command {args[0]!r}{did_you_mean(args[0], COMMANDS)}", ctx)
        return super().resolve_command(ctx, args)


@click.group(cls=_Lazy, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, message="wan-async %(version)s")
@account_options
def root() -> None:
    """Wan video generation: one clip or a million, nothing paid twice, nothing paid for lost.

    Start with `wan-async demo`: it needs no key and spends nothing. Then `wan-async login`, and
    `wan-async run 2-2-a14b-text-to-video-turbo --prompt "a fox in the rain" --output fox.mp4`.
    """


def run(arguments: Sequence[str]) -> int:
    """Run a command; its exit code."""
    try:
        ended: Any = with_common(root).main(list(arguments), prog_name="wan-async", standalone_mode=False)
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - what is not printed is raised
        if debugging(arguments):
            import traceback

            traceback.print_exception(error)
        return _exit_of(error)
    return ended if isinstance(ended, int) else Exit.OK


def _exit_of(error: BaseException) -> Exit:
    """The exit code of an error, which is printed as one line on stderr; what is nobody's fault but ours is raised."""
    match error:
        case click.exceptions.NoArgsIsHelpError():
            click.echo(error.format_message(), err=True)
            return Exit.USAGE
        case click.ClickException():
            return _fail(error.format_message(), Exit.USAGE)
        case BrokenPipeError():
            return _unheard()
        case click.Abort(__cause__=KeyboardInterrupt()) | KeyboardInterrupt():
            return _fail(_of_interrupt(error), Exit.INTERRUPTED)
        case click.Abort():
            return _fail("aborted; nothing was changed", Exit.INTERRUPTED)
        case _:
            return _of_ours(error)


def _of_ours(error: BaseException) -> Exit:
    from ..errors import WanError
    from .exits import exit_of

    if isinstance(error, WanError):
        return _fail(str(error), exit_of(error))
    if isinstance(error, OSError):
        return _fail(of_file(error), Exit.USAGE)
    raise error


def _fail(message: str, code: Exit) -> Exit:
    """One line, whatever the message holds."""
    click.echo(f"wan-async: {' '.join(message.split())}", err=True)
    return code


def _of_interrupt(error: BaseException) -> str:
    """The notes of the interrupted call (a task that was created), else that nothing was paid."""
    notes = [note for one in (error, error.__cause__, error.__context__) for note in getattr(one, "__notes__", ())]
    return f"interrupted; {'; '.join(notes)}" if notes else "interrupted; nothing was submitted"


def _unheard() -> Exit:
    """Whoever read the output is gone (`… | head`): end without a word, also when Python flushes at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return Exit.SOME_FAILED
