"""The ends of a command: exit codes that a script can rely on, and the line on stderr that says why."""

from __future__ import annotations

import enum
import errno
import os
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from ..errors import WanError


class Exit(enum.IntEnum):
    """The ends of a command; `wan-async --help` prints these lines."""

    OK = 0, "done"
    SOME_FAILED = 1, "some items failed, or are not finished"
    USAGE = 2, "usage, input, a file or the configuration: nothing was sent that has to be checked"
    REFUSED = 3, "the service cannot be reached or refuses: key, credits, quota, budget"
    UNKNOWN = 4, "there are submissions of unknown fate: they may be charged"
    INTERRUPTED = 130, "interrupted"

    meaning: str

    def __new__(cls, code: int, meaning: str) -> Exit:
        member = int.__new__(cls, code)
        member._value_ = code
        member.meaning = meaning
        return member


def say(words: str) -> None:
    """Print a line on stderr."""
    click.echo(f"wan-async: {words}", err=True)


def exit_of(error: WanError) -> Exit:
    """The exit code of an error that ended a command."""
    from .. import errors

    match error:
        case errors.SubmissionUnknownError():
            return Exit.UNKNOWN
        case errors.TaskFailedError() | errors.TaskTimeoutError():
            return Exit.SOME_FAILED
        case errors.ApiError() | errors.BudgetExceededError() | errors.TransportError() | errors.ResponseError():
            return Exit.REFUSED
        case _:
            return Exit.USAGE


def worst(errors: Iterable[WanError]) -> Exit:
    """The exit code of what went wrong beside each other: the one that most needs a check."""
    return max(map(exit_of, errors), default=Exit.OK)


def ended_by(error: BaseException) -> Exit:
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


def of_file(error: OSError) -> str:
    """The words for what a file or the system did not allow."""
    if error.errno == errno.EMFILE:
        return "too many open files: raise the limit (ulimit -n), or ask for less at once (--max-in-flight)"
    return f"{error.filename}: {error.strerror}" if error.filename and error.strerror else str(error)


def _of_ours(error: BaseException) -> Exit:
    from ..errors import WanError  # with msgspec, which `--help` does without

    if isinstance(error, WanError):
        return _fail(str(error), exit_of(error))
    if isinstance(error, OSError):
        return _fail(of_file(error), Exit.USAGE)
    raise error


def _fail(message: str, code: Exit) -> Exit:
    """One line, whatever the message holds."""
    say(" ".join(message.split()))
    return code


def _of_interrupt(error: BaseException) -> str:
    """The notes of the interrupted call (a task that was created), else that nothing was paid."""
    notes = [note for one in (error, error.__cause__, error.__context__) for note in getattr(one, "__notes__", ())]
    return f"interrupted; {'; '.join(notes)}" if notes else "interrupted; nothing was submitted"


def _unheard() -> Exit:
    """Whoever read the output is gone (`… | head`): end without a word, also when Python flushes at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return Exit.SOME_FAILED
