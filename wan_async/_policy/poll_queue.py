"""The order in which waiting tasks are polled: a heap by time, and of what is due the task that pays most.

The rules:

- A waiting task is one small record: no coroutine and no timer. Its place in the heap counts for nothing once it has
  moved; when more than half of the places are such, the heap is made anew.
- What is learnt may change while a task waits. If that says sooner, the task is moved; if it says later, that is found
  out when the task comes up.
- While what is due is polled promptly it stands in line. When it is not, there are more tasks than the query limit
  allows polls: then those go first that are likely found latest, as a part of what they took. So all kinds of tasks
  are found late by the same part, and no poll is spent on a task that is hardly done while others surely are.
- Being overdue counts for a little too, without a bound, so that no task waits for ever.
"""

from __future__ import annotations

import math
from collections import deque
from heapq import heapify, heappop, heappush
from itertools import islice
from typing import TYPE_CHECKING, Generic, TypeVar

from .waiting_task import READY, SOON, TAKEN, WOKEN, WaitingTask

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_REPLANNED = 500
"""Tasks planned anew in one go when something was learnt: about a millisecond."""

_STALE = 64
"""Places that count for nothing and may be kept, however few the others are."""

_EARLY = 1e-6
"""Seconds by which a task may be taken early: rounding of clocks must not make a timer fire twice."""

_PROMPT = 1 / 16
"""Seconds overdue up to which what is due is not ranked."""

_RANKED = 2000
"""Tasks ranked in one go: about a millisecond. Where more are due they are ranked in turns."""

_RANKING_HOLDS = 0.25
"""Seconds for which a ranking holds, unless three quarters of it are taken before: one or two scores a poll when polls
are quick, and the best of all when they are rare."""


T = TypeVar("T", bound=WaitingTask)


class PollQueue(Generic[T]):
    """Tasks by the time of their next poll. Each is planned (in the heap), ready, woken, or taken."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, T]] = []
        self._places = 0
        self._planned = 0
        self._woken: dict[T, None] = {}
        self._ready = 0
        self._line: deque[T] = deque()  # the ready ones, and some that are not any more
        self._ranked: list[T] = []  # … taken out of the line, the one that pays most last
        self._ranked_until = -math.inf
        self._rank_at = 0
        self._to_replan: Iterator[T] | None = None
        self._replan_after: Iterable[T] | None = None

    def __len__(self) -> int:
        """Places in the heap, those that count for nothing too."""
        return len(self._heap)

    def next_due(self) -> float | None:
        """The clock at which a task comes due, -inf if one is; None if nothing is planned."""
        if self._woken or self._ready:
            return -math.inf
        heap = self._heap
        while heap and heap[0][2].place != heap[0][1]:
            heappop(heap)
        return heap[0][0] if heap else None

    def plan(self, task: T, due: float) -> None:
        """Have a taken or new task polled at the clock `due`."""
        self._places += 1
        self._planned += 1
        task.due = due
        task.place = self._places
        task.revision = task.schedule.revision
        heappush(self._heap, (due, self._places, task))

    def drop(self, task: T) -> None:
        """Take this task out, wherever it stands."""
        place, task.place = task.place, TAKEN
        if place > TAKEN:
            self._planned -= 1
            if len(self._heap) > 2 * self._planned + _STALE:
                self._compact()
        elif place == READY:
            self._ready -= 1
        elif place == WOKEN:
            del self._woken[task]

    def wake(self, task: T) -> None:
        """Have this task polled before all others, and twice more if that shows nothing new."""
        if task.place == TAKEN:
            task.quick = len(SOON) + 1
            return
        task.quick = len(SOON)
        if task.place != WOKEN:
            self.drop(task)
            task.place = WOKEN
            self._woken[task] = None

    def hasten(self, task: T, now: float) -> None:
        """Have this task polled as soon as it pays, once, then as planned."""
        if task.place > TAKEN:
            task.quick = max(task.quick, 1)
            self.drop(task)
            self.plan(task, now)

    def replan_all(self, tasks: Iterable[T]) -> None:
        """Have `replan` plan all these anew: something was learnt."""
        self._replan_after = tasks

    def replan(self) -> bool:
        """Plan some waiting tasks anew; False if none are left to be."""
        if self._to_replan is None:
            if self._replan_after is None:
                return False
            self._to_replan, self._replan_after = iter(tuple(self._replan_after)), None
        some = tuple(islice(self._to_replan, _REPLANNED))
        for task in some:
            self._move_forward(task)
        if not some:
            self._to_replan = None
        return True

    def clear(self) -> None:
        """Forget what is left of dropped tasks."""
        self._heap.clear()
        self._line.clear()
        self._ranked.clear()

    def any_due(self, now: float) -> bool:
        """True if `take` gives a task."""
        self._gather(now + _EARLY)
        return self._ready > 0 or bool(self._woken)

    def take(self, now: float) -> T | None:
        """The task to poll now: a woken one, else the due one that pays most; None if nothing is due."""
        self._gather(now + _EARLY)
        if self._woken:
            task = next(iter(self._woken))
        elif self._ready:
            task = self._pick(now)
        else:
            return None
        self.drop(task)
        return task

    def _compact(self) -> None:
        self._heap = [entry for entry in self._heap if entry[2].place == entry[1]]
        heapify(self._heap)

    def _move_forward(self, task: T) -> None:
        if task.place > TAKEN and task.on_schedule and (due := task.planned()) < task.due:
            self.drop(task)
            self.plan(task, due)

    def _gather(self, soon: float) -> None:
        """Put what came due in line, unless it was learnt that it is too early."""
        heap = self._heap
        while heap and heap[0][0] <= soon:
            _, place, task = heappop(heap)
            if task.place != place:
                continue
            self._planned -= 1
            if task.revision != task.schedule.revision and task.on_schedule and (due := task.planned()) > soon:
                self.plan(task, due)
                continue
            task.place = READY
            self._ready += 1
            self._line.append(task)

    def _pick(self, now: float) -> T:
        """The ready task that pays most, or the first in line while none waits for long."""
        line = self._line
        while True:
            if not self._ranked and now - line[0].due <= _PROMPT:
                task = line.popleft()
            elif len(self._ranked) > self._rank_at and now < self._ranked_until:
                task = self._ranked.pop()
            else:
                self._rank(now)
                continue
            if task.place == READY:
                return task

    def _rank(self, now: float) -> None:
        """Rank the first in line; what is left of those ranked before goes to its end."""
        line = self._line
        line.extend(self._ranked)
        first = [line.popleft() for _ in range(min(_RANKED, len(line)))]
        self._ranked = sorted((task for task in first if task.place == READY), key=lambda task: task.worth(now))
        self._ranked_until = now + _RANKING_HOLDS
        self._rank_at = len(self._ranked) // 4
