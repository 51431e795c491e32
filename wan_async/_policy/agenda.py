"""Which waiting task is looked at next: a diary by time, and of what is due the one that pays most.

Waiting tasks are data: one small record each, no coroutine and no timer. What is due and what is learnt may change
while a task waits, so a place in the diary is only a reminder: the task is planned anew when it comes up.
"""

from __future__ import annotations

import math
from itertools import islice
from typing import TYPE_CHECKING, Generic, TypeVar

from .diary import Diary
from .polling import NEVER, SOON

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from .polling import Schedule

FAIR = 120.0
"""Seconds overdue that weigh as much as certainty: under overload nobody waits for ever."""

_REPLANNED = 500
"""Tasks planned anew in one go when something was learnt: about a millisecond."""

TAKEN = math.inf
"""When a task is due that is being looked at, or that is forgotten."""

_EARLY = 1e-6
"""Seconds by which a task may be taken early: rounding of clocks must not make a timer fire twice."""

_RANKED_PART = 8
"""What is due is ranked anew after an 8th of it was taken: 8 scores a look, whatever waits."""


class Entry:
    """One waiting task: 88 bytes and its numbers.

    Attributes:
        task_id: the task.
        schedule: when tasks of its kind are looked at; shared.
        rank: its rank in the schedule.
        since: the clock at its creation.
        looked: the clock when it was last seen undone; NEVER if it was not.
        due: the clock at its next look.
        failures: looks that failed in a row.
        denials: how many of them were refusals of the key.
        quick: looks left because of a callback.
    """

    __slots__ = ("denials", "due", "failures", "looked", "quick", "rank", "schedule", "since", "task_id")

    def __init__(self, task_id: str, schedule: Schedule, since: float) -> None:
        self.task_id = task_id
        self.schedule = schedule
        self.rank = schedule.enlist()
        self.since = since
        self.looked = NEVER
        self.due = since
        self.failures = 0
        self.denials = 0
        self.quick = 0

    @property
    def seen(self) -> float:
        """Its age when it was last seen undone; NEVER if it was not."""
        return self.looked - self.since

    def planned(self) -> float:
        """The clock at its next look by what is known now."""
        return self.since + self.schedule.next_look(self.looked - self.since, self.rank)

    def undone(self, asked: float) -> None:
        """A look sent at the clock `asked` found it undone."""
        self.looked = asked
        self.failures = self.denials = 0
        self.quick = max(self.quick - 1, 0)

    def next_due(self, now: float) -> float:
        """The clock at its next look after one that found it undone: as planned, sooner after a callback."""
        planned = self.planned()
        return min(planned, now + SOON[self.quick - 1]) if self.quick else planned

    def worth(self, now: float) -> float:
        """What a look at it pays now."""
        return self.schedule.chance(self.looked - self.since, now - self.since) + (now - self.due) / FAIR


E = TypeVar("E", bound=Entry)


class Agenda(Generic[E]):
    """Tasks by the time of their next look. A task is planned, ready, woken or taken."""

    def __init__(self) -> None:
        self._diary: Diary[E] = Diary()
        self._ready: dict[E, None] = {}
        self._woken: dict[E, None] = {}
        self._ranked: list[E] = []
        self._to_rank = 0
        self._to_replan: Iterator[E] | None = None
        self._replan_after: Iterable[E] | None = None

    def next_due(self) -> float | None:
        """The clock at which something may become due, -inf for what is due; None if nothing is planned."""
        return -math.inf if self._woken or self._ready else self._diary.next_due()

    def plan(self, entry: E, due: float) -> None:
        """Look at a taken or new task at the clock `due`."""
        entry.due = due
        self._diary.add(entry)

    def replan_all(self, entries: Iterable[E]) -> None:
        """Have `replan` plan all these anew: something was learnt."""
        self._replan_after = entries

    def replan(self) -> bool:
        """Plan some waiting tasks anew; False if none are left to be."""
        if self._to_replan is None:
            if self._replan_after is None:
                return False
            self._to_replan, self._replan_after = iter(tuple(self._replan_after)), None
        some = tuple(islice(self._to_replan, _REPLANNED))
        for entry in some:
            self._plan_anew(entry)
        if not some:
            self._to_replan = None
        return True

    def _plan_anew(self, entry: E) -> None:
        """Move a planned task forward if what was learnt says so. A later look is found out when it comes up."""
        if entry.due == TAKEN or entry.failures or entry.quick or entry in self._ready:
            return
        due = entry.planned()
        if due < entry.due:
            self._diary.outdate()
            self.plan(entry, due)

    def wake(self, entry: E) -> None:
        """Look at this task before all others, and twice more if that tells nothing new."""
        if entry.due == TAKEN:
            entry.quick = len(SOON) + 1
            return
        entry.quick = len(SOON)
        self._woken[entry] = None

    def hasten(self, entry: E, now: float) -> None:
        """Look at this task as soon as it pays, once, then as planned."""
        if entry.due == TAKEN or entry in self._woken or entry in self._ready:
            return
        entry.quick = max(entry.quick, 1)
        self._diary.outdate()
        self.plan(entry, now)

    def drop(self, entry: E) -> None:
        """Forget this task; its place in the diary goes when it comes up."""
        planned = entry.due != TAKEN and entry not in self._ready
        entry.due = TAKEN
        self._ready.pop(entry, None)
        self._woken.pop(entry, None)
        if planned:
            self._diary.outdate()

    def clear(self) -> None:
        """Forget what is left of dropped tasks."""
        self._diary.clear()
        self._ranked.clear()

    def any_due(self, now: float) -> bool:
        """True if `take` gives a task."""
        self._gather(now)
        return bool(self._woken or self._ready)

    def take(self, now: float) -> E | None:
        """The task to look at now: a woken one, else the due one that pays most; None if nothing is due."""
        self._gather(now)
        if self._woken:
            entry = next(iter(self._woken))
        elif self._ready:
            entry = self._best(now)
        else:
            return None
        self.drop(entry)
        return entry

    def _gather(self, now: float) -> None:
        """Move what came due from the diary to the ready ones, unless it is now planned for later."""
        soon = now + _EARLY
        while (entry := self._diary.pop(soon)) is not None:
            if entry in self._woken:
                continue
            planned = entry.due if entry.failures or entry.quick else entry.planned()
            if planned > soon:
                self.plan(entry, planned)
            else:
                self._ready[entry] = None

    def _best(self, now: float) -> E:
        """The ready task that pays most, by a ranking that is an 8th of a round old at most."""
        ready, ranked = self._ready, self._ranked
        if len(ready) == 1:
            return next(iter(ready))
        while self._to_rank > 0 and ranked:
            self._to_rank -= 1
            entry = ranked.pop()
            if entry in ready:
                return entry
        ranked[:] = sorted(ready, key=lambda entry: entry.worth(now))
        self._to_rank = len(ranked) // _RANKED_PART
        return ranked.pop()
