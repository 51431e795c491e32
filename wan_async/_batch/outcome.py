"""Results of a batch: an outcome for each item, and counts at any time."""

from __future__ import annotations

from pathlib import Path

import msgspec

from .._docs import documented
from .._html import card
from .._protocol import TaskRecord, TaskState
from ..errors import SubmissionUnknownError, WanError
from ..models import WanInput
from .kept import given_back, keep_encodable


@given_back
@documented
class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """The end of one item of a batch; msgspec encodes it whole."""

    index: int
    """The item's position in the inputs, from 0."""
    key: str
    """The item's key: the caller's, or one made of the input's content."""
    input: WanInput | None
    """The item's input; None where what was given is no input."""
    task_id: str | None = None
    """The task's id, None if none was created or none is known."""
    record: TaskRecord | None = None
    """The task's last record, None if there is none."""
    error: WanError | None = None
    """Why there is no clip, or why the clip could not be fetched; else None."""
    path: Path | str | None = None
    """The clip's file, or as text the URL of an object in a store; None if it was not fetched."""
    replayed: bool = False
    """True if this outcome was delivered by an earlier run on the same journal."""

    def __post_init__(self) -> None:
        keep_encodable(self)

    @property
    def ok(self) -> bool:
        """True if the clip was made, whether or not it could be fetched."""
        return self.record is not None and self.record.state is TaskState.SUCCESS

    @property
    def unknown(self) -> bool:
        """True if a task may have been created of which nothing is known."""
        return isinstance(self.error, SubmissionUnknownError)

    def unwrap(self) -> TaskRecord:
        """The record of the finished task.

        Raises:
            WanError: the item's error, if there is no clip.
        """
        if self.record is not None and self.ok:
            return self.record
        raise self.error if self.error is not None else WanError(f"item {self.key!r} has no clip")


@documented
class BatchStats(msgspec.Struct, frozen=True, kw_only=True):
    """Counts of one run of a batch, at one moment.

    Each item that was handed over counts in one of `succeeded`, `failed`, `unknown` and `replayed`.
    """

    pulled: int = 0
    """Items taken from the inputs."""
    submitted: int = 0
    """Tasks created in this run."""
    running: int = 0
    """Tasks created whose end is not known yet, those of earlier runs included."""
    succeeded: int = 0
    """Clips made that this run is the first to hand over."""
    failed: int = 0
    """Items ended with an error, first in this run; those included of which nothing was sent."""
    unknown: int = 0
    """Submissions whose fate is open, first reported in this run."""
    throttled: int = 0
    """Submissions that the service refused with 429, and that were sent again."""
    credits: float = 0.0
    """Credits that were or may be charged for what this run submitted: a task's list price until its end is known, then
    what the service says was consumed. A failed task of which it says nothing costs nothing."""
    replayed: int = 0
    """Outcomes of earlier runs that this run handed over again."""
    fetching: int = 0
    """Clips that are being fetched or wait for their turn."""
    overdue: float = 0.0
    """The age of the oldest running task in seconds, if no task of this run took a third of that; else 0."""

    def _repr_html_(self) -> str:
        """In a notebook: the counts as a table."""
        return card(msgspec.structs.asdict(self))
