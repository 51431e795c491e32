"""The errors of a createTask in place of whose answer stands something else: its fate is open."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from ..errors import ResponseError, SubmissionUnknownError

if TYPE_CHECKING:
    from ..errors import TransportError

IN_THE_AIR = "createTask was sent at {} and then cancelled: the provider may have created the task and may charge it"


def unknown(error: TransportError | ResponseError, sent_at: float) -> SubmissionUnknownError:
    """The error of a submission of unknown fate, by what came instead of its answer."""
    answer = error.answer if isinstance(error, ResponseError) else ""
    return SubmissionUnknownError(f"createTask was sent, but {error}", utc(sent_at), answer)


def anothers(task_id: str, sent_at: float) -> SubmissionUnknownError:
    """The error of a submission whose answer names the task of another one."""
    return SubmissionUnknownError(
        f"createTask answered with task {task_id}, which another submission has", utc(sent_at)
    )


def utc(seconds: float) -> datetime:
    """The time of Unix seconds."""
    return datetime.fromtimestamp(seconds, UTC)
