"""Watches of waiting tasks: small linked records, because 100,000 tasks may wait and nearly each has one watch."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from .._policy.waiting_task import WaitingTask
from ..errors import TaskTimeoutError, WanError

if TYPE_CHECKING:
    from collections.abc import Callable

    from .._policy.schedules import Schedule
    from .._protocol import TaskRecord


class WatchedTask(WaitingTask):
    """A waiting task and its watches, the last one first."""

    __slots__ = ("watch",)

    def __init__(self, task_id: str, schedule: Schedule, since: float) -> None:
        super().__init__(task_id, schedule, since)
        self.watch: Watch | None = None

    def show(self, record: TaskRecord) -> None:
        """Show a record that is not final to the watches that want it."""
        watch = self.watch
        while watch is not None:
            if watch.on_record is not None:
                watch.on_record(record)
            watch = watch.before

    def settle(self, outcome: TaskRecord | WanError) -> None:
        """Notify all its watches, in the order in which they came."""
        watches: list[Watch] = []
        watch, self.watch = self.watch, None
        while watch is not None:
            watches.append(watch)
            watch = watch.before
        for watch in reversed(watches):
            watch.settle(outcome)


class Watch:
    """One wait for a task.

    Attributes:
        before: the watch of the same task that came before this one.
        on_record: called with each record before the final one; must not raise.
    """

    __slots__ = ("_abandon", "_on_done", "_task", "_timer", "before", "on_record")

    def __init__(
        self,
        task: WatchedTask,
        on_done: Callable[[TaskRecord | WanError], None],
        abandon: Callable[[WatchedTask], None],
    ) -> None:
        """`abandon` is called when the last watch of the task is cancelled or over."""
        self._task: WatchedTask | None = task
        self._on_done = on_done
        self._abandon = abandon
        self._timer: asyncio.TimerHandle | None = None
        self.before = task.watch
        self.on_record: Callable[[TaskRecord], None] | None = None
        task.watch = self

    def cancel(self) -> None:
        """Forget this watch: `on_done` will not be called. Nothing happens if it was."""
        task = self._end()
        if task is not None:
            self._leave(task)

    def end_after(self, seconds: float) -> None:
        """Have it end with a `TaskTimeoutError` then, unless it has ended before."""
        self._timer = asyncio.get_running_loop().call_later(seconds, self._expire)

    def settle(self, outcome: TaskRecord | WanError) -> None:
        """Notify of the end, unless this watch was cancelled."""
        if self._end() is not None:
            self._notify(outcome)

    def _expire(self) -> None:
        task = self._end()
        if task is not None:
            self._leave(task)
            self._notify(TaskTimeoutError(task.task_id))

    def _end(self) -> WatchedTask | None:
        """The task that was watched until now."""
        task, self._task = self._task, None
        if self._timer is not None:
            self._timer.cancel()
        return task

    def _leave(self, task: WatchedTask) -> None:
        if task.watch is self:
            task.watch = self.before
        else:
            after = task.watch
            while after is not None and after.before is not self:
                after = after.before
            if after is not None:
                after.before = self.before
        if task.watch is None:
            self._abandon(task)

    def _notify(self, outcome: TaskRecord | WanError) -> None:
        try:
            self._on_done(outcome)
        except Exception as error:  # noqa: BLE001 - one caller's fault must not reach the others
            message = "the callable for a task's end failed"
            asyncio.get_running_loop().call_exception_handler({"message": message, "exception": error})


def resolve(future: asyncio.Future[TaskRecord], outcome: TaskRecord | WanError) -> None:
    """Give a future the outcome of a watch, unless it was cancelled."""
    if future.done():
        return
    if isinstance(outcome, WanError):
        future.set_exception(outcome)
    else:
        future.set_result(outcome)
