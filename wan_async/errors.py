"""Everything that can go wrong, as one tree.

```
WanError
├── ConfigurationError          a missing key, a nonsensical limit; also a ValueError
├── InvalidInputError           a field's value, refused before anything is sent; also a ValueError
├── TransportError              no answer: `sent` says whether the request may have reached the provider
│   └── SubmissionUnknownError  a createTask whose fate is open: it may exist and be charged
├── ResponseError               an answer that cannot be read
├── ApiError                    the service's verdict: nothing was created
│   ├── AuthenticationError        401
│   ├── InsufficientCreditsError   402
│   ├── NotFoundError              404, and 422 "recordInfo is null"
│   ├── RejectedError              400, 422, and validation told as 500
│   ├── RateLimitError             429
│   ├── KeyQuotaError              433
│   ├── MaintenanceError           455
│   ├── ServerError                500 and other 5xx
│   └── FeatureDisabledError       505
├── TaskFailedError             the task ended without a clip
├── TaskTimeoutError            `max_wait` is over, the task still runs; also a TimeoutError
├── CallbackError               a callback that is not genuine
├── JournalError                a journal that cannot be used or written
└── BudgetExceededError         `max_credits` would be exceeded by the next submission
```

Every error survives pickling: its data are its `args`, so that it can cross process and queue boundaries.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ._words import one_line, shown

if TYPE_CHECKING:
    from datetime import datetime

    from ._protocol.records import TaskRecord

__all__ = [
    "ApiError",
    "AuthenticationError",
    "BudgetExceededError",
    "CallbackError",
    "ConfigurationError",
    "FeatureDisabledError",
    "InsufficientCreditsError",
    "InvalidInputError",
    "JournalError",
    "KeyQuotaError",
    "MaintenanceError",
    "NotFoundError",
    "RateLimitError",
    "RejectedError",
    "ResponseError",
    "ServerError",
    "SubmissionUnknownError",
    "TaskFailedError",
    "TaskTimeoutError",
    "TransportError",
    "WanError",
]


class WanError(Exception):
    """The root of all errors that this library raises."""


class ConfigurationError(WanError, ValueError):
    """An argument, environment variable or policy that cannot be used."""


class InvalidInputError(WanError, ValueError):
    """An input field was refused before anything was sent.

    Attributes:
        field: the field's name on the wire, such as `"prompt"` or `"image_urls[0]"`.
        given: what was given.
        allowed: what is allowed, in words.
    """

    def __init__(self, field: str, given: Any, allowed: str) -> None:
        super().__init__(field, given, allowed)
        self.field = field
        self.given = given
        self.allowed = allowed

    def __str__(self) -> str:
        return f"{self.field}: {shown(self.given)} is not allowed; allowed: {self.allowed}"

    def __reduce__(self) -> str | tuple[Any, ...]:
        """Pickle `given` as its text where it cannot be pickled, such as an open file."""
        import pickle  # 2 ms that importing wan_async does without

        try:
            pickle.dumps(self.given)
        except (pickle.PicklingError, TypeError, AttributeError, ValueError, RecursionError):
            return type(self), (self.field, shown(self.given), self.allowed)
        return super().__reduce__()


class TransportError(WanError):
    """No whole answer came.

    Attributes:
        message: what happened, in words.
        sent: False if the request certainly did not leave: no connection was made.
    """

    def __init__(self, message: str, sent: bool = True) -> None:
        super().__init__(message, sent)
        self.message = message
        self.sent = sent

    def __str__(self) -> str:
        return one_line(self.message)


class SubmissionUnknownError(TransportError):
    """A createTask was sent and nothing tells whether the task exists; it is not sent again.

    The provider may have created and may charge the task: look at the account's own history before submitting again.

    Attributes:
        message: what happened, in words.
        sent_at: when the request was sent (aware, UTC), or None where that was not kept.
    """

    def __init__(self, message: str, sent_at: datetime | None = None) -> None:
        super().__init__(message, True)
        self.args: tuple[Any, ...] = (message, sent_at)
        self.sent_at = sent_at

    def __str__(self) -> str:
        when = f" (sent {self.sent_at.isoformat(timespec='seconds')})" if self.sent_at else ""
        what = one_line(self.message)
        return f"{what}{when}; the provider may have created the task and may charge it; it was not sent again"


class ResponseError(WanError):
    """An answer that cannot be read.

    Attributes:
        message: what is wrong with it.
        status: the HTTP status.
        body: the first bytes of the body.
    """

    def __init__(self, message: str, status: int = 0, body: bytes = b"") -> None:
        super().__init__(message, status, body[:200])
        self.message = message
        self.status = status
        self.body: bytes = body[:200]

    def __str__(self) -> str:
        return f"{self.message} (HTTP {self.status}, body {self.body!r})"


class ApiError(WanError):
    """The service's verdict on a call: it was refused and nothing was created.

    Attributes:
        code: the envelope's code, or the HTTP status where there was no envelope.
        message: the service's own words.
        status: the HTTP status.
    """

    def __init__(self, code: int, message: str = "", status: int = 200) -> None:
        super().__init__(code, message, status)
        self.code = code
        self.message = message
        self.status = status

    def __str__(self) -> str:
        return f"{self.code}: {one_line(self.message) or 'no message'}"


class AuthenticationError(ApiError):
    """401: the key is missing or wrong."""


class InsufficientCreditsError(ApiError):
    """402, or 500 with "Credits insufficient": the account is out of credits."""


class NotFoundError(ApiError):
    """404, or 422 "recordInfo is null": there is no such thing, or not yet."""


class RejectedError(ApiError):
    """400, 422, or validation told as 500: the call's parameters are not accepted."""


