"""Which waiting task is looked at next: a diary by time, and of what is due the one that pays most.

The rules:

- Waiting tasks are data: one small record each, no coroutine and no timer. What is learnt may change while a task
  waits, so a place in the diary is only a reminder: if something was learnt the task is planned anew when it comes up.
- While what is due is looked at promptly it stands in line. When it is not, there are more tasks than the query limit
  allows looks: then those go first that are likely found latest, as a part of what they took. So all kinds of tasks
  are found late by the same part, and no look is spent on a task that is hardly done while others surely are.
- Being overdue counts for a little too, without a bound, so that nobody waits for ever.
"""

from __future__ import annotations

import math
from collections import deque
from itertools import islice
from typing import TYPE_CHECKING, Generic, TypeVar

from .diary import Diary
from .polling import NEVER, SOON

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from .polling import Schedule

FAIR = 900.0
"""Seconds overdue that weigh as much as being found late by all that the task took. With 2,000 tasks of 60 and 300 s in
flight at 10 looks a second, 1800 finds them 15.5 % late, 600 16.8 %; the shorter ones wait for longer with less."""

_REPLANNED = 500
"""Tasks planned anew in one go when something was learnt: about a millisecond."""

TAKEN = math.inf
"""When a task is due that is being looked at, or that is forgotten."""

_EARLY = 1e-6
"""Seconds by which a task may be taken early: rounding of clocks must not make a timer fire twice."""

_PROMPT = 1 / 16
"""Seconds overdue up to which what is due is not ranked."""

_RANKED = 2000
"""Tasks ranked in one go: about a millisecond. Where more are due they are ranked in turns."""

_RANKING_HOLDS = 0.25
"""Seconds for which a ranking holds, unless three quarters of it are taken before: one or two scores a look when looks
are quick, and the best of all when they are rare."""


class Entry:
    """One waiting task: 104 bytes and its numbers.

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
        ready: True from when it came due to when it is taken.
        revision: the schedule's when it was planned.
    """

    __slots__ = (
        "denials",
        "due",
        "failures",
        "looked",
        "quick",
        "rank",
        "ready",
        "revision",
        "schedule",
        "since",
        "task_id",
    )

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
        self.ready = False
        self.revision = schedule.revision

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
        if self.quick:
            self.quick -= 1

    def next_due(self, now: float) -> float:
        """The clock at its next look after one that found it undone: as planned, sooner after a callback."""
        planned = self.planned()
        return min(planned, now + SOON[self.quick - 1]) if self.quick else planned

    def worth(self, now: float) -> float:
        """What a look at it pays now: how late it is likely found, and a little for being overdue."""
        return self.schedule.lateness(self.looked - self.since, now - self.since) + (now - self.due) / FAIR


E = TypeVar("E", bound=Entry)


class Agenda(Generic[E]):
    """Tasks by the time of their next look. A task is planned, ready, woken or taken."""

    def __init__(self) -> None:
        self._diary: Diary[E] = Diary()
        self._woken: dict[E, None] = {}
        self._ready = 0
        self._line: deque[E] = deque()  # the ready ones, and some that are not any more
        self._ranked: list[E] = []  # … taken out of the line, the one that pays most last
        self._ranked_until = -math.inf
        self._rank_at = 0
        self._to_replan: Iterator[E] | None = None
        self._replan_after: Iterable[E] | None = None

    def next_due(self) -> float | None:
        """The clock at which something may become due, -inf for what is due; None if nothing is planned."""
        return -math.inf if self._woken or self._ready else self._diary.next_due()

    def plan(self, entry: E, due: float) -> None:
        """Look at a taken or new task at the clock `due`."""
        entry.due = due
        entry.revision = entry.schedule.revision
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
        if entry.due == TAKEN or entry.failures or entry.quick or entry.ready:
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
        if entry.due == TAKEN or entry in self._woken or entry.ready:
            return
        entry.quick = max(entry.quick, 1)
        self._diary.outdate()
        self.plan(entry, now)

    def drop(self, entry: E) -> None:
        """Forget this task; its place in the diary goes when it comes up."""
        if entry.ready:
            self._ready -= 1
        elif entry.due != TAKEN:
            self._diary.outdate()
        entry.due = TAKEN
        entry.ready = False
        self._woken.pop(entry, None)

    def clear(self) -> None:
        """Forget what is left of dropped tasks."""
        self._diary.clear()
        self._line.clear()
        self._ranked.clear()

    def any_due(self, now: float) -> bool:
        """True if `take` gives a task."""
        if now + _EARLY >= self._diary.soonest:
            self._gather(now + _EARLY)
        return self._ready > 0 or bool(self._woken)

    def take(self, now: float) -> E | None:
        """The task to look at now: a woken one, else the due one that pays most; None if nothing is due."""
        if now + _EARLY >= self._diary.soonest:
            self._gather(now + _EARLY)
        if self._woken:
            entry = next(iter(self._woken))
            self.drop(entry)
            return entry
        if not self._ready:
            return None
        entry = self._pick(now)
        self._ready -= 1
        entry.ready = False
        entry.due = TAKEN
        return entry

    def _gather(self, soon: float) -> None:
        """Put what came due in line, unless it was learnt that it is too early."""
        while (entry := self._diary.pop(soon)) is not None:
            if entry.ready or entry in self._woken:
                continue
            if entry.revision != entry.schedule.revision and not (entry.failures or entry.quick):
                due = entry.planned()
                if due > soon:
                    self.plan(entry, due)
                    continue
            entry.ready = True
            self._ready += 1
            self._line.append(entry)

    def _pick(self, now: float) -> E:
        """The ready task that pays most, or the first in line while none waits for long."""
        line = self._line
        while True:
            if not self._ranked and now - line[0].due <= _PROMPT:
                entry = line.popleft()
            elif len(self._ranked) > self._rank_at and now < self._ranked_until:
                entry = self._ranked.pop()
            else:
                self._rank(now)
                continue
            if entry.ready:
                return entry

    def _rank(self, now: float) -> None:
        """Rank the first in line; what is left of those ranked before goes to its end."""
        line = self._line
        line.extend(self._ranked)
        first = [line.popleft() for _ in range(min(_RANKED, len(line)))]
        self._ranked = sorted((entry for entry in first if entry.ready), key=lambda entry: entry.worth(now))
        self._ranked_until = now + _RANKING_HOLDS
        self._rank_at = len(self._ranked) // 4
