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
│   ├── RejectedError              400, 422, and validation sent as 500
│   ├── RateLimitError             429
│   ├── KeyQuotaError              433
│   ├── MaintenanceError           455
│   ├── ServerError                500 and other 5xx
│   └── FeatureDisabledError       505
├── TaskFailedError             the task ended without a clip
├── TaskTimeoutError            `max_wait` is over, the task still runs; also a TimeoutError
├── ClientClosedError           the client was closed while something was waited for
├── CallbackError               a callback that is not genuine
├── JournalError                a journal that cannot be used or written
└── BudgetExceededError         `max_credits` would be exceeded by the next submission
```

Every error survives pickling: its data are its `args`, so that it can cross process and queue boundaries.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

from ._docs import documenting
from ._words import encodable, is_picklable, one_line, shown

if TYPE_CHECKING:
    from datetime import datetime

    from ._protocol.records import TaskRecord  # upwards, for the type alone of what a `TaskFailedError` brings

__all__ = [
    "ApiError",
    "AuthenticationError",
    "BudgetExceededError",
    "CallbackError",
    "ClientClosedError",
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


@encodable
@documenting
class WanError(Exception):
    """The root of all errors that this library raises; msgspec writes them as their type and words."""


class ConfigurationError(WanError, ValueError):
    """An argument, environment variable or policy that cannot be used."""


class InvalidInputError(WanError, ValueError):
    """An input field was refused before anything was sent."""

    _NEED = "a value: "
    field: str
    """The field's name on the wire, such as `"prompt"` or `"image_urls[0]"`."""
    given: Any
    """The value that was given."""
    allowed: str
    """The values that are allowed, in words."""

    def __init__(self, field: str, given: Any, allowed: str) -> None:
        super().__init__(field, given, allowed)
        self.field, self.given, self.allowed = field, given, allowed

    @classmethod
    def missing(cls, field: str, *others: str) -> Self:
        """The error of a field that was left out, or of several of which one must be given; `given` is None."""
        return cls(field, None, f"{cls._NEED}{' or '.join((field, *others)) if others else 'this field'} is required")

    def __str__(self) -> str:
        if self.given is None and self.allowed.startswith(self._NEED):
            return f"{self.field}: missing; {self.allowed.removeprefix(self._NEED)}"
        return f"{self.field}: {shown(self.given)} is not allowed; allowed: {self.allowed}"

    def __reduce__(self) -> str | tuple[Any, ...]:
        """Pickle `given` as its text where it cannot be pickled, such as an open file."""
        as_text = type(self), (self.field, shown(self.given), self.allowed)
        return super().__reduce__() if is_picklable(self.given) else as_text


class TransportError(WanError):
    """No whole answer came."""

    message: str
    """The cause, in words."""
    sent: bool
    """False if the request certainly did not leave."""

    def __init__(self, message: str, sent: bool = True) -> None:
        super().__init__(message, sent)
        self.message, self.sent = message, sent

    def __str__(self) -> str:
        return one_line(self.message)


class SubmissionUnknownError(TransportError):
    """A createTask was sent and nothing shows whether the task exists; it is not sent again.

    The provider may have created and may charge the task: check the account's own history before submitting again.
    """

    sent_at: datetime | None
    """The time when the request was sent (aware, UTC), or None where that was not kept."""
    answer: str
    """The first kilobyte of what came instead of an answer, `""` if nothing did."""

    def __init__(self, message: str, sent_at: datetime | None = None, answer: str = "") -> None:
        super().__init__(message, True)
        self.args: tuple[Any, ...] = (message, sent_at, answer) if answer else (message, sent_at)
        self.sent_at, self.answer = sent_at, answer

    def __str__(self) -> str:
        when = f" (sent {self.sent_at.isoformat(timespec='seconds')})" if self.sent_at else ""
        what = one_line(self.message)
        return f"{what}{when}; the provider may have created the task and may charge it; it was not sent again"


class ResponseError(WanError):
    """An answer that cannot be read."""

    message: str
    """The fault in it."""
    status: int
    """The HTTP status."""
    body: bytes
    """The first kilobyte of the body."""

    def __init__(self, message: str, status: int = 0, body: bytes = b"") -> None:
        super().__init__(message, status, body[:1024])
        self.message, self.status, self.body = message, status, body[:1024]

    @property
    def answer(self) -> str:
        """The first kilobyte of the body as text."""
        return self.body.decode("utf-8", "replace")

    def __str__(self) -> str:
        where = f" (HTTP {self.status}, body {self.body[:200]!r})" if self.status or self.body else ""
        return f"{self.message}{where}"


class ApiError(WanError):
    """The service's verdict on a call: it was refused and nothing was created."""

    code: int
    """The envelope's code, or the HTTP status where there was no envelope."""
    message: str
    """The service's own words."""
    status: int
    """The HTTP status."""

    def __init__(self, code: int, message: str = "", status: int = 200) -> None:
        super().__init__(code, message, status)
        self.code, self.message, self.status = code, message, status

    def __str__(self) -> str:
        return f"{self.code}: {one_line(self.message) or 'no message'}"


class AuthenticationError(ApiError):
    """401: the key is missing or wrong."""

    refused: str
    """The key and who refused it, in words; `""` where that is not known."""

    def __init__(self, code: int, message: str = "", status: int = 200, refused: str = "") -> None:
        super().__init__(code, message, status)
        self.args: tuple[Any, ...] = (code, message, status, refused) if refused else self.args
        self.refused = refused

    def __str__(self) -> str:
        return f"{super().__str__()} ({self.refused})" if self.refused else super().__str__()


class InsufficientCreditsError(ApiError):
    """402, or 500 with "Credits insufficient": the account is out of credits."""


class NotFoundError(ApiError):
    """404, or 422 "recordInfo is null": there is no such thing, or not yet."""


class RejectedError(ApiError):
    """400, 422, or validation sent as 500: the call's parameters are not accepted."""


class RateLimitError(ApiError):
    """429: too many calls; nothing was created."""

    retry_after: float | None
    """Seconds to wait by the answer's `Retry-After`, or None."""

    def __init__(self, code: int, message: str = "", status: int = 429, retry_after: float | None = None) -> None:
        super().__init__(code, message, status)
        self.args: tuple[Any, ...] = (code, message, status, retry_after)
        self.retry_after = retry_after


class KeyQuotaError(ApiError):
    """433: this key's own hourly, daily or total quota is used up."""


class MaintenanceError(ApiError):
    """455: the service is in maintenance; nothing was created."""


class ServerError(ApiError):
    """500 and other 5xx in an envelope."""


class FeatureDisabledError(ApiError):
    """505: this model is switched off."""


class TaskFailedError(WanError):
    """The task ended without a clip."""

    record: TaskRecord
    """The failed task's record."""

    def __init__(self, record: TaskRecord) -> None:
        super().__init__(record)
        self.record = record

    def __str__(self) -> str:
        record = self.record
        code = f" [{record.fail_code}]" if record.fail_code else ""
        return one_line(f"task {record.task_id} failed{code}: {record.fail_message or 'no reason was given'}")


class TaskTimeoutError(WanError, TimeoutError):
    """`max_wait` is over; the task still runs and can be waited for again."""

    task_id: str
    """The task."""

    def __init__(self, task_id: str) -> None:
        super().__init__(task_id)
        self.task_id = task_id

    def __str__(self) -> str:
        return f"task {self.task_id} is not finished yet; it still runs and can be waited for again"


class ClientClosedError(WanError):
    """The client was closed meanwhile; a task that was waited for still runs and can be waited for again."""


class CallbackError(WanError):
    """A callback that is not genuine or cannot be read; the message says why."""


class JournalError(WanError):
    """A journal that cannot be opened, used or written; the message says why."""


class BudgetExceededError(WanError):
    """The next submission could exceed `max_credits`; nothing more was submitted."""

    max_credits: float
    """The budget, in credits."""
    committed: float
    """Credits that are spent or that the running tasks may cost."""

    def __init__(self, max_credits: float, committed: float) -> None:
        super().__init__(max_credits, committed)
        self.max_credits, self.committed = max_credits, committed

    def __str__(self) -> str:
        return "the next submission could exceed max_credits={:.10g} (committed: {:.10g})".format(*self.args)
