"""The poller: one per client and event loop, which polls all its waiting tasks inside the query limit.

The rules:

- A waiting task is a record in the poll queue, not a coroutine. Coroutines exist only for polls under way (`workers`).
- A poll is one permit, one exchange, one verdict on the permit. Which task it goes to is decided when the permit is
  granted, not when it is asked for.
- Several watches of one task share its polls. Each hears of the end exactly once, or is forgotten.
- A poll that fails never fails the task, but for the cases that `_policy.patience` names; a bug in a poll ends the
  wait of its task with a `WanError` whose cause it is.
- No wait hangs: a bug in the machinery ends all waits in the same way, and so do closing (`ClientClosedError`) and what
  every poll would meet, such as a session of the caller's own that is closed (`ConfigurationError`).
"""

from __future__ import annotations

import asyncio
import time
from functools import partial
from typing import TYPE_CHECKING

from .._events import Emitter
from .._policy import patience
from .._policy.durations import measured
from .._policy.planner import Planner
from .._policy.poll_queue import PollQueue
from ..errors import ClientClosedError, ConfigurationError, RateLimitError, TransportError, WanError
from ..events import Finished
from .watches import Watch, WatchedTask, resolve
from .workers import PollWorkers, poll

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Hashable

    from .._policy.limiter import Limiter, Permit
    from .._policy.settings import Polling
    from .._protocol import TaskRecord


_CALLED_WITHIN = 5.0
"""A task that is older when somebody begins to wait for it may have been called back before: it is polled at once."""


