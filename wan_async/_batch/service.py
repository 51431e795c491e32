"""The service as a batch sees it: callables, since it knows no HTTP; and the errors that stop a batch."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from ..errors import (
    AuthenticationError,
    BudgetExceededError,
    ClientClosedError,
    ConfigurationError,
    InsufficientCreditsError,
    JournalError,
    KeyQuotaError,
    MaintenanceError,
    TransportError,
)

if TYPE_CHECKING:
    from .._policy.limiter import Limiter
    from .._protocol import TaskRecord
    from ..models import WanInput
    from .submission import Submission


def _ignored(task_input: WanInput, record: TaskRecord) -> None:
    """Nothing is learnt."""


HITS_EVERY_ITEM = (
    AuthenticationError,
    BudgetExceededError,
    ClientClosedError,
    ConfigurationError,
    InsufficientCreditsError,
    JournalError,
    KeyQuotaError,
)
"""Errors that stop a batch: the next item would meet them too."""

UNREACHABLE = (TransportError, MaintenanceError)
"""Of a createTask: for `Retry.max_elapsed` nothing could be created, and the next item would meet that too."""


class Adoption(msgspec.Struct, frozen=True):
    """The search for a submission of unknown fate, by its callback.

    Attributes:
        within: seconds after the submission for which it is sought.
        new_token: an unguessable token for one submission.
        find: (token, seconds) → the task's id, or None when time is over.
    """

    within: float
    new_token: Callable[[], str]
    find: Callable[[str, float], Awaitable[str | None]]


class Service(msgspec.Struct, frozen=True):
    """Everything that is done for the items of a batch.

    Attributes:
        submit: (input, submission) → task id; calls `Submission.begin` before each POST, `again` before a repeat.
        wait: (task id, input, age in seconds, seconds to wait at most) → the final record.
        download: (key, record) → where the clip is, a file or an object's URL; None: clips stay where they are.
        check_target: raises where `download` cannot work; None: nothing is to be checked.
        adoption: how lost submissions are found again; None: they are not.
        most_submissions: requests in the air at once.
        limiter: the account's window of submissions; None: nobody knows it.
        learn: hears of tasks that earlier runs found finished: how long each took is learnt.
    """

    submit: Callable[[WanInput, Submission], Awaitable[str]]
    wait: Callable[[str, WanInput, float, float | None], Awaitable[TaskRecord]]
    download: Callable[[str, TaskRecord], Awaitable[Path | str]] | None = None
    check_target: Callable[[], Awaitable[None]] | None = None
    adoption: Adoption | None = None
    most_submissions: int = 32
    limiter: Limiter | None = None
    learn: Callable[[WanInput, TaskRecord], None] = _ignored
