"""How answers read: (status, headers, body) becomes a value or a `WanError`, never anything else.

The rules:

- A readable envelope `{"code": int, "msg" or "message": text, "data": …}` is the service's verdict, whatever the
  HTTP status: errors normally come with HTTP 200 (seen).
- Without one, HTTP 401, 403, 404 and 429 are verdicts too; anything else is no verdict, a `ResponseError`: for a
  createTask that leaves its fate open.
- 402 also comes as 500 "Credits insufficient" (seen); on createTask 500 is very often a validation error (seen).
"""

from __future__ import annotations

import math
import re
import sys
from datetime import UTC
from typing import TYPE_CHECKING, Annotated, Any, cast

import msgspec

from ..errors import (
    ApiError,
    AuthenticationError,
    FeatureDisabledError,
    InsufficientCreditsError,
    KeyQuotaError,
    MaintenanceError,
    NotFoundError,
    RateLimitError,
    RejectedError,
    ResponseError,
    ServerError,
)
from .records import TaskRecord, ended_by_envelope, from_wire, usual_record

if TYPE_CHECKING:
    from collections.abc import Mapping


class Answer(msgspec.Struct, frozen=True):
    """What came back: the HTTP status, the whole body, headers (looked up case-insensitively or in lower case)."""

    status: int
    body: bytes
    headers: Mapping[str, str] = {}
    received_at: float = 0.0
    """Unix seconds at receipt: what an HTTP-date in `Retry-After` counts from."""


class _Envelope(msgspec.Struct):
    code: int
    msg: Any = None
    message: Any = None
    data: Any = None


class _TaskId(msgspec.Struct):
    taskId: Annotated[str, msgspec.Meta(min_length=1)]


class _Created(msgspec.Struct):
    code: int
    data: _TaskId


_decode = msgspec.json.Decoder(_Envelope).decode
_decode_created = msgspec.json.Decoder(_Created).decode

_BY_CODE: dict[int, type[ApiError]] = {
    400: RejectedError,
    401: AuthenticationError,
    402: InsufficientCreditsError,
    404: NotFoundError,
    422: RejectedError,
    433: KeyQuotaError,
    455: MaintenanceError,
    505: FeatureDisabledError,
}
_BARE_VERDICTS = frozenset({401, 403, 404, 429})
_MESSAGE = 1000
"""Characters of the service's words that are kept: the patterns below are not run over a whole 1 MiB answer.

They are compiled by the first refusal that needs them.
"""
_NO_CREDITS = r"(?is)credits?\b.*\binsufficient|insufficient\b.*\bcredit"
_VALIDATION = (
    r"(?i)required|invalid|illegal|not (?:within|in|a|an|supported|allowed|valid)\b|must\b|should be|cannot be|can't be"
    r"|exceed|too (?:long|short|large|small|many)|out of range|at (?:least|most)|unsupported|missing|incorrect"
    r"|(?<!went )wrong"
)
_NULL_RECORD = r"(?i)recordInfo is null"


def read_created(answer: Answer) -> str:
    """Read createTask's answer into the task's id.

    Raises:
        ApiError: the service refused; nothing was created.
        ResponseError: no verdict; the task may exist.
    """
    try:
        created = _decode_created(answer.body)
        if created.code == 200:
            return created.data.taskId  # the usual answer, 0.5 µs less than the way of all
    except (msgspec.MsgspecError, ValueError, RecursionError):
        pass
    data = _data(answer, creating=True)
    task_id = cast("dict[str, Any]", data).get("taskId") if isinstance(data, dict) else None
    if isinstance(task_id, int) and not isinstance(task_id, bool):
        task_id = str(task_id)
    if not isinstance(task_id, str) or not task_id:
        raise _unreadable(answer, "createTask answered 200 without a task id")
    return task_id


def read_record(answer: Answer, task_id: str = "") -> TaskRecord:
    """Read recordInfo's answer; 408 and 501 in the envelope are the task's end, as a failed record.

    Raises:
        ApiError: the service refused the call; `NotFoundError` for an unknown or seconds-old task.
        ResponseError: an answer that cannot be read.
    """
    record = usual_record(answer.body)
    if record is not None:
        return record
    envelope = _envelope(answer)
    if envelope is not None and envelope.code in (408, 501):
        return ended_by_envelope(task_id, envelope.code, _message(envelope), envelope.data)
    data = _checked(answer, envelope, creating=False)
    if not isinstance(data, dict):
        raise _unreadable(answer, "recordInfo answered 200 without a record")
    return from_wire(cast("dict[str, Any]", data), task_id)


