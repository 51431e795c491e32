"""Tasks of a client that is instrumented: the parts of them that outlive one event."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.trace import SpanContext


class TracedSubmission(msgspec.Struct):
    """A submission that was traced: its span, that span's parent, and when it ended."""

    span: SpanContext
    parent: Context
    ended_ns: int


class TracedTask(msgspec.Struct):
    """A task until its end."""

    polls: int = 0
    submission: TracedSubmission | None = None


class TracedTasks:
    """The last tasks that there was anything of."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._known: OrderedDict[str, TracedTask] = OrderedDict()

    def of(self, task_id: str) -> TracedTask:
        """The task's."""
        task = self._known.get(task_id)
        if task is None:
            task = self._known[task_id] = TracedTask()
            if len(self._known) > self._most:
                self._known.popitem(last=False)
        return task

    def forget(self, task_id: str) -> None:
        """It has ended."""
        self._known.pop(task_id, None)
