"""The way of an item: feed → send → wait → collect → outbox. Each step hands a new value to the next."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from functools import partial

from .._protocol import TaskRecord
from ..errors import (
    BudgetExceededError,
    InvalidInputError,
    JournalError,
    RateLimitError,
    SubmissionUnknownError,
    WanError,
)
from .budget import Budget
from .collect import Collector
from .crew import Crew, Stake
from .feed import Feed
from .intake import Intake
from .ledger import Item, Ledger, Lost, outcome_of
from .outbox import Outbox
from .outcome import Outcome
from .steps import HITS_EVERY_ITEM, Steps, Watch

WORKERS = 32
"""At least, however few connections there are: one that waits to repeat what is safe to repeat holds up no other."""

AHEAD = 96
"""With a journal, intents that are on their way to the disk or wait for their turn to be sent: flat out most of an
item's time is waiting for the disk."""


class _NotSent(Exception):
    """The item is not sent: the batch stops, or another item with its key was sent.

    Attributes:
        outcome: what is handed over for it, if anything.
    """

    def __init__(self, outcome: Outcome | None = None) -> None:
        super().__init__()
        self.outcome = outcome


class Submission:
    """The intent of one item, written around its POST.

    Attributes:
        token: what its callback URL is to carry, None where no callbacks come.
        begun: True while the request may have left.
    """

    __slots__ = ("_flow", "_item", "begun", "token")

    def __init__(self, flow: Flow, item: Item, token: str | None) -> None:
        self._flow = flow
        self._item = item
        self.token = token
        self.begun = False

    async def begin(self) -> None:
        """Write that the POST is about to leave; from here on a stop lets it finish."""
        await self._flow.begin(self._item, self.token)
        self.begun = True

    async def again(self, error: WanError) -> None:
        """Write that nothing was created; a stop cancels the wait for the next try."""
        self.begun = False
        await self._flow.again(self._item, error)


