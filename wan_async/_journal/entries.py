"""A journal's rows as values."""

from __future__ import annotations

import enum
from typing import TypeAlias

import msgspec

from .._docs import documented
from .._protocol import TaskRecord
from ..errors import WanError


class JournalState(enum.StrEnum):
    """The state of an item."""

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


@documented
class JournalEntry(msgspec.Struct, frozen=True, kw_only=True):
    """An item as the journal has it."""

    id: int
    """The row's number, rising in the order in which items were first written."""
    index: int
    """The item's position in the run that first saw it, from 0."""
    key: str
    """The caller's key, or one made of content and occurrence."""
    model: str
    """The model's name on the wire."""
    input: bytes
    """The JSON of the input's wire fields."""
    state: JournalState
    """Its state."""
    task_id: str | None = None
    """The provider's id, once known."""
    sent_at: float | None = None
    """The time when the intent was written, in Unix seconds."""
    accepted_at: float | None = None
    """The time when the task id was written, in Unix seconds."""
    finished_at: float | None = None
    """The time when the outcome was written, in Unix seconds."""
    record: TaskRecord | None = None
    """The task's last record."""
    error: WanError | None = None
    """Why there is no clip, or with DONE why the download failed."""
    path: str | None = None
    """The clip's file or URL, once it was saved."""
    credits: float | None = None
    """Credits that were consumed once that is known, else the list price."""
    reported: bool = False
    """True once a run has reported this outcome; False for what was in the air at a kill."""
    attempt: int = 1
    """Submissions of this key, this one included."""
    seen: bool = False
    """True once the caller's loop took this outcome."""


Entry: TypeAlias = JournalEntry
State: TypeAlias = JournalState
"""Their names in here: there is no other journal that they could be of."""


@documented
class JournalCounts(msgspec.Struct, frozen=True):
    """Numbers of items by state."""

    queued: int = 0
    """To be sent again."""
    sending: int = 0
    """Being sent, or in the air when the run was killed."""
    running: int = 0
    """Accepted, not finished."""
    done: int = 0
    """Finished with a clip."""
    failed: int = 0
    """Finished without one."""
    unknown: int = 0
    """Of open fate."""
    credits: float = 0.0
    """Credits that were or may have been spent, earlier submissions included: consumed where known, else list price."""
