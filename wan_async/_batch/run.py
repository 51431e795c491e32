"""A batch at work: its feed, its items' coroutines, what earlier runs left, and how all of it ends."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import AsyncExitStack
from typing import Any, TypeAlias

from .._policy.limiter import Limiter
from .._policy.settings import require_positive, require_positive_integer
from ..errors import BudgetExceededError, WanError
from .earlier import Earlier
from .feeder import Feeder, Inputs
from .item import Items
from .ledger import Ledger
from .outbox import Outbox
from .outcome import BatchStats, Outcome
from .service import Service
from .stages import Item, Stage

EARLIER_CLIPS = 16
"""Clips of earlier runs that are being fetched or wait for the caller: twice what is downloaded at once."""

SEEN_TOGETHER = 64
"""Outcomes at most that are taken and not yet written as seen: a killed run's next hands these over again."""

TAKE_OVER_EVERY = 5.0
"""Seconds between two questions for what workers that died had running, where a journal is shared."""

_Tasks: TypeAlias = set[asyncio.Task[None]]


class Run:
    """A batch at work; it goes on without the `Batch` that callers hold, until that one is dropped.

    Args:
        service: what is done for the items.
        inputs: the caller's.
        ledger: where it is written down.
        max_in_flight: items that are pulled and not handed over, at most.
        max_wait: seconds for which a task is waited for; None: as long as it takes.

    Attributes:
        limiter: the account's window of submissions.
        max_credits: what may be spent.
        max_in_flight: items that are pulled and not handed over, at most.
        on_close: awaited when it is left, after everything else.
    """

    def __init__(
        self, service: Service, inputs: Inputs, ledger: Ledger, *, max_in_flight: int, max_wait: float | None = None
    ) -> None:
        require_positive_integer("max_in_flight", max_in_flight)
        if ledger.max_credits is not None:
            require_positive("max_credits", ledger.max_credits, zero=True)
        if max_wait is not None:
            require_positive("max_wait", max_wait, zero=True)
        self._ledger = ledger
        self.max_in_flight: int = max_in_flight
        self._slots = asyncio.Semaphore(max_in_flight)
        self._clip_slots = asyncio.Semaphore(EARLIER_CLIPS)
        self._check_target = service.check_target
        self._fetches = service.download is not None
        self.limiter: Limiter | None = service.limiter
        self.max_credits: float | None = ledger.max_credits
        self.on_close: list[Callable[[], Awaitable[None]]] = []
        self._tasks: _Tasks = set()  # may still put an outcome: the items', the feeder's, some helpers'
        self._beside: _Tasks = set()  # put none, so that nothing waits for them
        self._helpers: list[asyncio.Task[None]] = []  # cancelled when it is left; without a journal all are
        self._stopped = self._open = False
        self._taken: str | None = None
        self._seen: list[str] = []
        self._loop: asyncio.AbstractEventLoop | None = None
        self._process = 0
        self.outbox: Outbox = Outbox()
        self.items: Items = Items(service, ledger, self.outbox, self.stop, max_wait)
        self.feeder: Feeder = Feeder(inputs, self.items, self._slots, self._start)
        self._feeding: asyncio.Task[None] | None = None

    @property
    def entered(self) -> bool:
        """Whether it was entered."""
        return self._loop is not None

    @property
    def stats(self) -> BatchStats:
        """Counts of this run, now."""
        counts = self.outbox
        return BatchStats(
            pulled=self.feeder.pulled,
            submitted=counts.submitted,
            running=self.items.running,
            succeeded=counts.succeeded,
            failed=counts.failed,
            unknown=counts.unknown,
            throttled=counts.throttled,
            credits=self._ledger.charged,
            replayed=counts.replayed,
            fetching=self.items.fetching,
            overdue=0.0 if self._loop is None else self.items.overdue(self._loop.time()),
        )

    async def enter(self) -> None:
        """Open the ledger, go on with what earlier runs left, then feed."""
        self._loop = asyncio.get_running_loop()
        self.items.enter(self._loop)
        self._process = os.getpid()
        self._open = True
        if self._check_target is not None:
            await self._check_target()
        await self._ledger.open(self.stop)
        await self._resume()
        if self._ledger.earlier is not None:
            self.outbox.replaying = True
            self._help(self._replay(self._ledger.earlier))
            if self._fetches:
                self._help(self._fetch_earlier(self._ledger.earlier))
        if self._ledger.shared:
            self._help(self._take_over(), self._beside)
        self._feeding = self._task(self.feeder.run())

    async def next(self, batch: object = None) -> Outcome:
        """The next outcome; see `Outbox.get`. Who waits for it holds the `batch`: one that nobody holds is dropped."""
        if os.getpid() != self._process:
            raise WanError("this batch belongs to the process that entered it; a forked one makes its own")
        if self._ledger.durable:
            self._see(all_of_it=not self.outbox.ready)
        try:
            outcome = self.outbox.take() or await self.outbox.get(self._at_rest)
        except Exception:  # the end, or what brought it: whoever gets it may read the journal
            await self._ledger.written()
            raise
        if self._ledger.durable:
            self._taken = outcome.key
        return outcome

    def _see(self, *, all_of_it: bool) -> None:
        """The caller came back: what it was handed is seen. That is written in groups while it does not wait."""
        if self._taken is not None:
            self._seen.append(self._taken)
        self._taken = None
        if self._seen and (all_of_it or len(self._seen) >= SEEN_TOGETHER):
            self._ledger.seen_nowait(self._seen)
            self._seen = []

    def stop(self, error: BaseException | None = None) -> None:
        """Pull nothing more, and send nothing but what the budget was set aside for when that is used up.

        What runs is still collected; then `error` is raised to the caller.
        """
        self._stopped = True
        if not isinstance(error, BudgetExceededError):
            self.items.sending = False
        if error is not None:
            self.outbox.fail(error)
        if self._feeding is not None and self._feeding is not asyncio.current_task():
            self._feeding.cancel()
        self.items.unsent.close()
        self.outbox.wake()

    def abandon(self, error: BaseException) -> None:
        """Stop, and wait for nothing more: what is waited with is closed."""
        if self._loop is not None and self._loop is _running_loop():
            self.stop(error)
            self.items.left.close()

    def drop(self) -> None:
        """Leave soon: nobody holds the batch any more. Called from anywhere."""
        if self._open and self._loop is not None and not self._loop.is_closed() and os.getpid() == self._process:
            self._loop.call_soon_threadsafe(self._leave_soon)

    def _leave_soon(self) -> None:
        self._task(self.leave(), self._beside)

    async def leave(self, *, normally: bool = False) -> None:
        """Stop; let answers under way reach the journal; forget the rest. `normally`: the last outcome is seen too."""
        if os.getpid() != self._process:
            return  # a forked child: its parent goes on
        self._open = False
        if not self._at_rest():  # for another task that loops over it
            self.outbox.fail(WanError("the batch was left before it ended"))
        async with AsyncExitStack() as last:
            while self.on_close:
                last.push_async_callback(self.on_close.pop())
            last.push_async_callback(self._ledger.aclose)
            last.push_async_callback(self.feeder.aclose)
            if not normally:
                self._taken = None
            self._see(all_of_it=True)
            await self._end()

    async def _end(self) -> None:
        self.stop()
        self.items.left.close()
        for task in self._helpers if self._ledger.durable else tuple(self._tasks):
            task.cancel()
        try:
            while pending := [task for task in self._tasks if not task.done()]:
                await asyncio.wait(pending)
        finally:  # a second cancellation
            for task in self._tasks:
                task.cancel()
            if self._tasks:
                await asyncio.sleep(0)  # what a cancelled one has to write, it asks for now

    # what earlier runs, or other workers, left

    async def _resume(self) -> None:
        earlier = self._ledger.earlier
        while earlier is not None and (page := await earlier.resumed()):
            for item, stage in page:
                free = not self._slots.locked()
                if free:
                    await self._slots.acquire()
                self._start(item, stage, self._slots if free else None)

    async def _take_over(self) -> None:
        while True:
            await asyncio.sleep(TAKE_OVER_EVERY)
            await self._resume()

    async def _replay(self, earlier: Earlier) -> None:
        try:
            while page := await earlier.replays():
                await self.outbox.replay(page)
        finally:
            self.outbox.replaying = False
            self.outbox.wake()  # for what has all slots by now: nothing more comes until it is taken

    async def _fetch_earlier(self, earlier: Earlier) -> None:
        while self.items.writable and (page := await earlier.unfetched()):
            for item, stage in page:
                await self._clip_slots.acquire()
                if not self.items.writable:
                    return
                self._start(item, stage, self._clip_slots)

    # its coroutines

    def _start(self, item: Item, stage: Stage, slots: asyncio.Semaphore | None) -> None:
        self._task(self.items.run(item, stage, slots))

    def _help(self, step: Coroutine[Any, Any, None], among: _Tasks | None = None) -> None:
        """Run a helper, among the tasks that may put an outcome unless others are given."""
        self._helpers.append(self._task(step, among))

    def _task(self, step: Coroutine[Any, Any, None], among: _Tasks | None = None) -> asyncio.Task[None]:
        loop = asyncio.get_running_loop() if self._loop is None else self._loop
        task = loop.create_task(step)
        (self._tasks if among is None else among).add(task)
        task.add_done_callback(self._done)
        return task

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._beside.discard(task)
        try:
            if not task.cancelled():
                error = task.exception()
                if error is not None:
                    self.stop(error)
            elif not self._stopped:
                self.stop(WanError("a coroutine of the batch was cancelled by somebody else"))
        except Exception as bug:  # noqa: BLE001 - it ends the batch and is raised there
            self.outbox.fail(bug)
            self.items.left.close()
        if not self._tasks:
            self.outbox.wake()

    def _at_rest(self) -> bool:
        """True if nothing runs that could still put an outcome."""
        return not self._tasks  # not before `_done` has kept what went wrong


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None
