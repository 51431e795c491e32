"""Reading answers: (status, headers, body) becomes a value or a `WanError`, never anything else.

The rules:

- A readable envelope `{"code": int, "msg" or "message": text, "data": …}` is the service's verdict, whatever the
  HTTP status: errors normally come with HTTP 200 (observed). What the strict reader refuses the lenient one reads: the
  code may be text or a whole float. Where there is none, data that hold what was asked for are an answer.
- Without one, HTTP 401, 403, 404, 407 and 429 are verdicts too; anything else is no verdict, a `ResponseError`: for a
  createTask that leaves its fate open. On recordInfo only 429 is: a page is a gateway's and says nothing of a task.
- A record of another task than was asked for (a cache that ignores the query) is no record.
- 402 also comes as 500 "Credits insufficient" (observed); on createTask 500 is mostly a validation error (observed).
"""

from __future__ import annotations

import math
import re
import sys
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
from .parts import as_object, id_of, ids_of, leniently, task_of
from .records import TaskRecord, ended_by_envelope, from_wire, usual_record
from .waits import believed_wait

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


def _nobody_knows() -> None:
    """The connection stays."""


class Answer(msgspec.Struct, frozen=True):
    """An HTTP answer: its status, the whole body, headers (found case-insensitively or in lower case)."""

    status: int
    body: bytes
    headers: Mapping[str, str] = {}
    received_at: float = 0.0
    """Unix seconds at receipt: what an HTTP-date in `Retry-After` counts from."""
    hang_up: Callable[[], None] = _nobody_knows
    """Ends the connection that it came on, where that is known."""

    def __repr__(self) -> str:
        return f"Answer({self.status}, {len(self.body)} bytes)"  # a page may show the key that it was sent


class _Envelope(msgspec.Struct):
    code: int | None
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
_BARE_VERDICTS = frozenset({401, 403, 404, 407, 429})
_BARE_VERDICT_ON_A_TASK = frozenset({429})
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
_NO_RECORD: tuple[object, ...] = (None, "", [])
"""Data that say the same with code 200."""


def code_of(answer: Answer) -> int | None:
    """The envelope's code, or None where there is none or it cannot be read."""
    envelope = _envelope(answer)
    return None if envelope is None else envelope.code


def read_created(answer: Answer) -> str:
    """Read createTask's answer into the task's id.

    Raises:
        ApiError: the service refused; nothing was created.
        ResponseError: no verdict; the task may exist.
    """
    try:
        created = _decode_created(answer.body)
        if created.code == 200:
            return created.data.taskId  # the usual answer, in a tenth of the time of all others
    except (msgspec.MsgspecError, ValueError, RecursionError):
        pass
    envelope = _envelope(answer)
    if envelope is None and answer.status == 200 and (cut := _id_in(answer.body)) is not None:
        return cut
    data = task_of(_checked(answer, envelope, creating=True)) or {}
    task_id = id_of(data) or id_of(_leniently(answer.body) or {})
    if task_id is None:
        raise _unreadable(answer, "createTask answered 200 without a task id")
    return task_id


def read_record(answer: Answer, task_id: str = "") -> TaskRecord:
    """Read recordInfo's answer; 408 and 501 in the envelope are the task's end, as a failed record.

    Args:
        answer: what came.
        task_id: the task that was asked for; `""`: whichever it is.

    Raises:
        ApiError: the service refused the call; `NotFoundError` for an unknown or seconds-old task.
        ResponseError: an answer that cannot be read, or another task's record.
    """
    record = usual_record(answer.body)
    if record is not None and task_id in (record.task_id, ""):
        return record
    envelope = _envelope(answer)
    if envelope is not None and envelope.code in (408, 501):
        return ended_by_envelope(_own(answer, envelope.data, task_id), envelope.code, _message(envelope))
    data = _record_data(answer, envelope, task_id)
    if data in _NO_RECORD and envelope is not None and envelope.code == 200:
        raise NotFoundError(200, f"there is no record of task {task_id}", answer.status)
    fields = task_of(data)
    if fields is None or (envelope is not None and envelope.code is None and not ids_of(fields)):
        raise _unreadable(answer, "recordInfo answered without a record")
    return from_wire(_own(answer, fields, task_id))


