"""Who waits for a task: small linked records, because 100,000 tasks may wait and nearly each has one watch."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from ._policy.agenda import Entry
from .errors import TaskTimeoutError, WanError

if TYPE_CHECKING:
    from collections.abc import Callable

    from ._policy.polling import Schedule
    from ._protocol import TaskRecord


class Waiting(Entry):
    """A waiting task and who watches it."""

    __slots__ = ("watch",)

    def __init__(self, task_id: str, schedule: Schedule, since: float) -> None:
        super().__init__(task_id, schedule, since)
        self.watch: Watch | None = None

    def show(self, record: TaskRecord) -> None:
        """Show a record that is not final to those who want to see it."""
        watch = self.watch
        while watch is not None:
            if watch.seen is not None:
                watch.seen(record)
            watch = watch.before

    def settle(self, outcome: TaskRecord | WanError) -> None:
        """Tell all who watch it, in the order in which they came."""
        told: list[Watch] = []
        watch, self.watch = self.watch, None
        while watch is not None:
            told.append(watch)
            watch = watch.before
        for watch in reversed(told):
            watch.settle(outcome)


class Watch:
    """Somebody waits for a task.

    Attributes:
        before: the watch of the same task that came before this one.
        seen: is shown each record before the final one; must not raise.
    """

    __slots__ = ("_abandon", "_done", "_task", "_timer", "before", "seen")

    def __init__(
        self, task: Waiting, done: Callable[[TaskRecord | WanError], None], abandon: Callable[[Waiting], None]
    ) -> None:
        """`abandon` is called when the last watch of the task is cancelled or over."""
        self._task: Waiting | None = task
        self._done = done
        self._abandon = abandon
        self._timer: asyncio.TimerHandle | None = None
        self.before = task.watch
        self.seen: Callable[[TaskRecord], None] | None = None
        task.watch = self

    def cancel(self) -> None:
        """Forget this watch: `done` will not be called. Nothing happens if it was."""
        task = self._end()
        if task is not None:
            self._leave(task)

    def end_after(self, seconds: float) -> None:
        """Tell a `TaskTimeoutError` then, if the end has not come before."""
        self._timer = asyncio.get_running_loop().call_later(seconds, self._expire)

    def settle(self, outcome: TaskRecord | WanError) -> None:
        """Tell the end, unless this watch was cancelled."""
        if self._end() is not None:
            self._tell(outcome)

    def _expire(self) -> None:
        task = self._end()
        if task is not None:
            self._leave(task)
            self._tell(TaskTimeoutError(task.task_id))

    def _end(self) -> Waiting | None:
        """The task that was watched until now."""
        task, self._task = self._task, None
        if self._timer is not None:
            self._timer.cancel()
        return task

    def _leave(self, task: Waiting) -> None:
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

    def _tell(self, outcome: TaskRecord | WanError) -> None:
        try:
            self._done(outcome)
        except Exception as error:  # noqa: BLE001 - one caller's fault must not reach the others
            message = "what was to be called at a task's end failed"
            asyncio.get_running_loop().call_exception_handler({"message": message, "exception": error})


def resolve(future: asyncio.Future[TaskRecord], outcome: TaskRecord | WanError) -> None:
    """Give a future the outcome of a watch, unless it was cancelled."""
    if future.done():
        return
    if isinstance(outcome, WanError):
        future.set_exception(outcome)
    else:
        future.set_result(outcome)
