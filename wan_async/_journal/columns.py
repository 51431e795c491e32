"""Between a journal's columns and values, the same for each kind of store."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Annotated, Any, TypeAlias, cast

import msgspec

from .._protocol import TaskRecord, TaskState
from ..errors import JournalError, SubmissionUnknownError, TaskFailedError
from .entries import Entry, State
from .errors_json import error_from_json, error_to_json, utf8
from .store import Ending

COLUMNS = (
    "id, position, key, model, input, state, task_id, sent_at, accepted_at, finished_at, "
    "record, error, path, credits, reported, attempt, seen"
)

COPIED = (
    *("position", "key", "model", "input", "state", "token", "task_id", "sent_at", "accepted_at", "finished_at"),
    *("record", "error", "path", "credits", "reported", "attempt", "seen"),
)
"""An item's columns that stand in each kind of journal; times are Unix seconds."""
PAST = (
    *("state", "token", "task_id", "sent_at", "accepted_at", "finished_at", "record", "error", "path", "credits"),
    "attempt",
)
"""Those of a submission that was given up."""

_to_json = msgspec.json.Encoder().encode
_read_record: Callable[[str], TaskRecord] = msgspec.json.Decoder(TaskRecord).decode
_read_fields: Callable[[str], object] = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode

_Time: TypeAlias = Annotated[float, msgspec.Meta(ge=-62135596800, le=253402300799)]
"""Unix seconds of the years 1 to 9999, which a datetime knows."""


class _Row(msgspec.Struct, array_like=True):
    """A row of `COLUMNS`, as far as it can be read at all."""

    id: int
    position: int
    key: str
    model: str
    input: str
    state: State
    task_id: str | None
    sent_at: _Time | None
    accepted_at: _Time | None
    finished_at: _Time | None
    record: str | None
    error: str | None
    path: Any
    credits: float | None
    reported: int
    attempt: int
    seen: int


def entry_of(row: Sequence[Any]) -> Entry:
    """Read a row of `COLUMNS`; JournalError, naming the row, if somebody else wrote into it what cannot be read."""
    try:
        read = msgspec.convert(row, _Row)
        _read_fields(read.input)
        record = None if read.record is None else _read_record(read.record)
        return Entry(
            id=read.id,
            index=read.position,
            key=read.key,
            model=read.model,
            input=read.input.encode(),
            state=read.state,
            task_id=read.task_id,
            sent_at=read.sent_at,
            accepted_at=read.accepted_at,
            finished_at=read.finished_at,
            record=record,
            error=None if read.error is None else error_from_json(read.error, record),
            path=path_from_column(read.path),
            credits=read.credits,
            reported=bool(read.reported),
            attempt=read.attempt,
            seen=bool(read.seen),
        )
    except (msgspec.MsgspecError, ValueError, TypeError, RecursionError) as fault:
        raise JournalError(f"row {row[0]!r} of the journal, key {row[2]!r}, cannot be read: {fault}") from fault


def ending_columns(ending: Ending) -> dict[str, Any]:
    """The columns of an outcome: key, attempt, state, record, error, path, and the credits `consumed`, where known."""
    record, error = ending.record, ending.error
    if record is None and isinstance(error, TaskFailedError):
        record = error.record
    if error is None or (record is not None and record.state is TaskState.SUCCESS):
        state = State.DONE
    else:
        state = State.UNKNOWN if isinstance(error, SubmissionUnknownError) else State.FAILED
    return {
        "key": plain(ending.key),
        "attempt": ending.attempt,
        "state": state.value,
        "record": None if record is None else _record_to_json(record),
        "error": None if error is None else error_to_json(error),
        "path": None if ending.path is None else path_to_column(ending.path),
        "consumed": None if record is None else record.credits,
    }


def _record_to_json(record: TaskRecord) -> str:
    """The record, without the parts that JSON cannot hold: what nests too deep, halves of characters."""
    try:
        return _to_json(record).decode()
    except (RecursionError, ValueError, TypeError):
        parts = {name: _writable(value) for name, value in msgspec.structs.asdict(record).items()}
        return _to_json(parts).decode()


def _writable(value: Any) -> Any:
    if isinstance(value, str):
        return utf8(value)
    if isinstance(value, tuple):
        return [_writable(one) for one in cast("tuple[Any, ...]", value)]
    try:
        _to_json(value)
    except (RecursionError, ValueError, TypeError):
        return None
    return value


def plain(text: str) -> str:
    """The same text as exactly `str`: other libraries' texts (numpy's, markupsafe's) are subclasses of it."""
    return text if type(text) is str else str.__str__(text)


def path_to_column(path: str) -> str | bytes:
    """Text, and the bytes of a file name that is not UTF-8."""
    try:
        path.encode()
    except UnicodeEncodeError:
        return os.fsencode(path)
    return plain(path)


def path_from_column(value: object) -> str | None:
    """The path that `path_to_column` was given."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bytes):
        return os.fsdecode(value)
    raise TypeError(f"a path cannot be {type(value).__name__}")