class Poller:
    """Waits for tasks by polling them.

    It is used in one event loop at a time; what it learnt outlives `aclose`, after which it may be used again.

    Args:
        read: makes one recordInfo exchange for a task id, without retries and without a permit; raises `WanError`.
        limiter: the query limit.
        polling: when tasks are polled; a planner brings what it has learnt.
        most_polls: polls under way at once.
        events: hears of the ends that are found.
    """

    def __init__(
        self,
        read: Callable[[str], Awaitable[TaskRecord]],
        limiter: Limiter,
        polling: Polling | Planner,
        most_polls: int = 32,
        events: Emitter | None = None,
    ) -> None:
        self._read = read
        self._limiter = limiter
        self._events = Emitter() if events is None else events
        self._wants_finished = self._events.wanted(Finished)
        self._planner = polling if isinstance(polling, Planner) else Planner(polling)
        self.announced: Callable[[str], bool] | None = None
        self._tasks: dict[str, WatchedTask] = {}
        self._guesses: set[str] = set()  # of those, the ones of which nobody knows that they are ours
        self._queue: PollQueue[WatchedTask] = PollQueue()
        self._workers = PollWorkers(self._queue, limiter, most_polls, self._poll, self._break)
        self._abandon = self._forget  # one bound method for all watches
        self._clock: Callable[[], float] = time.monotonic  # the event loop's, once something is waited for

    @property
    def waiting(self) -> int:
        """Tasks waited for."""
        return len(self._tasks)

    def oldest(self, now: float) -> float:
        """The age of the oldest of them at `now`, by the loop's clock; 0.0 where there is none."""
        return max((now - task.since for task in tuple(self._tasks.values())), default=0.0)

    def watch(
        self,
        task_id: str,
        on_done: Callable[[TaskRecord | WanError], None],
        *,
        kind: Hashable = "",
        age: float | None = 0.0,
        deadline: float | None = None,
        at_once: bool = False,
        submitted: bool = True,
        guess: bool = False,
    ) -> Watch:
        """Have `on_done` called once, in this loop, with the final record (a failed one too) or what ended the wait.

        Args:
            task_id: the task; if it is watched already, both share its polls, and kind and age are the first's.
            on_done: called without awaiting; what it raises goes to the loop's exception handler.
            kind: what drives the duration, such as (model, resolution, duration).
            age: seconds since the task was created; None: not known, so it is polled now, and nothing is learnt of it.
            deadline: seconds from now after which `on_done` gets a `TaskTimeoutError`; None: no bound.
            at_once: poll now, then as planned: it may have ended long ago.
            submitted: False if it may be a task that never was: that it is unknown is believed within seconds.
            guess: it may be somebody else's task, whose end is no event.
        """
        task = self._tasks.get(task_id)
        if task is None:
            task = self._enlist(task_id, kind, age, known=submitted)
            if guess:
                self._guesses.add(task_id)
        if at_once or age is None or (age > _CALLED_WITHIN and self._planner.called_back):
            self._queue.hasten(task, self._clock())
            self._workers.expect(task.due)
        task.known = task.known or submitted
        if not guess:
            self._guesses.discard(task_id)
        watch = Watch(task, on_done, self._abandon)
        if deadline is not None:
            watch.end_after(deadline)
        return watch

    async def wait(
        self,
        task_id: str,
        *,
        kind: Hashable = "",
        age: float | None = 0.0,
        max_wait: float | None = None,
        at_once: bool = False,
        submitted: bool = True,
        on_record: Callable[[TaskRecord], None] | None = None,
    ) -> TaskRecord:
        """Wait for a task's final record; the arguments are those of `watch`. A cancelled wait is forgotten.
        `on_record` is called with each record before the final one.

        Raises:
            TaskTimeoutError: `max_wait` seconds are over.
            ClientClosedError: the poller was closed.
            WanError: what ended the wait.
        """
        future: asyncio.Future[TaskRecord] = asyncio.get_running_loop().create_future()
        on_done = partial(resolve, future)
        watch = self.watch(
            task_id, on_done, kind=kind, age=age, deadline=max_wait, at_once=at_once, submitted=submitted
        )
        watch.on_record = on_record
        try:
            return await future
        finally:
            watch.cancel()

    def wake(self, task_id: str) -> bool:
        """Poll this task before all others: a callback came. False if nobody waits for it.

        If the record does not show the end yet, it is polled again after 1 s and after 5 s, then as planned.
        """
        task = self._tasks.get(task_id)
        if task is None:
            return False
        task.schedule.called_back()
        self._queue.wake(task)
        self._workers.expect(self._clock())
        return True

    def wake_all(self) -> None:
        """Poll all waiting tasks as soon as the limit allows, then as planned: callbacks may have been missed."""
        for task in tuple(self._tasks.values()):
            self._queue.hasten(task, self._clock())
        if self._tasks:
            self._workers.expect(self._clock())

    async def aclose(self) -> None:
        """End all waits with a `ClientClosedError`, and all coroutines and timers."""
        running = self._workers.running
        self._end_all(lambda task_id: ClientClosedError(f"the client was closed while task {task_id} was waited for"))
        await asyncio.gather(*running, return_exceptions=True)

    def _enlist(self, task_id: str, kind: Hashable, age: float | None, *, known: bool) -> WatchedTask:
        if not self._tasks:
            self._clock = asyncio.get_running_loop().time
        schedule = self._planner.unaged() if age is None else self._planner.schedule(kind)
        task = WatchedTask(task_id, schedule, self._clock() - (age or 0.0))
        announced = self.announced is not None and self.announced(task_id)
        task.known = known or announced
        self._queue.plan(task, task.planned())
        self._tasks[task_id] = task  # not before: a bug in a schedule must not leave a task that is never polled
        self._workers.expect(task.due)
        if announced:
            self.wake(task_id)
        return task

    def _forget(self, task: WatchedTask) -> None:
        """End the polls of a task that nobody waits for any more."""
        if self._tasks.get(task.task_id) is not task:
            return
        del self._tasks[task.task_id]
        self._guesses.discard(task.task_id)
        self._queue.drop(task)
        self._workers.call_off(task)
        if not self._tasks:
            self._workers.rest()
            self._queue.clear()

    def _finish(self, task: WatchedTask, outcome: TaskRecord | WanError) -> None:
        if task.task_id not in self._guesses and not isinstance(outcome, WanError) and self._wants_finished():
            age = self._clock() - task.since
            self._events(Finished(task.task_id, outcome.model, outcome.state, outcome.credits, age))
        self._forget(task)
        task.settle(outcome)

    def _end_all(self, error: Callable[[str], WanError]) -> None:
        """End all waits, each with an error of its own, and all polls; whatever state the queue is in."""
        tasks, self._tasks = self._tasks, {}
        self._guesses.clear()
        self._queue = PollQueue()
        self._workers.start_over(self._queue)
        for task in tasks.values():
            task.settle(error(task.task_id))

    def _break(self, bug: Exception) -> None:
        """End all waits: nothing would be polled any more."""
        self._end_all(lambda task_id: _broken(task_id, bug))

    async def _poll(self, task: WatchedTask, permit: Permit) -> None:
        asked = self._clock()
        try:
            self._heed(task, await poll(self._read, task.task_id, self._limiter, permit), asked)
        except asyncio.CancelledError:
            self._heed(task, TransportError("the poll was cancelled"), asked)
            raise
        except Exception as bug:  # noqa: BLE001 - it ends this task's wait and is raised there
            self._finish(task, _broken(task.task_id, bug))

    def _heed(self, task: WatchedTask, answer: TaskRecord | WanError, asked: float) -> None:
        """Act on one answer, unless nobody waits for the task any more."""
        if task.watch is None:
            return
        if isinstance(answer, RateLimitError):
            self._queue.plan(task, self._clock())
        elif isinstance(answer, ConfigurationError):
            self._end_all(lambda _: ConfigurationError(*answer.args))
        elif isinstance(answer, WanError):
            self._tolerate(task, answer, patience.trouble_kind(answer), asked)
        elif answer.state.is_final:
            self._ended(task, answer, asked)
        else:
            task.undone(asked)
            task.show(answer)
            self._queue.plan(task, task.next_due(self._clock()))

    def _tolerate(
        self, task: WatchedTask, answer: TaskRecord | WanError, kind: patience.TroubleKind, asked: float
    ) -> None:
        now = self._clock()
        due = task.in_trouble(kind, asked, now)
        if due is None:
            self._finish(task, answer)
        else:
            self._queue.plan(task, due)

    def _ended(self, task: WatchedTask, record: TaskRecord, asked: float) -> None:
        task.known = True
        if not task.seemed_ended and not record.is_doubtful:
            self._learn(task, record, asked)
        if record.lacks_links:
            self._tolerate(task, record, patience.TroubleKind.LINKLESS, asked)
        elif record.is_doubtful:
            self._tolerate(task, record, patience.TroubleKind.DOUBTFUL, asked)
        else:
            self._finish(task, record)

    def _learn(self, task: WatchedTask, record: TaskRecord, asked: float) -> None:
        schedule, before = task.schedule, task.schedule.revision
        if not task.quick:
            schedule.missed()
        seconds = measured(record, task.undone_age, asked - task.since)
        if seconds is not None:
            schedule.observe(seconds)
        if schedule.revision != before and self._tasks:
            self._queue.replan_all(self._tasks.values())
            self._workers.expect(self._clock())


def _broken(task_id: str, bug: Exception) -> WanError:
    """The error of those who wait for a task whose poll failed in a way that is not foreseen."""
    error = WanError(f"polling task {task_id} failed: {bug!r}")
    error.__cause__ = bug
    return error
