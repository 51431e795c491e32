"""Intents written before a worker is there: none is forgotten, none is sent after a stop, and no more than needed."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import cast

import pytest

from wan_async import JournalError, Wan22TextToVideoTurbo
from wan_async._batch.ahead import FEWEST, MOST, Ahead
from wan_async._batch.ledger import Item, NoJournal, item_of
from wan_async._batch.submission import Sender, Submission

from .permits import Permits

Told = Callable[[bool | JournalError], None]


class Disk(NoJournal):
    """A ledger whose commits the test makes."""

    def __init__(self) -> None:
        self.asked: deque[tuple[Item, Told]] = deque()
        self.withdrawn: list[str] = []

    def begin_ahead(self, item: Item, token: str | None, told: Told) -> None:
        self.asked.append((item, told))

    def withdraw(self, item: Item) -> None:
        self.withdrawn.append(item.key)

    def commit(self, result: bool | JournalError = True) -> int:
        """Tell all that were asked; how many."""
        asked, self.asked = self.asked, deque()
        for _, told in asked:
            told(result)
        return len(asked)


class Rig:
    """An `Ahead` over `count` items, its disk, and what was refused."""

    def __init__(self, count: int) -> None:
        self.disk = Disk()
        self.permits = Permits()
        self.refused: list[tuple[str, bool | JournalError]] = []
        self.left = count
        self.ahead = Ahead(self.pull, self.disk, self.permits, self.hear)
        self.running = asyncio.create_task(self.ahead.run())

    async def pull(self) -> Submission | None:
        if not self.left:
            return None
        self.left -= 1
        item = item_of(self.left, f"k{self.left}", Wan22TextToVideoTurbo(prompt="a fox"))
        return Submission(cast("Sender", self), item, None)

    def hear(self, submission: Submission, result: bool | JournalError) -> None:
        self.refused.append((submission.item.key, result))

    def written(self, submission: Submission, result: bool | JournalError) -> None:
        self.ahead.written(submission, result)


async def passes(count: int = 10) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


async def work(rig: Rig, taken: list[str], gate: asyncio.Event | None = None) -> None:
    while (submission := await rig.ahead.next()) is not None:
        taken.append(submission.item.key)
        if gate is not None:
            await gate.wait()


@pytest.mark.parametrize("count", [0, 1, FEWEST, 1000])
async def test_each_is_given_once_it_is_on_disk_and_then_the_workers_end(count: int) -> None:
    rig, taken = Rig(count), list[str]()
    workers = [asyncio.create_task(work(rig, taken)) for _ in range(5)]
    committed = 0
    while committed < count:
        await passes()
        assert len(taken) == committed
        committed += rig.disk.commit()
    await asyncio.wait_for(asyncio.gather(*workers, rig.running), 5)
    assert taken == [f"k{number}" for number in reversed(range(count))]
    assert rig.permits.used == count


async def test_there_is_more_room_while_workers_wait_for_the_disk_and_little_while_they_do_not() -> None:
    rig, gate = Rig(10_000), asyncio.Event()
    gate.set()
    workers = [asyncio.create_task(work(rig, [], gate)) for _ in range(32)]
    await passes()
    asked = [rig.disk.commit()]
    while asked[-1] < MOST * 2 // 3 and len(asked) < 100:
        await passes()
        asked.append(rig.disk.commit())
    assert asked[0] == FEWEST
    assert MOST * 2 // 3 <= asked[-1] <= MOST
    gate.clear()
    while rig.disk.commit():
        await passes()
    for _ in range(2000):  # slowly, one after the other
        assert await rig.ahead.next() is not None
        await passes(2)
        rig.disk.commit()
    assert len(rig.ahead._ready) + rig.ahead.pending <= FEWEST + 1  # pyright: ignore[reportPrivateUsage]
    rig.ahead.stop()
    rig.running.cancel()
    gate.set()
    await asyncio.gather(*workers)


@pytest.mark.parametrize("refusal", [False, JournalError("disk full")])
async def test_when_the_last_ones_are_refused_nobody_waits_for_ever(refusal: bool | JournalError) -> None:
    rig, taken = Rig(FEWEST - 2), list[str]()
    workers = [asyncio.create_task(work(rig, taken)) for _ in range(5)]
    await passes()
    assert rig.disk.commit(refusal) == FEWEST - 2
    await asyncio.wait_for(asyncio.gather(*workers, rig.running), 5)
    assert taken == []
    assert [result for _, result in rig.refused] == [refusal] * (FEWEST - 2)
    assert rig.permits.used == 0


async def test_room_is_made_by_what_is_refused_too() -> None:
    rig = Rig(100)
    worker = asyncio.create_task(work(rig, []))
    for _ in range(100):
        await passes()
        rig.disk.commit(False)
    await asyncio.wait_for(asyncio.gather(worker, rig.running), 5)
    assert len(rig.refused) == 100


async def test_after_a_stop_what_stands_and_what_comes_to_stand_is_refused_and_its_slots_are_given_back() -> None:
    rig = Rig(100)
    await passes()
    rig.disk.commit()
    first = await rig.ahead.next()
    assert first is not None
    worker = asyncio.create_task(work(rig, []))
    await passes()
    pending = rig.ahead.pending
    rig.ahead.stop()
    rig.running.cancel()
    assert rig.disk.commit() == pending
    await asyncio.wait_for(worker, 5)
    assert {result for _, result in rig.refused} == {True}
    rig.ahead.give_back(first)
    assert rig.disk.withdrawn == [first.item.key]
    given = 100 - rig.left - len(rig.refused) - 1
    assert rig.permits.used == given