class Flow:
    """Moves items from the feed to the outbox until the inputs end or it is stopped."""

    def __init__(self, steps: Steps, feed: Feed, ledger: Ledger, max_in_flight: int) -> None:
        self._steps = steps
        self._ledger = ledger
        self._max_in_flight = max_in_flight
        self._slots = asyncio.Semaphore(max_in_flight)
        self._intake = Intake(feed, ledger, self._slots)
        self._watches: dict[str, Watch] = {}
        self._crew = Crew(self._task_ended)
        self._posts = asyncio.Semaphore(steps.most_submissions)
        self._feeding = self._sending = True
        self.budget: Budget | None = None
        self.outbox = Outbox(self._slots.release)
        self._collector = Collector(steps.download, ledger, self._crew, self.outbox, self.stop)

    @property
    def running(self) -> int:
        """Tasks that were created and have not ended."""
        return len(self._watches)

    async def start(self) -> None:
        """Wait again for the tasks of earlier runs, then start the workers."""
        while tasks := await self._ledger.resumed():
            for task in tasks:
                self._wait(task.item, task.task_id, task.age, holds_slot=await self._slot_if_any())
        if self._steps.adoption is not None:
            while submissions := await self._ledger.lost():
                for lost in submissions:
                    self._seek(lost, holds_slot=await self._slot_if_any())
        self._collector.start()
        workers = max(WORKERS, self._steps.most_submissions) + (AHEAD if self._ledger.durable else 0)
        for _ in range(min(workers, self._max_in_flight)):
            self._crew.start(self._work(), Stake.NOTHING)

    async def _slot_if_any(self) -> bool:
        """Take a slot for what an earlier run had under way, as far as there are any."""
        free = not self._slots.locked()
        if free:
            await self._slots.acquire()
        return free

    def stop(self, error: BaseException | None = None) -> None:
        """Pull nothing more, and send nothing but what the budget was committed to when it is used up.

        What runs is still collected; then `error` is raised to the caller.
        """
        self._feeding = False
        if not isinstance(error, BudgetExceededError):
            self._sending = False
        if error is not None:
            self.outbox.fail(error)
        self._crew.dismiss(Stake.NOTHING if self._sending else Stake.ITEM)
        self.outbox.wake()

    async def leave(self) -> None:
        """Stop; let answers under way reach the journal; forget the rest."""
        self.stop()
        self._crew.dismiss(Stake.CLIP if self._ledger.durable else Stake.MONEY)
        try:
            await self._crew.join()
        finally:
            for watch in self._watches.values():
                watch.cancel()
            self._watches.clear()

    # feed

    async def _work(self) -> None:
        """One worker: take an item, send it."""
        while self._feeding:
            self._crew.at_stake(Stake.NOTHING)
            item = await self._intake.next()
            if item is None:
                return
            if isinstance(item, Outcome):
                self.outbox.put(item, holds_slot=True)
            elif not await self._send(item):
                self._slots.release()

    # send

    async def _send(self, item: Item) -> bool:
        """Submit one item; True if its slot stays taken until an outcome is handed over."""
        self._crew.at_stake(Stake.ITEM)
        adoption = self._steps.adoption
        submission = Submission(self, item, None if adoption is None else adoption.new_token())
        try:
            self._commit(item)
            task_id = await self._steps.submit(item.input, submission)
        except _NotSent as reason:
            self._settle(item, 0.0)
            if reason.outcome is None:
                return False
            self.outbox.put(reason.outcome, holds_slot=True)
            return True
        except HITS_EVERY_ITEM as error:
            await self._take_back(item, error, begun=submission.begun)
            raise
        except SubmissionUnknownError as error:
            if adoption is None or submission.token is None:
                self._collector.collect(item, outcome_of(item, None, error), holds_slot=True)
            else:
                self._seek(Lost(item, submission.token, adoption.within, error), holds_slot=True)
            return True
        except WanError as error:
            self._settle(item, 0.0)
            outcome = outcome_of(item, None, error)
            if submission.begun:
                self._collector.collect(item, outcome, holds_slot=True)
            else:  # its input or a file of it was refused: nothing to write down
                self.outbox.put(outcome, holds_slot=True)
            return True
        finally:
            if submission.begun:
                self._posts.release()
        self._accepted(item, task_id, holds_slot=True)
        return True

    def _accepted(self, item: Item, task_id: str, *, holds_slot: bool) -> None:
        self.outbox.tally.submitted += 1
        wait = partial(self._wait, item, task_id, 0.0, holds_slot=holds_slot)
        self._crew.when_written(partial(self._ledger.accepted, item, task_id), wait)

    def _seek(self, lost: Lost, *, holds_slot: bool) -> None:
        """Wait for a callback that tells the task of a submission of unknown fate: data, not a coroutine."""
        if self._steps.adoption is not None:
            found = partial(self._found, lost, holds_slot)
            self._watches[lost.token] = self._steps.adoption.seek(lost.token, lost.left, found)

    def _found(self, lost: Lost, holds_slot: bool, task_id: str | None) -> None:
        self._watches.pop(lost.token, None)
        if task_id is None:
            self._collector.collect(lost.item, outcome_of(lost.item, None, lost.error), holds_slot=holds_slot)
        else:
            self._accepted(lost.item, task_id, holds_slot=holds_slot)

    async def begin(self, item: Item, token: str | None) -> None:
        """The intent of `item` is written, and its turn has come. A stop does not cancel its worker any more."""
        self._crew.at_stake(Stake.MONEY)
        if not self._sending:
            raise _NotSent
        begun = await self._ledger.begin(item, token)
        if begun is not True:
            raise _NotSent(begun or None)
        try:
            await self._posts.acquire()
        except asyncio.CancelledError:  # the caller waits for nothing any more; the journal writes it when it closes
            with suppress(JournalError):
                self._ledger.withdraw(item)
            raise
        if not self._sending:
            self._posts.release()
            await self._withdraw(item)
            raise _NotSent

    async def again(self, item: Item, error: WanError) -> None:
        """Nothing was created for `item`; it waits for its next try unless the batch stops."""
        self._posts.release()
        if isinstance(error, RateLimitError):
            self.outbox.tally.throttled += 1
        await self._withdraw(item)
        if not self._sending:
            raise _NotSent
        self._crew.at_stake(Stake.ITEM)

    async def _take_back(self, item: Item, error: WanError, *, begun: bool) -> None:
        """`item` was refused like all that would follow it: the next run sends it."""
        if isinstance(error, BudgetExceededError):
            return  # it was neither committed nor begun
        self._settle(item, 0.0)
        if begun and not isinstance(error, JournalError):
            await self._withdraw(item)

    async def _withdraw(self, item: Item) -> None:
        written = self._ledger.withdraw(item)
        if written is not None:
            await written

    def _commit(self, item: Item) -> None:
        if self.budget is None:
            return
        if item.price is None:
            allowed = "a model with a list price, CustomInput(price=…), or max_credits=None"
            raise InvalidInputError("price", None, allowed)
        self.budget.commit(item.price)

    def _settle(self, item: Item, consumed: float) -> None:
        if self.budget is not None and item.price is not None:
            self.budget.settle(item.price, consumed)

    # wait and collect

    def _wait(self, item: Item, task_id: str, age: float, *, holds_slot: bool) -> None:
        done = partial(self._ended, item, task_id, holds_slot)
        self._watches[task_id] = self._steps.watch(task_id, item.input, age, done)

    def _ended(self, item: Item, task_id: str, holds_slot: bool, result: TaskRecord | WanError) -> None:
        self._watches.pop(task_id, None)
        if isinstance(result, HITS_EVERY_ITEM):  # the task still runs, and a journal says so
            if holds_slot:
                self._slots.release()
            self.stop(result)
            return
        outcome = outcome_of(item, task_id, result)
        if outcome.record is not None:
            consumed = outcome.record.credits
            cost = consumed if consumed is not None else (item.price or 0.0) if outcome.ok else 0.0
            self.outbox.tally.credits += cost
            self._settle(item, cost)
        self._collector.collect(item, outcome, holds_slot=holds_slot)

    def _task_ended(self, error: BaseException | None) -> None:
        if error is not None:
            self.stop(error)
        self.outbox.wake()

    @property
    def at_rest(self) -> bool:
        """True if nothing runs that could still put an outcome."""
        return not self._crew and not self._watches
