"""What enters a batch: a slot is taken, then an item pulled, then the ledger asked whether it is known already.

On a resume nearly all of the first items are known. While that lasts, as many are pulled together as there are free
slots, and looked up together: a million known items pass in seconds. As soon as one is new they are pulled one by one.
"""

from __future__ import annotations

import asyncio
from collections import deque

from .feed import Feed, Pulled
from .ledger import Item, Ledger, item_of
from .outcome import Outcome

MOST = 512
"""Items looked up together at most: a few milliseconds of the journal's time."""


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
        self._together = 1

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
            await self._admit([pulled])  # while others pull
        return await self._next_in_turn()

    def _is_free(self) -> bool:
        """True if whoever has a slot may pull: nothing is there before, and the next item need not be waited for."""
        waits = self._feed.is_async or self._feed.over or self._turn.locked()
        return not waits and self._queued is None and not self._admitted and self._together == 1

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
                if self._feed.over:
                    return None
                await self._slots.acquire()
                if queued := await self._next_queued():
                    return queued
                pulled = await self._pull()
                if together := self._together > 1:  # meanwhile slots come free, for more of them the next time
                    await self._admit(pulled)
            if not together:  # looked up while others pull
                await self._admit(pulled)

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

    async def _pull(self) -> list[Pulled]:
        """One item, and more of those that are there without waiting; each but the first takes its slot here."""
        first = await self._feed.pull()
        if first is None:
            self._slots.release()
            return []
        pulled = [first]
        while len(pulled) < self._together and not self._slots.locked() and (more := self._feed.pull_nowait()):
            await self._slots.acquire()  # at once: it is not locked
            pulled.append(more)
        return pulled

    async def _admit(self, pulled: list[Pulled]) -> None:
        if not pulled:
            return
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
        self._together = min(2 * self._together, MOST) if known == len(pulled) else 1


def _refused(pulled: Pulled) -> Outcome:
    """The outcome of what is no input."""
    return Outcome(index=pulled.index, key=pulled.key or str(pulled.index), input=None, error=pulled.error)
