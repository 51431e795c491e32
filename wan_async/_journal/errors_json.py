"""Errors as JSON text and back: `{"type", "args", "message"}`, the message for whoever reads the file by eye.

An error's data are its `args` (see `wan_async.errors`), so type and `args` make it again. A failed task's record is
not repeated: it stands in a column of its own.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec

from .. import errors
from .._protocol import TaskRecord
from ..errors import ResponseError, SubmissionUnknownError, TaskFailedError, WanError

if TYPE_CHECKING:
    from collections.abc import Callable


class _ErrorText(msgspec.Struct):
    type: str
    args: list[Any]
    message: str


class _Unknown(msgspec.Struct, array_like=True):
    message: str
    sent_at: datetime | None = None
    answer: str = ""


# What JSON cannot tell apart from text.
_ARGS: dict[type[WanError], Any] = {
    SubmissionUnknownError: _Unknown,
    ResponseError: tuple[str, int, bytes],
    TaskFailedError: tuple[TaskRecord],
}
_TYPES: dict[str, type[WanError]] = {name: getattr(errors, name) for name in errors.__all__}
_read: Callable[[str], _ErrorText] = msgspec.json.Decoder(_ErrorText).decode


def error_to_json(error: WanError) -> str:
    """Write an error; what JSON cannot hold of its `args` is written as its `repr`."""
    kind = _known_type(error)
    args: list[Any] = [] if kind is TaskFailedError else [_plain(arg) for arg in error.args]
    return msgspec.json.encode(_ErrorText(kind.__name__, args, utf8(str(error)))).decode()


def error_from_json(text: str, record: TaskRecord | None) -> WanError:
    """Make the error again; ValueError or msgspec's error for what `error_to_json` did not write."""
    kept = _read(text)
    kind = _TYPES.get(kept.type, WanError)
    if kind is TaskFailedError and record is not None:
        return TaskFailedError(record)
    try:
        args = msgspec.convert(kept.args, _ARGS[kind]) if kind in _ARGS else kept.args
        return kind(*(msgspec.structs.astuple(args) if isinstance(args, msgspec.Struct) else args))
    except (TypeError, msgspec.ValidationError):
        return WanError(kept.message)


def _known_type(error: WanError) -> type[WanError]:
    """The error's type, or for a subclass from elsewhere the nearest type of ours."""
    return next(kind for kind in type(error).__mro__ if _TYPES.get(kind.__name__) is kind)


def _plain(value: Any) -> Any:
    if isinstance(value, str):
        return utf8(value)
    try:
        msgspec.json.encode(value)
    except (TypeError, ValueError, OverflowError, RecursionError):
        return utf8(repr(value))
    return value


def utf8(text: str) -> str:
    """The text with what UTF-8 cannot hold (parts of file names) spelled out."""
    return text if text.isascii() else text.encode(errors="backslashreplace").decode()
