"""The errors of a createTask in place of whose answer stands something else: its fate is open."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from ..errors import ResponseError, SubmissionUnknownError, WanError
from .answers import read_created
from .secrets import without

if TYPE_CHECKING:
    from ..errors import TransportError
    from .answers import Answer

IN_THE_AIR = "createTask was sent at {} and then cancelled: the provider may have created the task and may charge it"


def keep(error: TransportError, came: Answer) -> None:
    """Have the error bring what came of an answer before it broke off."""
    vars(error)["came"] = came


def task_in(error: TransportError) -> str | None:
    """The id of the task, where so much of the answer came; half an answer is no other verdict."""
    came: Answer | None = vars(error).get("came")
    try:
        return None if came is None else read_created(came)
    except WanError:
        return None


def unknown(error: TransportError | ResponseError, sent_at: float, key: str) -> SubmissionUnknownError:
    """The error of a submission of unknown fate, by what came instead of its answer; it does not hold the key."""
    answer = error.answer if isinstance(error, ResponseError) else ""
    came: Answer | None = vars(error).pop("came", None)
    if came is not None:
        answer = without(key, came.body)[:1024].decode("utf-8", "replace")
    return SubmissionUnknownError(f"createTask was sent, but {error}", utc(sent_at), answer)


def anothers(task_id: str, sent_at: float) -> SubmissionUnknownError:
    """The error of a submission whose answer names the task of another one."""
    return SubmissionUnknownError(
        f"createTask answered with task {task_id}, which another submission has", utc(sent_at)
    )


def utc(seconds: float) -> datetime:
    """The time of Unix seconds."""
    return datetime.fromtimestamp(seconds, UTC)
