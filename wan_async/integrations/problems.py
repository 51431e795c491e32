"""Errors as answers of a web backend: problems of RFC 9457, `application/problem+json`.

```
InvalidInputError, RejectedError               422   the caller's input: `field`, `allowed`
NotFoundError                                  404
TaskTimeoutError                               504   ask again: `task_id`
TaskFailedError                                502   `task_id`, `fail_code`
TransportError, ResponseError, ServerError     502
RateLimitError, MaintenanceError               503   with Retry-After
all others, such as a client that is closed    503
```

What the caller can do something about is said in the error's own words; of all else only the kind is, in words of ours:
addresses, answers of the provider and settings are the backend's own.
"""

from __future__ import annotations

import math
from http import HTTPStatus
from typing import Any

import msgspec

from ..errors import (
    AuthenticationError,
    FeatureDisabledError,
    InsufficientCreditsError,
    InvalidInputError,
    KeyQuotaError,
    MaintenanceError,
    NotFoundError,
    RateLimitError,
    RejectedError,
    ResponseError,
    ServerError,
    SubmissionUnknownError,
    TaskFailedError,
    TaskTimeoutError,
    TransportError,
    WanError,
)

__all__ = ["Problem", "problem_of"]

LATER = 10.0
"""Seconds after which to ask again where the provider names none: the length of the account's window."""

_UNKNOWN = "the provider may have created the task and may charge it; it was not sent again"
_ACCOUNT = "the provider takes nothing from this service's account now"

_KINDS: tuple[tuple[type[WanError], int, str | None], ...] = (
    (InvalidInputError, 422, None),
    (RejectedError, 422, None),
    (NotFoundError, 404, "there is no such task or file"),
    (TaskTimeoutError, 504, None),
    (TaskFailedError, 502, None),
    (SubmissionUnknownError, 502, _UNKNOWN),
    (TransportError, 502, "the provider could not be reached"),
    (ResponseError, 502, "the provider's answer could not be read"),
    (ServerError, 502, "the provider failed"),
    (RateLimitError, 503, "the provider takes no more calls now"),
    (MaintenanceError, 503, "the provider is in maintenance"),
    (FeatureDisabledError, 503, "the provider has switched this model off"),
    (AuthenticationError, 503, _ACCOUNT),
    (InsufficientCreditsError, 503, _ACCOUNT),
    (KeyQuotaError, 503, _ACCOUNT),
    (WanError, 503, "this service cannot do it now; ask again"),
)
"""Each kind, its status, and what is said instead of the error's own words; the first that fits."""


class Problem(msgspec.Struct, frozen=True):
    """An answer.

    Attributes:
        status: the HTTP status.
        body: `type`, `title`, `status`, `detail`, `error` (the class's name), and what the module's table names.
        headers: `Retry-After`, where it helps.
    """

    status: int
    body: dict[str, Any]
    headers: dict[str, str]


def problem_of(error: WanError) -> Problem:
    """The problem that answers a request which ended with this error."""
    status, words = next((status, words) for kind, status, words in _KINDS if isinstance(error, kind))
    body = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": str(error) if words is None else words,
        "error": type(error).__name__,
    }
    return Problem(status, body | _more(error), _headers(error))


def _more(error: WanError) -> dict[str, Any]:
    match error:
        case InvalidInputError():
            return {"field": error.field, "allowed": error.allowed}
        case TaskTimeoutError():
            return {"task_id": error.task_id}
        case TaskFailedError():
            return {"task_id": error.record.task_id, "fail_code": error.record.fail_code}
        case _:
            return {}


def _headers(error: WanError) -> dict[str, str]:
    match error:
        case RateLimitError():
            return {"Retry-After": str(math.ceil(LATER if error.retry_after is None else error.retry_after))}
        case MaintenanceError():
            return {"Retry-After": str(math.ceil(LATER))}
        case TaskTimeoutError():
            return {"Retry-After": "1"}
        case _:
            return {}
