"""A task's handle: an id and a client, made without I/O."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Hashable
from typing import TYPE_CHECKING

from ._policy.settings import require_positive
from ._protocol import TaskRecord, TaskState
from .errors import TaskFailedError
from .models import CustomInput, WanInput

if TYPE_CHECKING:
    from ._calls import Calls
    from ._runtime import Runtime


class WanTask:
    """A task at the provider, known by its id.

    Attributes:
        id: the task's opaque id; all that is needed to find the task again with `WanClient.task`.
    """

    __slots__ = ("_calls", "_kind", "_running", "_submitted", "id")

    def __init__(
        self,
        calls: Calls,
        running: Callable[[], Runtime],
        task_id: str,
        kind: Hashable = None,
        submitted: float | None = None,
    ) -> None:
        """`submitted`: when, by the clock of the runtime; None: rebuilt from its id, it may have ended long ago."""
        self._calls = calls
        self._running = running
        self._kind = kind
        self._submitted = submitted
        self.id: str = task_id

    def __repr__(self) -> str:
        return f"WanTask({self.id!r})"

    async def record(self) -> TaskRecord:
        """The task's record, now; see `WanClient.record`."""
        return await self._calls.record(self.id)

    async def wait(self, max_wait: float | None = None) -> TaskRecord:
        """Wait until the task has ended, and give its record; see `WanClient.wait`."""
        require_max_wait(max_wait)
        here, submitted = self._running(), self._submitted
        age = 0.0 if submitted is None else max(here.clock() - submitted, 0.0)
        wait = here.poller.wait(self.id, kind=self._kind, age=age, max_wait=max_wait, at_once=submitted is None)
        record = await wait
        if record.state is TaskState.FAIL:
            raise TaskFailedError(record)
        return record

    async def watch(self) -> AsyncGenerator[TaskRecord]:
        """The task's records as they change, the first at once; the last is final, a failed one too."""
        records: asyncio.Queue[TaskRecord | None] = asyncio.Queue()
        wait = self._running().poller.wait(self.id, kind=self._kind, at_once=True, seen=records.put_nowait)
        end = asyncio.ensure_future(wait)
        end.add_done_callback(lambda _: records.put_nowait(None))
        last: TaskRecord | None = None
        try:
            while (record := await records.get()) is not None:
                if record != last:
                    yield record
                last = record
            yield await end
        finally:
            end.cancel()


def require_max_wait(max_wait: float | None) -> None:
    """Refuse what is neither None nor a finite number of seconds ≥ 0."""
    if max_wait is not None:
        require_positive("max_wait", max_wait, zero=True)


def kind_of(task_input: WanInput) -> Hashable:
    """What drives how long a task takes: the model, the resolution and the clip's duration."""
    if isinstance(task_input, CustomInput):
        fields = task_input.input
        return (task_input.model, str(fields.get("resolution", "")), str(fields.get("duration", "")))
    return (task_input.model, str(getattr(task_input, "resolution", "")), str(getattr(task_input, "duration", "")))
