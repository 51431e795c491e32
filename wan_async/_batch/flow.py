"""The way of an item: feed → ahead → send → wait → collect → outbox. Each step hands a new value to the next."""

from __future__ import annotations

import asyncio
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
from .ahead import Ahead
from .budget import Budget
from .collect import Collector
from .crew import Crew, Stake
from .feed import Feed
from .intake import Intake
from .ledger import Item, Ledger, Lost, outcome_of
from .outbox import Outbox
from .outcome import Outcome
from .steps import HITS_EVERY_ITEM, Steps, Watch
from .submission import NotSent, Submission

WORKERS = 32
"""At least, however few connections there are: one that waits to repeat what is safe to repeat holds up no other."""


class Flow:
    """Moves items from the feed to the outbox until the inputs end or it is stopped."""

    def __init__(self, steps: Steps, feed: Feed, ledger: Ledger, max_in_flight: int) -> None:
        self._steps = steps
        self._ledger = ledger
        self._max_in_flight = max_in_flight
        self._slots = asyncio.Semaphore(max_in_flight)
        self._intake = Intake(feed, ledger, self._slots)
        self._ahead = Ahead(self._pull, ledger, steps.permits, self._not_sent)
        self.written = self._ahead.written  # of `Sender`; once an item, so without a way through here
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
        if self._ledger.durable:
            self._crew.start(self._ahead.run(), Stake.NOTHING)
        for _ in range(min(max(WORKERS, self._steps.most_submissions), self._max_in_flight)):
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
        if not self._sending:
            self._ahead.stop()
        self.outbox.wake()

    async def leave(self) -> None:
        """Stop; let answers under way reach the journal; forget the rest."""
        self.stop()
        self._collector.stop()
        self._crew.dismiss(Stake.CLIP if self._ledger.durable else Stake.MONEY)
        try:
            await self._crew.join()
        finally:
            for watch in self._watches.values():
                watch.cancel()
            self._watches.clear()

    # feed

    async def _work(self) -> None:
        """One worker: take a submission, send it."""
        take = self._ahead.next if self._ledger.durable else self._pull
        while True:
            self._crew.at_stake(Stake.ITEM)  # what is ahead may be to be sent although nothing more is pulled
            submission = await take()
            if submission is None:
                return
            if not await self._send(submission):
                self._slots.release()

    async def _pull(self) -> Submission | None:
        """The next item that is to be sent, its price set aside; None at the end."""
        while self._feeding:
            self._crew.at_stake(Stake.NOTHING)
            item = await self._intake.next()
            if item is None:
                return None
            self._crew.at_stake(Stake.ITEM)
            if isinstance(item, Outcome):
                self.outbox.put(item, holds_slot=True)
                continue
            try:
                self._commit(item)
            except InvalidInputError as error:
                self.outbox.put(outcome_of(item, None, error), holds_slot=True)
                continue
            adoption = self._steps.adoption
            return Submission(self, item, None if adoption is None else adoption.new_token())
        return None

    def _not_sent(self, submission: Submission, result: bool | JournalError) -> None:
        """A submission whose intent was asked for is not to be sent, or may not be."""
        item = submission.item
        self._settle(item, 0.0)
        if result is False and self._sending:
            self._crew.start(self._hand_over_rival(item), Stake.MONEY)
            return
        self._slots.release()
        if isinstance(result, JournalError):
            self.stop(result)
        elif result and submission.permit is not None:
            self._ledger.withdraw(item)
        self.outbox.wake()

    async def _hand_over_rival(self, item: Item) -> None:
        outcome = await self._ledger.rival(item)
        if isinstance(outcome, Outcome):
            self.outbox.put(outcome, holds_slot=True)
        else:
            self._slots.release()

    # send

    async def _send(self, submission: Submission) -> bool:
        """Submit one item; True if its slot stays taken until an outcome is handed over."""
        item = submission.item
        try:
            task_id = await self._steps.submit(item.input, submission)
        except NotSent as reason:
            self._settle(item, 0.0)
            if reason.outcome is None:
                return False
            self.outbox.put(reason.outcome, holds_slot=True)
            return True
        except HITS_EVERY_ITEM as error:
            self._take_back(submission, error)
            raise
        except SubmissionUnknownError as error:
            if self._steps.adoption is None or submission.token is None:
                self._collector.collect(item, outcome_of(item, None, error), holds_slot=True)
            else:
                self._seek(Lost(item, submission.token, self._steps.adoption.within, error), holds_slot=True)
            return True
        except WanError as error:
            self._settle(item, 0.0)
            outcome = outcome_of(item, None, error)
            if submission.begun:
                self._collector.collect(item, outcome, holds_slot=True)
            else:  # its input or a file of it was refused: nothing to write down
                self._ahead.give_back(submission)
                self.outbox.put(outcome, holds_slot=True)
            return True
        finally:
            if submission.begun:
                self._posts.release()
        self._accepted(item, task_id, holds_slot=True)
        return True

    def _accepted(self, item: Item, task_id: str, *, holds_slot: bool) -> None:
        self.outbox.tally.submitted += 1
        self._ledger.accepted(item, task_id)
        self._wait(item, task_id, 0.0, holds_slot=holds_slot)

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

    async def begin(self, submission: Submission) -> None:
        """Its intent is on disk, and its turn has come. A stop does not cancel its worker any more."""
        self._crew.at_stake(Stake.MONEY)
        item = submission.item
        if submission.permit is None:
            if not self._sending:
                raise NotSent
            begun = await self._ledger.begin(item, submission.token)
            if begun is not True:
                raise NotSent(begun or None)
        try:
            await self._posts.acquire()
        except asyncio.CancelledError:  # the caller waits for nothing any more; the journal writes it when it closes
            self._ledger.withdraw(item)
            raise
        if not self._sending:
            self._posts.release()
            self._ledger.withdraw(item)
            raise NotSent

    async def again(self, submission: Submission, error: WanError) -> None:
        """Nothing was created; it waits for its next try unless the batch stops."""
        self._posts.release()
        if isinstance(error, RateLimitError):
            self.outbox.tally.throttled += 1
        self._ledger.withdraw(submission.item)
        if not self._sending:
            raise NotSent
        self._crew.at_stake(Stake.ITEM)

    def _take_back(self, submission: Submission, error: WanError) -> None:
        """It was refused like all that would follow it: the next run sends it."""
        self._settle(submission.item, 0.0)
        if not submission.begun:
            self._ahead.give_back(submission)
        elif not isinstance(error, JournalError):
            self._ledger.withdraw(submission.item)

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
        return not (self._crew or self._watches or self._ahead.pending or self._collector.writing)
