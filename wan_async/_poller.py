"""One scheduler per client that looks at all its waiting tasks, inside the query limit.

The rules:

- A waiting task is a record in the agenda, not a coroutine. Coroutines exist only for looks under way (see `_looks`).
- A look is one permit, one exchange, one verdict on the permit. Which task it goes to is decided when the permit is
  granted, not when it is asked for.
- Several watches of one task share its looks. Each hears of the end exactly once, or is forgotten.
- A look that fails never fails the task, but for the two cases that `_policy.polling` names; a bug in a look ends the
  wait of its task with a `WanError` whose cause it is.
"""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING

from ._looks import Lookers, QueryLimit, look
from ._policy.agenda import Agenda
from ._policy.durations import measured
from ._policy.polling import Planner, ends_wait, is_denial, retry_age
from ._watches import Waiting, Watch, resolve
from .errors import RateLimitError, TransportError, WanError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Hashable

    from ._policy.polling import Schedule
    from ._policy.settings import Polling
    from ._protocol import TaskRecord


class Poller:
    """Waits for tasks by looking at them.

    It is used in one event loop at a time; what it learnt outlives `aclose`, after which it may be used again.

    Args:
        read: makes one recordInfo exchange for a task id, without retries and without a permit; raises `WanError`.
        limiter: the query limit.
        polling: when tasks are looked at; a planner brings what it has learnt.
        most_looks: looks under way at once.
    """

    def __init__(
        self,
        read: Callable[[str], Awaitable[TaskRecord]],
        limiter: QueryLimit,
        polling: Polling | Planner,
        most_looks: int = 32,
    ) -> None:
        self._read = read
        self._limiter = limiter
        self._planner = polling if isinstance(polling, Planner) else Planner(polling)
        self.announced: Callable[[str], bool] | None = None
        self._tasks: dict[str, Waiting] = {}
        self._agenda: Agenda[Waiting] = Agenda()
        self._lookers = Lookers(self._agenda, limiter, most_looks, self._look, self._break)
        self._futures: set[asyncio.Future[TaskRecord]] = set()
        self._abandon = self._forget  # one bound method for all watches

    @property
    def waiting(self) -> int:
        """Tasks waited for."""
        return len(self._tasks)

    def watch(
        self,
        task_id: str,
        done: Callable[[TaskRecord | WanError], None],
        *,
        kind: Hashable = "",
        age: float = 0.0,
        deadline: float | None = None,
        at_once: bool = False,
    ) -> Watch:
        """Have `done` called once, in this event loop, with the final record (a failed one too) or what ended the wait.

        Args:
            task_id: the task; if it is watched already, both share its looks, and kind and age are the first's.
            done: called without awaiting; what it raises goes to the loop's exception handler.
            kind: what drives the duration, such as (model, resolution, duration).
            age: seconds since the task was created.
            deadline: seconds from now after which `done` gets a `TaskTimeoutError`; None: no bound.
            at_once: the age is not known: look now, then as if the task were new; nothing is learnt of it.
        """
        loop = asyncio.get_running_loop()
        task = self._tasks.get(task_id)
        if task is None:
            schedule = self._planner.unaged() if at_once else self._planner.schedule(kind)
            task = self._enlist(Waiting(task_id, schedule, loop.time() - age))
            if self.announced is not None and self.announced(task_id):
                self.wake(task_id)
        watch = Watch(task, done, self._abandon)
        if deadline is not None:
            watch.end_after(deadline)
        return watch

    async def wait(
        self,
        task_id: str,
        *,
        kind: Hashable = "",
        age: float = 0.0,
        max_wait: float | None = None,
        at_once: bool = False,
        seen: Callable[[TaskRecord], None] | None = None,
    ) -> TaskRecord:
        """Wait for a task's final record; the arguments are those of `watch`. A cancelled wait is forgotten.
        `seen` is shown each record before the final one.

        Raises:
            TaskTimeoutError: `max_wait` seconds are over.
            WanError: the poller was closed, or what ended the wait.
        """
        future: asyncio.Future[TaskRecord] = asyncio.get_running_loop().create_future()
        done = partial(resolve, future)
        watch = self.watch(task_id, done, kind=kind, age=age, deadline=max_wait, at_once=at_once)
        watch.seen = seen
        self._futures.add(future)
        try:
            return await future
        finally:
            self._futures.discard(future)
            watch.cancel()

    def wake(self, task_id: str) -> bool:
        """Look at this task before all others: a callback came. False if nobody waits for it.

        If the record does not tell the end yet, it is looked at again after 1 s and after 5 s, then as planned.
        """
        task = self._tasks.get(task_id)
        if task is None:
            return False
        self._agenda.wake(task)
        self._lookers.expect(self._clock())
        return True

    def wake_all(self) -> None:
        """Look at all waiting tasks as soon as the limit allows, then as planned: callbacks may have been missed."""
        for task in tuple(self._tasks.values()):
            self._agenda.hasten(task, self._clock())
        self._lookers.expect(self._clock())

    def observe(self, kind: Hashable, seconds: float) -> None:
        """Learn that a task of this kind took so long, from a journal for instance."""
        self._learn(self._planner.schedule(kind), seconds)

    async def aclose(self) -> None:
        """Forget all watches and end all coroutines and timers. Whoever is in `wait` gets a `WanError`."""
        running = self._lookers.running
        for task in tuple(self._tasks.values()):
            while task.watch is not None:
                task.watch.cancel()
        for future in self._futures:
            if not future.done():
                future.set_exception(WanError("the client was closed while a task was waited for"))
        await asyncio.gather(*running, return_exceptions=True)

    @staticmethod
    def _clock() -> float:
        return asyncio.get_running_loop().time()

    def _enlist(self, task: Waiting) -> Waiting:
        self._tasks[task.task_id] = task
        self._agenda.plan(task, task.planned())
        self._lookers.expect(task.due)
        return task

    def _forget(self, task: Waiting) -> None:
        """Nobody waits for this task any more: end its look."""
        if self._tasks.get(task.task_id) is not task:
            return
        del self._tasks[task.task_id]
        self._agenda.drop(task)
        self._lookers.call_off(task)
        if not self._tasks:
            self._lookers.rest()
            self._agenda.clear()

    def _finish(self, task: Waiting, outcome: TaskRecord | WanError) -> None:
        self._forget(task)
        task.settle(outcome)

    def _break(self, bug: Exception) -> None:
        """End all waits: nothing would be looked at any more."""
        for task in tuple(self._tasks.values()):
            self._finish(task, _broken(task, bug))

    async def _look(self, task: Waiting, permit: float) -> None:
        asked = self._clock()
        try:
            self._heed(task, await look(self._read, task.task_id, self._limiter, permit), asked)
        except asyncio.CancelledError:
            self._heed(task, TransportError("the look was cancelled"), asked)
            raise
        except Exception as bug:  # noqa: BLE001 - it ends this task's wait and is raised there
            self._finish(task, _broken(task, bug))

    def _heed(self, task: Waiting, answer: TaskRecord | WanError, asked: float) -> None:
        """Draw the consequence of one answer, unless nobody waits any more."""
        if task.watch is None:
            return
        now = self._clock()
        if isinstance(answer, RateLimitError):
            self._agenda.plan(task, now)
        elif isinstance(answer, WanError):
            self._failed(task, answer, now)
        elif answer.state.is_final:
            self._ended(task, answer, asked)
        else:
            task.undone(asked)
            task.show(answer)
            self._agenda.plan(task, task.next_due(now))

    def _failed(self, task: Waiting, error: WanError, now: float) -> None:
        task.failures += 1
        task.denials = task.denials + 1 if is_denial(error) else 0
        age = now - task.since
        if ends_wait(error, task.failures, task.denials, age):
            self._finish(task, error)
        else:
            self._agenda.plan(task, task.since + retry_age(error, task.failures, age))

    def _ended(self, task: Waiting, record: TaskRecord, asked: float) -> None:
        seconds = measured(record, task.seen, asked - task.since)
        if seconds is not None:
            self._learn(task.schedule, seconds)
        self._finish(task, record)

    def _learn(self, schedule: Schedule, seconds: float) -> None:
        before = schedule.revision
        schedule.observe(seconds)
        if schedule.revision != before and self._tasks:
            self._agenda.replan_all(self._tasks.values())
            self._lookers.expect(self._clock())


def _broken(task: Waiting, bug: Exception) -> WanError:
    """What the waiters of a task get whose look failed in a way that is not foreseen."""
    error = WanError(f"looking at task {task.task_id} failed: {bug!r}")
    error.__cause__ = bug
    return error
