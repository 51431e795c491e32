"""A provider that takes its time, permits that are counted, and the outcomes that watches heard."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from wan_async._policy.planner import Planner
from wan_async._policy.settings import Polling
from wan_async._polling.poller import Poller
from wan_async._protocol import TaskRecord, TaskState

from ..limiters import NoLimit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wan_async._policy.limiter import Limiter, Permit
    from wan_async.errors import WanError

ROUND_TRIP = 0.06
LINKS = ("https://clips.example/t.mp4",)
_EPOCH = datetime(2026, 1, 1, tzinfo=UTC)


class Provider:
    """Tasks that end after their duration; faults (errors or records), given per task, come first and one per poll."""

    def __init__(self, *, stamps: bool = True) -> None:
        self.polls: defaultdict[str, list[float]] = defaultdict(list)
        self.faults: defaultdict[str, list[BaseException | TaskRecord]] = defaultdict(list)
        self.most_at_once = 0
        self._tasks: dict[str, tuple[float, float, TaskState]] = {}
        self._stamps = stamps
        self._at_once = 0

    def start(self, task_id: str, seconds: float, *, ends: TaskState = TaskState.SUCCESS, age: float = 0.0) -> str:
        self._tasks[task_id] = (asyncio.get_running_loop().time() - age, seconds, ends)
        return task_id

    def ages(self, task_id: str) -> list[float]:
        """The task's age at each poll, when the poll was sent."""
        return [when - self._tasks[task_id][0] for when in self.polls[task_id]]

    async def read(self, task_id: str) -> TaskRecord:
        self._at_once += 1
        self.most_at_once = max(self.most_at_once, self._at_once)
        try:
            return await self._answer(task_id)
        finally:
            self._at_once -= 1

    async def _answer(self, task_id: str) -> TaskRecord:
        loop = asyncio.get_running_loop()
        self.polls[task_id].append(loop.time())
        await asyncio.sleep(ROUND_TRIP / 2)
        record = self._record(task_id, loop.time())
        await asyncio.sleep(ROUND_TRIP / 2)
        if not self.faults[task_id]:
            return record
        fault = self.faults[task_id].pop(0)
        if isinstance(fault, TaskRecord):
            return fault
        raise fault

    def _record(self, task_id: str, now: float) -> TaskRecord:
        created, seconds, ends = self._tasks[task_id]
        if now < created + seconds:
            return TaskRecord(task_id=task_id, state=TaskState.WAITING)
        urls = LINKS if ends is TaskState.SUCCESS else ()
        if not self._stamps:
            return TaskRecord(task_id=task_id, state=ends, urls=urls)
        start = _EPOCH + timedelta(seconds=created)
        end = start + timedelta(seconds=seconds)
        return TaskRecord(task_id=task_id, state=ends, urls=urls, created_at=start, completed_at=end)


class Paced(NoLimit):
    """A permit every so many seconds."""

    def __init__(self, every: float) -> None:
        super().__init__()
        self._every = every
        self._next = -every

    async def acquire(self) -> Permit:
        now = asyncio.get_running_loop().time()
        self._next = max(self._next + self._every, now)
        await asyncio.sleep(self._next - now)
        return await super().acquire()


class Heard:
    """What watches heard, and when."""

    def __init__(self) -> None:
        self.outcomes: list[TaskRecord | WanError] = []
        self.times: list[float] = []

    def __call__(self, outcome: TaskRecord | WanError) -> None:
        self.outcomes.append(outcome)
        self.times.append(asyncio.get_running_loop().time())


def poller(provider: Provider, permits: Limiter | None = None, polling: Polling | Planner | None = None) -> Poller:
    return Poller(provider.read, NoLimit() if permits is None else permits, Polling() if polling is None else polling)


def now() -> float:
    """The loop's clock."""
    return asyncio.get_running_loop().time()


def others() -> set[asyncio.Task[object]]:
    """The tasks of this loop, but for the one that asks."""
    return asyncio.all_tasks() - {asyncio.current_task()}  # pyright: ignore[reportReturnType]


def mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def experienced(*durations: float) -> Planner:
    """A planner that knows how long tasks of the kind "kind" took."""
    planner = Planner(Polling())
    for seconds in durations:
        planner.schedule("kind").observe(seconds)
    return planner
