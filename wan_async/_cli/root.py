"""The command group, and how its errors end."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Sequence
from typing import Any

import click

from .._version import __version__
from ..errors import WanError
from .account import account_options
from .exits import Exit, exit_of

_COMMANDS = ("demo", "emulator", "run", "batch", "status", "credits", "journal", "gallery", "listen")
"""Each is `command` in the module of its name."""

_EPILOG = "\b\nExit codes:\n" + "\n".join(f"  {code.value:<4} {code.meaning}" for code in Exit)


class _Lazy(click.Group):
    """Loads the module of a command when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        return importlib.import_module(f".{cmd_name}", __package__).command


@click.group(cls=_Lazy, epilog=_EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, message="wan-async %(version)s")
@account_options
def root() -> None:
    """Wan video generation: one clip or a million, nothing paid twice, nothing paid for lost.

    Start with `wan-async demo`: it needs no key and spends nothing.
    """


def run(arguments: Sequence[str]) -> int:
    """Run a command; its exit code."""
    try:
        ended: Any = root.main(list(arguments), prog_name="wan-async", standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as asked:
        click.echo(asked.format_message(), err=True)
        return Exit.USAGE
    except click.ClickException as error:
        return _fail(error.format_message(), Exit.USAGE)
    except WanError as error:
        return _fail(str(error), exit_of(error))
    except BrokenPipeError:
        return _unheard()
    except OSError as error:
        return _fail(_of_file(error), Exit.USAGE)
    except click.Abort:
        return _fail("aborted; nothing was changed", Exit.INTERRUPTED)
    except KeyboardInterrupt:
        return _fail("interrupted", Exit.INTERRUPTED)
    return ended if isinstance(ended, int) else Exit.OK


def _fail(message: str, code: Exit) -> Exit:
    """One line, whatever the message holds."""
    click.echo(f"wan-async: {' '.join(message.split())}", err=True)
    return code


def _of_file(error: OSError) -> str:
    return f"{error.filename}: {error.strerror}" if error.filename and error.strerror else str(error)


def _unheard() -> Exit:
    """Whoever read the output is gone (`… | head`): end without a word, also when Python flushes at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return Exit.SOME_FAILED