class RateLimitError(ApiError):
    """429: too many calls; nothing was created.

    Attributes:
        retry_after: seconds to wait by the answer's `Retry-After`, or None.
    """

    def __init__(self, code: int, message: str = "", status: int = 429, retry_after: float | None = None) -> None:
        super().__init__(code, message, status)
        self.args: tuple[Any, ...] = (code, message, status, retry_after)
        self.retry_after = retry_after


class KeyQuotaError(ApiError):
    """433: this key's own hourly, daily or total cap is used up."""


class MaintenanceError(ApiError):
    """455: the service is in maintenance; nothing was created."""


class ServerError(ApiError):
    """500 and other 5xx in an envelope."""


class FeatureDisabledError(ApiError):
    """505: this model is switched off."""


class TaskFailedError(WanError):
    """The task ended without a clip.

    Attributes:
        record: the failed task's record.
    """

    def __init__(self, record: TaskRecord) -> None:
        super().__init__(record)
        self.record = record

    def __str__(self) -> str:
        record = self.record
        code = f" [{record.fail_code}]" if record.fail_code else ""
        return one_line(f"task {record.task_id} failed{code}: {record.fail_message or 'no reason was given'}")


class TaskTimeoutError(WanError, TimeoutError):
    """`max_wait` is over; the task still runs and can be waited for again.

    Attributes:
        task_id: the task.
    """

    def __init__(self, task_id: str) -> None:
        super().__init__(task_id)
        self.task_id = task_id

    def __str__(self) -> str:
        return f"task {self.task_id} is not finished yet; it still runs and can be waited for again"


class CallbackError(WanError):
    """A callback that is not genuine or cannot be read; the message says why."""


class JournalError(WanError):
    """A journal that cannot be opened, used or written; the message says why."""


class BudgetExceededError(WanError):
    """The next submission could exceed `max_credits`; nothing more was submitted.

    Attributes:
        max_credits: the budget, in credits.
        committed: what is spent and what the running tasks may cost, in credits.
    """

    def __init__(self, max_credits: float, committed: float) -> None:
        super().__init__(max_credits, committed)
        self.max_credits = max_credits
        self.committed = committed

    def __str__(self) -> str:
        return (
            f"the next submission could exceed max_credits={self.max_credits:.10g} (committed: {self.committed:.10g})"
        )
