"""A task's handle: an id and a client, made without I/O."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Hashable
from typing import TYPE_CHECKING

import msgspec

from ._protocol import TaskRecord, TaskState
from .errors import TaskFailedError
from .models import CustomInput, WanInput

if TYPE_CHECKING:
    from ._calls import Calls
    from ._poller import Poller


class WanTask:
    """A task at the provider, known by its id.

    Attributes:
        id: the task's opaque id; all that is needed to find the task again with `WanClient.task`.
    """

    __slots__ = ("_calls", "_kind", "_poller", "id")

    def __init__(self, calls: Calls, poller: Callable[[], Poller], task_id: str, kind: Hashable = "") -> None:
        self._calls = calls
        self._poller = poller
        self._kind = kind
        self.id = task_id

    def __repr__(self) -> str:
        return f"WanTask({self.id!r})"

    async def record(self) -> TaskRecord:
        """The task's record, now; see `WanClient.record`."""
        return await self._calls.record(self.id)

    async def wait(self, max_wait: float | None = None) -> TaskRecord:
        """Wait until the task has ended, and give its record; see `WanClient.wait`."""
        record = await self._poller().wait(self.id, kind=self._kind, max_wait=max_wait)
        if record.state is TaskState.FAIL:
            raise TaskFailedError(record)
        return record

    async def watch(self) -> AsyncGenerator[TaskRecord]:
        """The task's records as they change, a failed one too; the last is final."""
        last: TaskRecord | None = None
        async for record in self._poller().follow(self.id, kind=self._kind):
            if record != last:
                yield record
            last = record


def kind_of(task_input: WanInput) -> Hashable:
    """What drives how long a task takes: the model, the resolution and the clip's duration."""
    fields = task_input.input if isinstance(task_input, CustomInput) else msgspec.structs.asdict(task_input)
    return (task_input.model, str(fields.get("resolution", "")), str(fields.get("duration", "")))
