"""What enters a batch: a slot is taken, then an item pulled, then the ledger asked whether it is known already.

What must be looked up is looked up together, as many as there are free slots; more of them while all are known, as
nearly all of the first are on a resume: a million known items pass in seconds.
"""

from __future__ import annotations

import asyncio
from collections import deque

from .feed import Feed, Pulled
from .ledger import Item, Ledger, item_of
from .outcome import Outcome

FEWEST = 16
MOST = 512
"""Items looked up together: while some are new, and at most, a few milliseconds of the journal's time."""


class Intake:
    """Gives the items to send, each with a slot taken for it.

    Args:
        feed: the caller's inputs.
        ledger: knows the items of earlier runs.
        slots: one for each item that is pulled and not handed over yet.
    """

    def __init__(self, feed: Feed, ledger: Ledger, slots: asyncio.Semaphore) -> None:
        self._feed = feed
        self._ledger = ledger
        self._slots = slots
        self._turn = asyncio.Lock()
        self._queued: deque[Item] | None = deque()
        self._admitted: deque[Item | Outcome] = deque()
        self._together = FEWEST
        self._raised: Exception | None = None

    async def next(self) -> Item | Outcome | None:
        """The next item to send, or an outcome at once; None at the end."""
        while self._is_free():
            await self._slots.acquire()
            pulled = self._feed.pull_nowait() if self._is_free() else None
            if pulled is None:
                self._slots.release()
                continue
            if (item := self._admitted_at_once(pulled)) is not None:
                return item
            await self._admit(await self._with_more(pulled))
            break
        return await self._next_in_turn()

    def _is_free(self) -> bool:
        """True if whoever has a slot may pull: nothing is there before, and the next item need not be waited for."""
        waits = self._feed.is_async or self._feed.over or self._turn.locked()
        return not waits and self._queued is None and not self._admitted

    def _admitted_at_once(self, pulled: Pulled) -> Item | None:
        """The item of what was pulled, unless it is none or must be looked up."""
        if pulled.input is None:
            return None
        return self._ledger.admit_at_once(item_of(pulled.index, pulled.key or "", pulled.input))

    async def _next_in_turn(self) -> Item | Outcome | None:
        while True:
            async with self._turn:
                if self._admitted:
                    return self._admitted.popleft()
                if self._raised is not None:
                    error, self._raised = self._raised, None
                    raise error
                if self._feed.over:
                    return None
                await self._slots.acquire()
                if queued := await self._next_queued():
                    return queued
                first = await self._feed.pull()
                if first is None:
                    self._slots.release()
                else:
                    await self._admit(await self._with_more(first))

    async def _next_queued(self) -> Item | None:
        """Items that earlier runs left to be sent come before the caller's."""
        if self._queued is None:
            return None
        if not self._queued:
            self._queued.extend(await self._ledger.queued())
        if self._queued:
            return self._queued.popleft()
        self._queued = None
        return None

    async def _with_more(self, first: Pulled) -> list[Pulled]:
        """What was pulled, and more that is there without waiting; each takes its slot.

        What the caller's iterable raises meanwhile is kept until those before it have gone their way.
        """
        pulled = [first]
        while len(pulled) < self._together and not self._slots.locked():
            try:
                more = self._feed.pull_nowait()
            except Exception as error:  # noqa: BLE001 - whatever it is, it is raised later
                self._raised = error
                break
            if more is None:
                break
            await self._slots.acquire()  # at once: it is not locked
            pulled.append(more)
        return pulled

    async def _admit(self, pulled: list[Pulled]) -> None:
        items = [item_of(one.index, one.key or "", one.input) for one in pulled if one.input is not None]
        looked_up = iter(await self._ledger.admit(items) if items else ())
        known = 0
        for one in pulled:
            admitted = _refused(one) if one.input is None else next(looked_up)
            if admitted is None:
                known += 1
                self._slots.release()
            else:
                self._admitted.append(admitted)
        self._together = min(2 * self._together, MOST) if known == len(pulled) else FEWEST


def _refused(pulled: Pulled) -> Outcome:
    """The outcome of what is no input."""
    return Outcome(index=pulled.index, key=pulled.key or str(pulled.index), input=None, error=pulled.error)
