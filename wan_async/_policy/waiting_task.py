"""One waiting task: a small record, because 100,000 may wait."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .patience import ENDS, Trouble
from .schedules import NEVER

if TYPE_CHECKING:
    from .patience import TroubleKind
    from .schedules import Schedule

SOON = (5.0, 1.0, 0.0)
"""Seconds to the next poll by how many polls are left because of a callback, less one; the third only where the
callback came in the middle of a poll."""

FAIR = 900.0
"""Seconds overdue that weigh as much as being found late by all that the task took. With 2,000 tasks of 60 and 300 s in
flight at 10 polls a second, 1800 finds them 15.5 % late, 600 16.8 %; the shorter ones wait for longer with less."""

TAKEN, READY, WOKEN = 0, -1, -2
"""Places outside the heap: of a task that is polled now or forgotten, of one that is due, of one called back."""


class WaitingTask:
    """A task whose end is waited for: 112 bytes and its numbers.

    Attributes:
        task_id: the task.
        schedule: when tasks of its kind are polled; shared.
        rank: its rank in the schedule.
        since: the clock at its creation.
        undone_at: the clock when it was last found undone; NEVER if it was not.
        due: the clock at its next poll.
        place: where it stands in the heap, or outside of it: TAKEN, READY, WOKEN.
        known: True if it was submitted here, or found by a poll.
        trouble: its polls in a row that showed neither that it runs nor its end.
        quick: polls left because of a callback.
        revision: the schedule's when it was planned.
    """

    __slots__ = (
        "due",
        "known",
        "place",
        "quick",
        "rank",
        "revision",
        "schedule",
        "since",
        "task_id",
        "trouble",
        "undone_at",
    )

    def __init__(self, task_id: str, schedule: Schedule, since: float) -> None:
        self.task_id = task_id
        self.schedule = schedule
        self.rank = schedule.enlist()
        self.since = since
        self.undone_at = NEVER
        self.due = since
        self.place = TAKEN
        self.known = True
        self.trouble: Trouble | None = None
        self.quick = 0
        self.revision = schedule.revision

    @property
    def undone_age(self) -> float:
        """Its age when it was last found undone; NEVER if it was not."""
        return self.undone_at - self.since

    @property
    def on_schedule(self) -> bool:
        """True if its next poll is the schedule's, not one after a failure or a callback."""
        return self.trouble is None and not self.quick

    @property
    def seemed_ended(self) -> bool:
        """True if a record has shown its end, which may not be the last word."""
        return self.trouble is not None and self.trouble.kind in ENDS

    def planned(self) -> float:
        """The clock at its next poll by what is known now."""
        return self.since + self.schedule.next_poll(self.undone_at - self.since, self.rank)

    def undone(self, asked: float) -> None:
        """Note that a poll sent at the clock `asked` found it undone."""
        self.undone_at = asked
        self.known = True
        self.trouble = None
        if self.quick:
            self.quick -= 1

    def next_due(self, now: float) -> float:
        """The clock at its next poll after one that found it undone: as planned, sooner after a callback."""
        return self._sooner(self.planned(), now)

    def in_trouble(self, kind: TroubleKind, asked: float, now: float) -> float | None:
        """The clock at its next poll after one sent at `asked` that came to this; None: that is the end of the wait."""
        self.trouble = Trouble(kind, now) if self.trouble is None else self.trouble.followed_by(kind, now)
        if self.quick:
            self.quick -= 1
        if self.trouble.is_over(kind, now, known=self.known):
            return None
        planned = self.since + self.schedule.next_poll(asked - self.since, self.rank)
        return self.trouble.next_poll(now, self._sooner(planned, now), known=self.known)

    def _sooner(self, planned: float, now: float) -> float:
        return min(planned, now + SOON[self.quick - 1]) if self.quick else planned

    def worth(self, now: float) -> float:
        """The gain of a poll now: how late the task is likely found, and a little for being overdue."""
        return self.schedule.lateness(self.undone_at - self.since, now - self.since) + (now - self.due) / FAIR
