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


class TracedTasks(OrderedDict[str, TracedTask]):
    """The last tasks that there was anything of, each there when it is asked for.

    Args:
        most: how many.
    """

    def __init__(self, most: int) -> None:
        super().__init__()
        self._most = most

    def __missing__(self, task_id: str) -> TracedTask:
        task = self[task_id] = TracedTask()
        if len(self) > self._most:
            self.popitem(last=False)
        return task
