"""Handles of tasks: an id and a client, made without I/O."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Coroutine, Hashable
from typing import TYPE_CHECKING, Any

from ._policy.settings import require_positive
from ._protocol import TaskRecord, TaskState
from .errors import InvalidInputError, TaskFailedError, TaskTimeoutError
from .models import CustomInput, WanInput

if TYPE_CHECKING:
    from ._calls import Calls
    from ._runtime import Runtime


class WanTask:
    """A task at the provider, known by its id.

    Attributes:
        id: the task's opaque id; all that is needed to find the task again with `WanClient.task`.
    """

    __slots__ = ("_at_once", "_calls", "_kind", "_running", "_submitted", "id")

    def __init__(
        self,
        calls: Calls,
        running: Callable[[], Runtime],
        task_id: str,
        kind: Hashable = None,
        submitted: float | None = None,
        *,
        at_once: bool = False,
    ) -> None:
        """`submitted`: when, by the runtime's clock; None: not known. `at_once`: poll at once, it may have ended."""
        self._calls = calls
        self._running = running
        self._kind = kind
        self._submitted = submitted
        self._at_once = at_once
        self.id: str = task_id

    def __repr__(self) -> str:
        return f"WanTask({self.id!r})"

    async def record(self) -> TaskRecord:
        """The task's record, now; see `WanClient.record`."""
        return await self._calls.record(self.id)

    async def wait(self, max_wait: float | None = None) -> TaskRecord:
        """Wait until the task has ended, and give its record; see `WanClient.wait`."""
        require_max_wait(max_wait)
        record = await self._wait(max_wait, at_once=self._at_once)
        if record.state is TaskState.FAIL:
            raise TaskFailedError(record)
        return record

    async def watch(self) -> AsyncGenerator[TaskRecord]:
        """The task's records as they change, the first at once; the last is final, a failed one too."""
        records: asyncio.Queue[TaskRecord | None] = asyncio.Queue()
        end = asyncio.ensure_future(self._wait(None, at_once=True, on_record=records.put_nowait))
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

    def _wait(
        self, max_wait: float | None, *, at_once: bool, on_record: Callable[[TaskRecord], None] | None = None
    ) -> Coroutine[Any, Any, TaskRecord]:
        here, submitted = self._running(), self._submitted
        age = None if submitted is None else max(here.clock() - submitted, 0.0)
        self._at_once = True  # who waits once more may find that it has ended
        return here.poller.wait(
            self.id,
            kind=self._kind,
            age=age,
            max_wait=max_wait,
            at_once=at_once,
            submitted=submitted is not None,
            on_record=on_record,
        )


async def waited_for(task: WanTask, max_wait: float | None) -> TaskRecord:
    """The record of a task whose id its creator does not know; whatever else ends the wait has it in a note."""
    try:
        return await task.wait(max_wait)
    except (TaskFailedError, TaskTimeoutError):
        raise
    except BaseException as error:
        error.add_note(f"task {task.id} was created and may be charged; WanClient.wait({task.id!r}) gets its record")
        raise


class Tasks:
    """A client's handles: of tasks that it submitted lately, whose kind and age it knows, and of any other id."""

    def __init__(self, calls: Calls, running: Callable[[], Runtime]) -> None:
        self._calls = calls
        self._running = running

    def submitted(self, task_id: str, task_input: WanInput, clock: float) -> WanTask:
        """The handle of a task that was just submitted, `clock` by the runtime's clock."""
        kind = kind_of(task_input)
        self._calls.created.put(task_id, (kind, clock))
        return WanTask(self._calls, self._running, task_id, kind, clock)

    def of(self, task_id: str) -> WanTask:
        """The handle of any task."""
        require_task_id(task_id)
        kind, submitted = self._calls.created.get(task_id) or (None, None)
        return WanTask(self._calls, self._running, task_id, kind, submitted, at_once=True)


def require_task_id(task_id: str) -> None:
    """Refuse what is no task's id."""
    if not isinstance(task_id, str) or not task_id or not task_id.isprintable():
        raise InvalidInputError("task_id", task_id, "printable text of at least 1 character")


def require_max_wait(max_wait: float | None) -> None:
    """Refuse what is neither None nor a finite number of seconds ≥ 0."""
    if max_wait is not None:
        require_positive("max_wait", max_wait, zero=True)


def kind_of(task_input: WanInput) -> Hashable:
    """The things that drive how long a task takes: the model, the resolution and the clip's duration."""
    if isinstance(task_input, CustomInput):
        fields = task_input.input
        return (task_input.model, str(fields.get("resolution", "")), str(fields.get("duration", "")))
    return (task_input.model, str(getattr(task_input, "resolution", "")), str(getattr(task_input, "duration", "")))
