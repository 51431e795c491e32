"""Poll workers: a few coroutines, each of which makes one poll after the other, one exchange under one permit each.

A worker takes a permit, polls the task that pays most then, and goes on to the next while any is due. When none is, it
ends, and a timer starts another when the next comes due. So a poll costs neither a coroutine nor a timer of its own
(16 of 75 µs), and whatever waits, one worker at most stands in line for a permit, ahead of the caller's own calls.
"""

from __future__ import annotations

import asyncio
import math
from typing import TYPE_CHECKING, Generic, TypeVar, cast

from .._policy.waiting_task import WaitingTask
from ..errors import RateLimitError, TransportError, WanError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from .._policy.limiter import Limiter, Permit
    from .._policy.poll_queue import PollQueue
    from .._protocol import TaskRecord

T = TypeVar("T", bound=WaitingTask)


async def poll(
    read: Callable[[str], Awaitable[TaskRecord]], task_id: str, limiter: Limiter, permit: Permit
) -> TaskRecord | WanError:
    """Read a task's record; what the service or the network says instead is a value too, and ends the permit."""
    try:
        record = await read(task_id)
    except RateLimitError as error:
        limiter.rejected_nowait(permit, error.retry_after)
        return error
    except TransportError as error:
        (limiter.counted_nowait if error.sent else limiter.released_nowait)(permit)
        return error
    except WanError as error:
        limiter.counted_nowait(permit)
        return error
    except BaseException:
        limiter.counted_nowait(permit)  # it may have reached the provider
        raise
    limiter.counted_nowait(permit)
    return record


class PollWorkers(Generic[T]):
    """The coroutines that poll what is due, in one event loop at a time.

    Args:
        queue: knows what is due.
        limiter: the query limit.
        most: polls under way at once, at most.
        poll: polls one task, under a permit that it ends.
        on_bug: called when nothing would be polled any more: a bug in the queue, in the limiter or here.
    """

    def __init__(
        self,
        queue: PollQueue[T],
        limiter: Limiter,
        most: int,
        poll: Callable[[T, Permit], Awaitable[None]],
        on_bug: Callable[[Exception], None],
    ) -> None:
        self._queue = queue
        self._limiter = limiter
        self._most = most
        self._poll = poll
        self._on_bug = on_bug
        self._running: set[asyncio.Task[None]] = set()
        self._in_line: asyncio.Task[None] | None = None
        self._polling: dict[T, asyncio.Task[None]] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._rings_at = math.inf

    @property
    def running(self) -> list[asyncio.Task[None]]:
        """The workers there are."""
        return list(self._running)

    def expect(self, due: float) -> None:
        """Have a worker ready at this clock: something may be due then that was not known before, or not so early."""
        if due < self._rings_at:
            self._set_timer(due)

    def call_off(self, task: T) -> None:
        """End the poll of this task, which is not waited for any more, unless that poll is what ended the wait."""
        worker = self._polling.get(task)
        if worker is not None and worker is not asyncio.current_task():
            worker.cancel()

    def rest(self) -> None:
        """Leave no timer, and no worker in line: nothing is waited for any more."""
        self._set_timer(math.inf)
        if self._in_line is not None:
            self._in_line.cancel()

    def start_over(self, queue: PollQueue[T]) -> None:
        """End all that is under way, and go on with another queue."""
        self._queue = queue
        self._set_timer(math.inf)
        for worker in self._running:
            worker.cancel()

    def _set_timer(self, due: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        loop = asyncio.get_running_loop()
        self._timer = None if due == math.inf else loop.call_at(max(due, loop.time()), self._ring)
        self._rings_at = due

    def _ring(self) -> None:
        self._timer = None
        self._rings_at = math.inf
        try:
            if self._in_line is None and len(self._running) < self._most:
                self._start()
        except Exception as bug:  # noqa: BLE001 - it ends all waits and is raised there
            self._on_bug(bug)

    def _start(self) -> None:
        worker = asyncio.get_running_loop().create_task(self._work(), name="wan-async poll worker")
        self._running.add(worker)
        worker.add_done_callback(self._ended)

    def _ended(self, worker: asyncio.Task[None]) -> None:
        """See to what is planned: nothing was due any more, or the task of a poll is not waited for any more."""
        self._running.discard(worker)
        try:
            if not worker.cancelled():
                worker.result()
            if (due := self._queue.next_due()) is not None:
                self.expect(due)
        except Exception as bug:  # noqa: BLE001 - it ends all waits and is raised there
            self._on_bug(bug)

    async def _work(self) -> None:
        worker = cast("asyncio.Task[None]", asyncio.current_task())
        clock = asyncio.get_running_loop().time
        while await self._poll_one(worker, clock):
            pass

    async def _poll_one(self, worker: asyncio.Task[None], clock: Callable[[], float]) -> bool:
        """Poll one task; False if none is due, or if another worker will see to it."""
        if self._queue.replan():
            await asyncio.sleep(0)
            return True
        if self._in_line is not None or not self._queue.any_due(clock()):
            return False
        self._in_line = worker
        try:
            permit = await self._limiter.acquire()
        finally:
            self._in_line = None
        try:
            task = self._queue.take(clock())
            if task is not None and len(self._running) < self._most:
                self._let_others_poll(clock())
        except BaseException:
            self._limiter.released_nowait(permit)
            raise
        if task is None:
            self._limiter.released_nowait(permit)
            return True
        self._polling[task] = worker
        try:
            await self._poll(task, permit)
        finally:
            del self._polling[task]
        return True

    def _let_others_poll(self, now: float) -> None:
        """Have another worker poll while this one waits for its answer: at once, or when something comes due."""
        if self._queue.any_due(now):
            self._start()
        elif (due := self._queue.next_due()) is not None:
            self.expect(due)