def read_credits(answer: Answer) -> float:
    """Read the account's credits, a fractional number."""
    data = _data(answer)
    if isinstance(data, bool) or not isinstance(data, (int, float)) or abs(data) > sys.float_info.max:
        raise _unreadable(answer, "the credit call answered 200 without a number")
    return float(data)


def read_link(answer: Answer) -> str:
    """Read a fresh download link."""
    data = _data(answer)
    if not isinstance(data, str) or not data:
        raise _unreadable(answer, "the download-url call answered 200 without a link")
    return data


class StoredFile(msgspec.Struct, frozen=True):
    """A file at the upload host; the size in bytes and the type where it tells them."""

    url: str
    size: int | None = None
    mime_type: str | None = None


def read_stored(answer: Answer) -> StoredFile:
    """Read an upload's answer."""
    data = _data(answer)
    told = cast("dict[str, Any]", data) if isinstance(data, dict) else {}
    url, size, mime_type = told.get("downloadUrl"), told.get("fileSize"), told.get("mimeType")
    if not isinstance(url, str) or not url:
        raise _unreadable(answer, "the upload answered 200 without a downloadUrl")
    known_size = size if isinstance(size, int) and not isinstance(size, bool) else None
    return StoredFile(url, known_size, mime_type if isinstance(mime_type, str) else None)


def _data(answer: Answer, *, creating: bool = False) -> Any:
    return _checked(answer, _envelope(answer), creating=creating)


def _envelope(answer: Answer) -> _Envelope | None:
    try:
        return _decode(answer.body)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None


def _checked(answer: Answer, envelope: _Envelope | None, *, creating: bool) -> Any:
    """The envelope's data if its code is 200, else the verdict as an error."""
    if envelope is not None:
        if envelope.code == 200:
            return envelope.data
        raise _verdict(answer, envelope.code, _message(envelope), creating=creating)
    if answer.status in _BARE_VERDICTS:
        text = answer.body[:200].decode("utf-8", "replace").strip()
        raise _verdict(answer, answer.status, text, creating=creating)
    raise _unreadable(answer, "an answer without an envelope")


def _message(envelope: _Envelope) -> str:
    words = envelope.msg if envelope.msg is not None else envelope.message
    text = words if isinstance(words, str) else "" if words is None else str(words)
    return text[:_MESSAGE]


def _verdict(answer: Answer, code: int, message: str, *, creating: bool) -> ApiError:
    if code == 429:
        return RateLimitError(code, message, answer.status, _retry_after(answer))
    if code == 422 and re.search(_NULL_RECORD, message):
        return NotFoundError(code, message, answer.status)
    kind = _BY_CODE.get(code)
    if kind is None:
        kind = ServerError if 500 <= code < 600 else ApiError
    if code == 500 and re.search(_NO_CREDITS, message):
        kind = InsufficientCreditsError
    elif code == 500 and creating and re.search(_VALIDATION, message):
        kind = RejectedError
    return kind(code, message, answer.status)


def _unreadable(answer: Answer, message: str) -> ResponseError:
    return ResponseError(message, answer.status, answer.body)


def _retry_after(answer: Answer) -> float | None:
    """Seconds by `Retry-After`, which is a number or an HTTP-date (RFC 9110, 10.2.3); None if absent or unreadable."""
    value = answer.headers.get("retry-after") or answer.headers.get("Retry-After")
    if value is None:
        return None
    try:
        seconds = float(value)
    except ValueError:
        from email.utils import parsedate_to_datetime  # 4 ms of 88 that importing wan_async takes

        try:
            when = parsedate_to_datetime(value)
            seconds = when.replace(tzinfo=when.tzinfo or UTC).timestamp() - answer.received_at
        except (ValueError, TypeError, OverflowError):
            return None
    return max(0.0, seconds) if math.isfinite(seconds) else None
