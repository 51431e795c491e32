"""What a batch gives back: an outcome for each item, and counts at any time."""

from __future__ import annotations

from pathlib import Path

import msgspec

from .._html import card
from .._protocol import TaskRecord, TaskState
from ..errors import WanError
from ..models import WanInput


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """How one item of a batch ended.

    Attributes:
        index: the item's position in the inputs, from 0.
        key: the item's key: the caller's, or one made of the input's content.
        input: the item's input; None where what was given is no input.
        task_id: the task's id, None if none was created or none is known.
        record: the task's last record, None if there is none.
        error: why there is no clip, or why the clip could not be fetched; else None.
        path: where the clip is, None if it was not fetched: a file, or as text the URL of an object in a store.
        replayed: True if this outcome was delivered by an earlier run on the same journal.
    """

    index: int
    key: str
    input: WanInput | None
    task_id: str | None = None
    record: TaskRecord | None = None
    error: WanError | None = None
    path: Path | str | None = None
    replayed: bool = False

    @property
    def ok(self) -> bool:
        """True if the clip was made, whether or not it could be fetched."""
        return self.record is not None and self.record.state is TaskState.SUCCESS

    def unwrap(self) -> TaskRecord:
        """The record of the finished task.

        Raises:
            WanError: the item's error, if there is no clip.
        """
        if self.record is not None and self.ok:
            return self.record
        raise self.error if self.error is not None else WanError(f"item {self.key!r} has no clip")


class BatchStats(msgspec.Struct, frozen=True, kw_only=True):
    """Counts of one run of a batch, at one moment.

    Attributes:
        pulled: items taken from the inputs.
        submitted: tasks created in this run.
        running: tasks created and not ended yet, resumed ones included.
        succeeded: clips made in this run.
        failed: items ended with an error in this run.
        unknown: submissions whose fate is open.
        throttled: submissions that the service refused with 429, and that were sent again.
        credits: credits consumed by what ended in this run; list prices where the service does not tell.
    """

    pulled: int = 0
    submitted: int = 0
    running: int = 0
    succeeded: int = 0
    failed: int = 0
    unknown: int = 0
    throttled: int = 0
    credits: float = 0.0

    def _repr_html_(self) -> str:
        """In a notebook: the counts as a table."""
        return card(msgspec.structs.asdict(self))