def _own(answer: Answer, data: Any, task_id: str) -> dict[str, Any]:
    """The fields of a record that is the task's, whichever of its names it was asked for by."""
    fields = task_of(data) or {}
    names = ids_of(fields)
    if task_id and names and task_id not in names:
        raise _unreadable(answer, f"recordInfo answered with another task than {task_id}")
    return {**fields, "taskId": task_id} if task_id else fields


def _record_data(answer: Answer, envelope: _Envelope | None, task_id: str) -> Any:
    try:
        return _checked(answer, envelope, _BARE_VERDICT_ON_A_TASK)
    except NotFoundError as error:
        what = f"{error.message} (task {task_id})" if task_id else error.message
        unknown = NotFoundError(error.code, what, error.status)
    raise unknown


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
    """A file at the upload host; the size in bytes and the type where the host says so."""

    url: str
    size: int | None = None
    mime_type: str | None = None


def read_stored(answer: Answer) -> StoredFile:
    """Read an upload's answer."""
    data = _data(answer)
    fields = cast("dict[str, Any]", data) if isinstance(data, dict) else {}
    url, size, mime_type = fields.get("downloadUrl"), fields.get("fileSize"), fields.get("mimeType")
    if not isinstance(url, str) or not url:
        raise _unreadable(answer, "the upload answered 200 without a downloadUrl")
    known_size = size if isinstance(size, int) and not isinstance(size, bool) else None
    return StoredFile(url, known_size, mime_type if isinstance(mime_type, str) else None)


def _data(answer: Answer) -> Any:
    return _checked(answer, _envelope(answer))


def _envelope(answer: Answer) -> _Envelope | None:
    try:
        return _decode(answer.body)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        pass
    fields = _leniently(answer.body)
    return None if fields is None else _lenient_envelope(fields)


def _leniently(body: bytes) -> dict[str, Any] | None:
    value = leniently(body)
    return as_object(value) if isinstance(value, (dict, list)) else None


def _id_in(body: bytes) -> str | None:
    from . import lenient  # when it is needed, as in `parts`

    return lenient.id_in(body)


def _lenient_envelope(fields: dict[str, Any]) -> _Envelope | None:
    """An envelope whose code may be text or missing, where there are data or the task itself."""
    code = _code(fields.get("code"))
    data = fields.get("data")
    if data is None and id_of(fields) is not None:
        data = fields
    if code is None and data is None:
        return None
    return _Envelope(code, fields.get("msg"), fields.get("message"), data)


def _code(value: Any) -> int | None:
    if type(value) is int:
        return value
    try:
        number = float(value) if isinstance(value, (str, float)) else math.nan
    except ValueError:
        return None
    return int(number) if number.is_integer() else None


def _checked(
    answer: Answer, envelope: _Envelope | None, bare: frozenset[int] = _BARE_VERDICTS, *, creating: bool = False
) -> Any:
    """The envelope's data unless its code, or the status where there is none, is a verdict: that is raised."""
    code = None if envelope is None else envelope.code
    if envelope is not None and code is not None and code != 200:
        raise _verdict(answer, code, _message(envelope), creating=creating)
    if code is None and answer.status in bare:
        text = answer.body[:200].decode("utf-8", "replace").strip()
        raise _verdict(answer, answer.status, text, creating=creating)
    if envelope is None:
        raise _unreadable(answer, "an answer without an envelope")
    return envelope.data


def _message(envelope: _Envelope) -> str:
    words = envelope.msg if envelope.msg is not None else envelope.message
    text = words if isinstance(words, str) else "" if words is None else str(words)
    return text[:_MESSAGE]


def _verdict(answer: Answer, code: int, message: str, *, creating: bool) -> ApiError:
    if code == 429:
        return RateLimitError(code, message, answer.status, believed_wait(answer.headers, answer.received_at))
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
