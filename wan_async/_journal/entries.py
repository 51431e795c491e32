"""A journal's rows as values."""

from __future__ import annotations

import enum
import os
from typing import TYPE_CHECKING, Any

import msgspec

from .._protocol import TaskRecord
from ..errors import JournalError, WanError
from .errors_json import error_from_json

if TYPE_CHECKING:
    from collections.abc import Callable


class State(enum.StrEnum):
    """Where an item stands."""

    QUEUED = "queued"
    """To be sent (again): asked to be, or pulled and taken back before anything was created."""
    SENDING = "sending"
    """The intent is on disk, the request may be in the air."""
    RUNNING = "running"
    """Accepted: the task id is known."""
    DONE = "done"
    """A clip was made."""
    FAILED = "failed"
    """The item's error is final."""
    UNKNOWN = "unknown"
    """Whether the task exists is open; it may be charged."""


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """An item as the journal has it.

    Attributes:
        id: the row's number, rising in the order in which items were first written.
        index: the item's position in the run that first saw it, from 0.
        key: the caller's key, or one made of content and occurrence.
        model: the model's name on the wire.
        input: the JSON of the input's wire fields.
        state: where the item stands.
        token: what the submission's callback URL carries.
        task_id: the provider's id, once known.
        sent_at: when the intent was written, in Unix seconds.
        accepted_at: when the task id was written, in Unix seconds.
        finished_at: when the outcome was written, in Unix seconds.
        record: the task's last record.
        error: why there is no clip, or with DONE why the download failed.
        path: where the clip was saved.
        credits: what was consumed once that is known, else the list price.
        reported: True once a run has had this outcome to tell; False for what was in the air at a kill.
    """

    id: int
    index: int
    key: str
    model: str
    input: bytes
    state: State
    token: str | None = None
    task_id: str | None = None
    sent_at: float | None = None
    accepted_at: float | None = None
    finished_at: float | None = None
    record: TaskRecord | None = None
    error: WanError | None = None
    path: str | None = None
    credits: float | None = None
    reported: bool = False


class Known(msgspec.Struct, frozen=True):
    """Whether the journal has an item that was pulled.

    Attributes:
        key: the item's key; made by the journal where none was given.
        there: True if it has a row.
        same_input: False if the row has another model or input than the item.
    """

    key: str
    there: bool
    same_input: bool


class JournalCounts(msgspec.Struct, frozen=True):
    """How many items stand where.

    Attributes:
        queued: to be sent again.
        sending: being sent, or in the air when the run was killed.
        running: accepted, not finished.
        done: finished with a clip.
        failed: finished without one.
        unknown: of open fate.
        credits: what was or may have been spent, earlier submissions included: consumed where known, else list price.
    """

    queued: int = 0
    sending: int = 0
    running: int = 0
    done: int = 0
    failed: int = 0
    unknown: int = 0
    credits: float = 0.0


COLUMNS = (
    "id, position, key, model, input, state, token, task_id, sent_at, accepted_at, finished_at, "
    "record, error, path, credits, reported"
)

_STATES: dict[str, State] = {state.value: state for state in State}
_read_record: Callable[[str], TaskRecord] = msgspec.json.Decoder(TaskRecord).decode


def entry_of(row: tuple[Any, ...]) -> Entry:
    """Read a row of `COLUMNS`; JournalError if somebody else wrote into it what cannot be read."""
    try:
        record = None if row[11] is None else _read_record(row[11])
        return Entry(
            id=row[0],
            index=row[1],
            key=row[2],
            model=row[3],
            input=row[4].encode(),
            state=_STATES[row[5]],
            token=row[6],
            task_id=row[7],
            sent_at=row[8],
            accepted_at=row[9],
            finished_at=row[10],
            record=record,
            error=None if row[12] is None else error_from_json(row[12], record),
            path=path_from_column(row[13]),
            credits=row[14],
            reported=bool(row[15]),
        )
    except (msgspec.MsgspecError, ValueError, AttributeError, KeyError) as fault:
        raise JournalError(f"row {row[0]} of the journal cannot be read: {fault}") from fault


def path_to_column(path: str) -> str | bytes:
    """Text, and the bytes of a file name that is not UTF-8."""
    try:
        path.encode()
    except UnicodeEncodeError:
        return os.fsencode(path)
    return path


def path_from_column(value: str | bytes | None) -> str | None:
    """The path that `path_to_column` was given."""
    return os.fsdecode(value) if isinstance(value, bytes) else value
