"""The way of an item, one coroutine that reads top to bottom: `Items.run`.

What goes wrong in a step of one item is that item's outcome. An error that would hit every item stops the batch. What
goes wrong between the steps (the ledger, the outbox) ends the batch with that error.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec

from .._journal.store import Elsewhere, Written
from ..errors import JournalError, SubmissionUnknownError, WanError
from .outcome import Outcome
from .scope import Scope
from .service import HITS_EVERY_ITEM, UNREACHABLE
from .stages import Attempt, Ended, Item, Lost, Running, Stage, Unfetched, Unsent, outcome_of
from .submission import NotSent, Submission

if TYPE_CHECKING:
    from .ledger import Ledger
    from .outbox import Outbox
    from .service import Service

SENDERS = 32
"""At least, however few connections there are: one that waits to repeat what is safe to repeat holds up no other."""

INTENTS_AHEAD = 16
"""With a journal so many more: their intents are written while the requests of others are in the air."""


class Items:
    """Brings items from where they stand to the outbox.

    Args:
        service: what is done for them.
        ledger: where it is written down.
        outbox: takes their outcomes.
        stop: stops the batch with an error.
        max_wait: seconds for which a task is waited for; None: as long as it takes.

    Attributes:
        turns: one for each item that is being submitted; whoever starts an unsent item takes it first.
        posts: one for each POST in the air; None where there are no fewer than turns.
        unsent: the scope of what is not sent yet; a stop closes it.
        left: the scope of what the next run can do as well; leaving closes it.
        sending: False once nothing more may be sent.
        writable: False once a clip could not be written: the next one would meet that too.
        fetching: clips that are being fetched.
    """

    def __init__(
        self,
        service: Service,
        ledger: Ledger,
        outbox: Outbox,
        stop: Callable[[BaseException], None],
        max_wait: float | None = None,
    ) -> None:
        self._service = service
        self.outbox = outbox
        self._stop = stop
        self._max_wait = max_wait
        posts = service.most_submissions
        senders = max(SENDERS, posts) + (INTENTS_AHEAD if ledger.durable else 0)
        self.turns: asyncio.Semaphore = asyncio.Semaphore(senders)
        self.posts: asyncio.Semaphore | None = asyncio.Semaphore(posts) if posts < senders else None
        self.ledger = ledger
        self.unsent: Scope = Scope()
        self.left: Scope = Scope()
        self.sending: bool = True
        self.writable: bool = True
        self.fetching: int = 0
        self._clock: Callable[[], float] = time.monotonic
        self._since: dict[str, float] = {}
        self._longest = 0.0

    def enter(self, loop: asyncio.AbstractEventLoop) -> None:
        """Have the items go their way in this event loop, the running one."""
        self.unsent.loop = self.left.loop = loop
        self._clock = loop.time

    async def run(self, item: Item, stage: Stage | None, slots: asyncio.Semaphore | None) -> None:
        """Bring an item from where it stands to its outcome; its slot goes with it, or back to `slots`."""
        try:
            while isinstance(stage, (Unsent, Elsewhere)):
                if isinstance(stage, Elsewhere) and slots is not None:
                    slots.release()  # it is in a slot of that worker's; else who comes second would have none free
                    slots = None
                stage = await (self._submit(item) if isinstance(stage, Unsent) else self._ended_elsewhere(item))
                if isinstance(stage, Unsent):
                    with self.unsent:
                        await self.turns.acquire()
            if isinstance(stage, Lost):
                stage = await self._seek(item, stage)
            if isinstance(stage, Running):
                stage = await self._wait(item, stage)
            if isinstance(stage, Ended):
                stage = await self._write(item, stage)
            if isinstance(stage, Unfetched):
                stage = await self._fetch(stage)
        finally:
            if isinstance(stage, (Ended, Unfetched)):  # whatever failed: it is paid for
                stage = stage.outcome
            elif isinstance(stage, Lost):
                stage = outcome_of(item, None, stage.error)
            if isinstance(stage, Outcome):
                self.outbox.put(stage, slots)
            elif slots is not None:
                slots.release()

    @property
    def running(self) -> int:
        """Tasks whose end is not known."""
        return len(self._since)

    @property
    def waited_for(self) -> list[str]:
        """The ids of those tasks."""
        return list(self._since)

    def overdue(self, now: float) -> float:
        """The age of the oldest running task in seconds, if no task of this run took a third of that; else 0."""
        oldest = now - min(self._since.values(), default=now)
        return oldest if 0 < self._longest < oldest / 3 else 0.0

    async def _ended_elsewhere(self, item: Item) -> Stage | None:
        """Another worker has it: wait until it has ended, is free, or is left to this run since that worker died."""
        with self.left:
            return await self.ledger.ended(item)

    async def _submit(self, item: Item) -> Stage | None:
        """Permit, intent on disk, POST, id; again where certainly nothing was created. Its turn ends here."""
        adoption = self._service.adoption
        submission = Submission(self, item, None if adoption is None else adoption.new_token())
        try:
            with self.unsent:
                task_id = await self._service.submit(item.input, submission)
        except NotSent as instead:
            return instead.stage
        except SubmissionUnknownError as error:
            return self._unknown(submission, error)
        except WanError as error:
            return self._refused(submission, error)
        except Exception as bug:  # noqa: BLE001 - it is the item's outcome
            if not submission.in_the_air:
                return outcome_of(item, None, _broken("the submission", bug))
            return self._unknown(submission, _broken("createTask was sent, but reading its answer", bug, sent=True))
        finally:
            submission.landed()
            self.turns.release()
        return self._accepted(item, submission.attempt, task_id)

    def _accepted(self, item: Item, attempt: Attempt, task_id: str) -> Running:
        self.outbox.submitted += 1
        self.ledger.accept_nowait(item, attempt, task_id)
        return Running(attempt, task_id)

    def _unknown(self, submission: Submission, error: WanError) -> Stage:
        adoption, token = self._service.adoption, submission.token
        if adoption is None or token is None:
            return Ended(submission.attempt, outcome_of(submission.item, None, error))
        return Lost(submission.attempt, token, adoption.within, error)

    def _refused(self, submission: Submission, error: WanError) -> Stage | None:
        """Nothing was created. What all that follow would meet stops the batch, and the next run sends the item."""
        begun = submission.in_the_air
        if isinstance(error, HITS_EVERY_ITEM) or (begun and isinstance(error, UNREACHABLE)):
            if begun:
                submission.withdraw()
            self._stop(error)
            return None
        outcome = outcome_of(submission.item, None, error)
        if not begun:  # its input or a file of it was refused: there is nothing to write down
            return outcome
        return Ended(submission.attempt, outcome)

    async def _seek(self, item: Item, lost: Lost) -> Stage:
        """Wait for a callback that names the task of a submission of unknown fate."""
        task_id = None
        if self._service.adoption is not None:
            with self.left:
                task_id = await self._service.adoption.find(lost.token, lost.left)
        if task_id is None:
            return Ended(lost.attempt, outcome_of(item, None, lost.error))
        return self._accepted(item, lost.attempt, task_id)

    async def _wait(self, item: Item, running: Running) -> Stage | None:
        """Wait for the task's end, by polls or its callback."""
        since = self._since[running.task_id] = self._clock() - running.age
        try:
            with self.left:
                result = await self._service.wait(running.task_id, item.input, running.age, self._max_wait)
        except HITS_EVERY_ITEM as error:  # the task still runs, and a journal says so
            self._stop(error)
            return None
        except WanError as error:
            result = error
        except Exception as bug:  # noqa: BLE001 - it is the item's outcome
            result = _broken("waiting for the task", bug)
        finally:
            self._since.pop(running.task_id, None)
        outcome = outcome_of(item, running.task_id, result)
        if outcome.record is None:  # the task still runs, and a journal says so
            return outcome
        self._longest = max(self._longest, self._clock() - since)
        return Ended(running.attempt, outcome)

    async def _write(self, item: Item, ended: Ended) -> Stage | None:
        """Outcome on disk; it is handed over even if the journal fails."""
        outcome = ended.outcome
        try:
            written = await self.ledger.finish(ended)
        except JournalError as error:
            self._stop(error)
            return outcome
        if written is Written.TOO_LATE:
            return await self._anothers(item, outcome)
        return Unfetched(ended.attempt, outcome) if outcome.ok and self._service.download is not None else outcome

    async def _anothers(self, item: Item, outcome: Outcome) -> Outcome | Unfetched | None:
        """The outcome of an item that another worker took over meanwhile; None where that one hands it over."""
        stage = await self.ledger.look_up(item)
        if isinstance(stage, Elsewhere):
            stage = await self._ended_elsewhere(item)
        if stage is None or isinstance(stage, (Outcome, Unfetched)):
            return stage
        return outcome

    async def _fetch(self, unfetched: Unfetched) -> Outcome | None:
        """Clip fetched, and on disk where it is; a run that ends in between leaves it to the next.

        None: another worker took it over meanwhile, and hands it over.
        """
        outcome = unfetched.outcome
        if self._service.download is None:
            return outcome
        self.fetching += 1
        try:
            with self.left:
                path = await self._service.download(outcome.key, outcome.unwrap())
            outcome = msgspec.structs.replace(outcome, path=path, error=None)
        except WanError as error:
            outcome = msgspec.structs.replace(outcome, error=error)
        except OSError as error:  # a full disk: the next clip would meet it too
            outcome = msgspec.structs.replace(outcome, error=WanError(f"the clip cannot be written: {error}"))
            self.writable = False
            self._stop(error)
        except Exception as bug:  # noqa: BLE001 - it is the item's outcome
            outcome = msgspec.structs.replace(outcome, error=_broken("fetching the clip", bug))
        finally:
            self.fetching -= 1
        try:
            if await self.ledger.save(Unfetched(unfetched.attempt, outcome)) is Written.TOO_LATE:
                return None
        except JournalError as error:
            self._stop(error)
        return outcome


def _broken(what: str, bug: Exception, *, sent: bool = False) -> WanError:
    """The outcome of an item for which something failed in a way that is not foreseen."""
    words = f"{what} failed: {bug!r}"
    error = SubmissionUnknownError(words) if sent else WanError(words)
    error.__cause__ = bug
    return error
