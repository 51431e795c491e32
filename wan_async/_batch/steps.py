"""What a batch is given: its steps as callables, and the errors that stop it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Protocol

import msgspec

from ..errors import (
    AuthenticationError,
    BudgetExceededError,
    ConfigurationError,
    InsufficientCreditsError,
    JournalError,
    KeyQuotaError,
    WanError,
)

if TYPE_CHECKING:
    from .._limiter import Limiter
    from .._protocol import TaskRecord
    from ..models import WanInput
    from .ledger import Download
    from .submission import Submission

HITS_EVERY_ITEM = (
    AuthenticationError,
    BudgetExceededError,
    ConfigurationError,
    InsufficientCreditsError,
    JournalError,
    KeyQuotaError,
)
"""Errors that stop a batch: the next item would meet them too."""


class Watch(Protocol):
    """A waiting task: data, not a coroutine."""

    def cancel(self) -> None:
        """Forget the wait."""
        ...


class Adoption(msgspec.Struct, frozen=True):
    """How a submission of unknown fate is found again, where callbacks tell of it.

    Attributes:
        within: seconds after the submission for which it is sought.
        new_token: an unguessable token for one submission.
        seek: (token, seconds, found) → watch; calls `found` once, with the task's id, or with None when time is over.
    """

    within: float
    new_token: Callable[[], str]
    seek: Callable[[str, float, Callable[[str | None], None]], Watch]


class Steps(msgspec.Struct, frozen=True):
    """What a batch needs done, as callables; it knows no HTTP.

    Attributes:
        submit: (input, intent) → task id; calls the intent's `begin` before the POST, `again` before a repeat.
        permits: what `submit` waits for before the POST, unless the intent has a permit.
        watch: (task id, input, age in seconds, done) → watch; calls `done` once, with the final record or an error.
        download: (key, record) → where the clip is; None leaves the clips where they are.
        adoption: how lost submissions are found again; None: they are not.
        most_submissions: those under way at once.
    """

    submit: Callable[[WanInput, Submission], Awaitable[str]]
    permits: Limiter
    watch: Callable[[str, WanInput, float, Callable[[TaskRecord | WanError], None]], Watch]
    download: Download | None = None
    adoption: Adoption | None = None
    most_submissions: int = 32
