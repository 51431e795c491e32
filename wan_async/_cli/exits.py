"""Exit codes: what a script can rely on."""

from __future__ import annotations

import enum
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..errors import WanError


class Exit(enum.IntEnum):
    """The ends of a command; `wan-async --help` prints these lines."""

    OK = 0, "done"
    SOME_FAILED = 1, "some items failed, or are not finished"
    USAGE = 2, "usage, input, a file or the configuration: nothing was sent that has to be checked"
    REFUSED = 3, "the service cannot be reached or refuses: key, credits, quota, budget"
    UNKNOWN = 4, "submissions of unknown fate are there: they may be charged"
    INTERRUPTED = 130, "interrupted"

    meaning: str

    def __new__(cls, code: int, meaning: str) -> Exit:
        member = int.__new__(cls, code)
        member._value_ = code
        member.meaning = meaning
        return member


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
