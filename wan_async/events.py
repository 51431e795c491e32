"""Events of a client at work, for `WanClient(on_event=…)`: the whole life of a task, call by call.

A callable that is given runs on the event loop and must not block; what it raises goes to the loop's exception handler
and changes nothing. The log (`wan_async` and its children), progress displays and traces are made of these and of
nothing else. None holds a key, a token or a link's query.
"""

from __future__ import annotations

import time
from typing import TypeAlias

import msgspec

from ._docs import documented
from ._policy.settings import RateLimit
from ._protocol import TaskState
from .errors import WanError

__all__ = [
    "Adopted",
    "BatchEnded",
    "BatchStarted",
    "Called",
    "Downloaded",
    "Event",
    "Finished",
    "LimitLearnt",
    "Polled",
    "Repeated",
    "SubmissionUnknown",
    "Submitted",
    "Throttled",
    "Unknown",
    "Uploaded",
    "Woken",
]


class _Timed(msgspec.Struct, frozen=True, kw_only=True):
    at: float = msgspec.field(default_factory=time.monotonic)
    """The time of the event, in seconds of `time.monotonic`."""

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        documented(cls)


class Called(_Timed, frozen=True):
    """One call of the API was answered, or failed."""

    method: str
    """"GET" or "POST"."""
    path: str
    """The call's path, without its query."""
    status: int | None
    """The HTTP status; None if no answer came."""
    code: int | None
    """The envelope's code; None if it has none."""
    seconds: float
    """Seconds that it took, without the wait for its slot."""
    error: WanError | None = None
    """The reason why no answer came."""


class Submitted(_Timed, frozen=True):
    """createTask answered with a task id: from here on the task is paid for."""

    task_id: str
    """The task's id."""
    model: str
    """The model's name on the wire."""
    seconds: float = 0.0
    """From when it was asked for to its answer, the wait for a slot included."""


class SubmissionUnknown(_Timed, frozen=True):
    """A createTask was sent, and nothing shows whether the task exists; it may be adopted later."""

    model: str
    """The model's name on the wire."""
    error: WanError
    """The error."""
    seconds: float = 0.0
    """From when it was asked for, the wait for a slot included."""


Unknown: TypeAlias = SubmissionUnknown
"""The same by its short name."""


class Adopted(_Timed, frozen=True):
    """A submission of unknown fate was found again by its callback: it is this task."""

    task_id: str
    """The task's id."""


class Throttled(_Timed, frozen=True):
    """The service said 429; the call waits for its next slot."""

    path: str
    """The call's path."""
    retry_after: float | None
    """Seconds by the answer's `Retry-After`, or None."""


class Repeated(_Timed, frozen=True):
    """A call failed in a way that is safe to repeat, and will be."""

    path: str
    """The call's path."""
    error: WanError
    """The error."""
    delay: float
    """Seconds until it is sent again."""


class Polled(_Timed, frozen=True):
    """A waiting task's record was read."""

    task_id: str
    """The task's id."""
    state: TaskState | None
    """Its state; None if the poll failed, which does not fail the task."""
    error: WanError | None = None
    """The error that ended it."""


class Woken(_Timed, frozen=True):
    """A callback came for a task that is waited for: it is polled next."""

    task_id: str
    """The task's id."""


class Finished(_Timed, frozen=True):
    """The end of a task that was waited for was found."""

    task_id: str
    """The task's id."""
    model: str
    """The model's name on the wire, as far as its record says."""
    state: TaskState
    """SUCCESS or FAIL."""
    credits: float | None
    """Credits that it cost, or None where the record does not say."""
    seconds: float
    """Its age when the end was found; since the wait began where its submission was not noticed."""


class Downloaded(_Timed, frozen=True):
    """A clip is at its target, whole."""

    task_id: str | None
    """Its task, or None where a link was given."""
    path: str
    """The file, or its URL in an object store."""
    seconds: float = 0.0
    """From when it was asked for, the wait for its turn included."""


class Uploaded(_Timed, frozen=True):
    """A file is at the upload host."""

    file: str
    """Its name there."""
    size: int | None
    """Bytes; None if neither side knows."""


class LimitLearnt(_Timed, frozen=True):
    """The learnt limit of the account has changed: it is lower after a rejection, and found again later."""

    purpose: str
    """"submissions" or "queries"."""
    limit: RateLimit
    """The limit that was configured."""
    learnt: int
    """Calls in a window of `limit.per` seconds that are made from now on, at most `limit.n`."""


class BatchStarted(_Timed, frozen=True):
    """A batch was entered."""

    journal: str | None
    """Its journal's file, or its URL without user and password; None without one."""
    max_in_flight: int
    """Items under way at once, at most."""


class BatchEnded(_Timed, frozen=True):
    """A batch was left: at its end, or early."""

    submitted: int
    """Tasks created in this run."""
    succeeded: int
    """Clips handed over."""
    failed: int
    """Errors handed over."""
    unknown: int
    """Outcomes handed over whose fate is open."""
    error: str | None = None
    """The cause of its end: a `WanError`'s words, another error's name; None at its end."""


Event: TypeAlias = (
    Called
    | Submitted
    | SubmissionUnknown
    | Adopted
    | Throttled
    | Repeated
    | Polled
    | Woken
    | Finished
    | Downloaded
    | Uploaded
    | LimitLearnt
    | BatchStarted
    | BatchEnded
)
