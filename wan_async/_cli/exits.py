"""Exit codes: what a script can rely on."""

from __future__ import annotations

import enum

from ..errors import (
    ApiError,
    BudgetExceededError,
    ResponseError,
    SubmissionUnknownError,
    TaskFailedError,
    TaskTimeoutError,
    TransportError,
    WanError,
)


class Exit(enum.IntEnum):
    """How a command ended; `wan-async --help` prints these lines."""

    OK = 0, "done"
    SOME_FAILED = 1, "some items failed, or are not finished"
    USAGE = 2, "usage, input, a file or the configuration: nothing was sent that needs a look"
    REFUSED = 3, "the service cannot be reached or refuses: key, credits, quota, budget"
    UNKNOWN = 4, "submissions of unknown fate are there: they may be charged"
    INTERRUPTED = 130, "interrupted"

    meaning: str

    def __new__(cls, code: int, meaning: str) -> Exit:
        member = int.__new__(cls, code)
        member._value_ = code
        member.meaning = meaning
        return member


_EXITS: tuple[tuple[type[WanError], Exit], ...] = (
    (SubmissionUnknownError, Exit.UNKNOWN),
    (TaskFailedError, Exit.SOME_FAILED),
    (TaskTimeoutError, Exit.SOME_FAILED),
    (ApiError, Exit.REFUSED),
    (BudgetExceededError, Exit.REFUSED),
    (TransportError, Exit.REFUSED),
    (ResponseError, Exit.REFUSED),
)


def exit_of(error: WanError) -> Exit:
    """The exit code of an error that ended a command."""
    return next((code for kind, code in _EXITS if isinstance(error, kind)), Exit.USAGE)
