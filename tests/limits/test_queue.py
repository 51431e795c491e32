"""Visits that wait for a connection: in order, never away by waiting, and away together."""

from __future__ import annotations

import asyncio

import pytest

from wan_async import RateLimit
from wan_async._limits.shared import SharedLimiter
from wan_async._limits.storage import Storage, StorageAwayError, VisitQueue

from .storages import InMemory, Kept, call

pytestmark = pytest.mark.virtual_time


async def test_so_many_visit_at_once_in_the_order_they_came() -> None:
    queue, ends = VisitQueue(2), list[tuple[int, float]]()
    loop = asyncio.get_running_loop()
    began = loop.time()

    async def visit(number: int) -> None:
        await asyncio.sleep(3.0)
        ends.append((number, loop.time() - began))

    await asyncio.gather(*(queue.visit(lambda number=number: visit(number)) for number in range(5)))
    assert ends == [(0, 3.0), (1, 3.0), (2, 6.0), (3, 6.0), (4, 9.0)]


async def test_who_waits_behind_one_that_finds_it_away_is_told_at_once_and_the_next_one_tries() -> None:
    queue, tries = VisitQueue(1), list[float]()
    loop = asyncio.get_running_loop()

    async def visit() -> None:
        tries.append(loop.time())
        await asyncio.sleep(2.0)
        raise StorageAwayError("says nothing")

    found = await asyncio.gather(*(queue.visit(visit) for _ in range(100)), return_exceptions=True)
    assert {str(error) for error in found} == {"says nothing"}
    assert len(tries) == 1
    with pytest.raises(StorageAwayError):
        await queue.visit(visit)
    assert len(tries) == 2


class OneByOne(InMemory, frozen=True, kw_only=True):
    at_once = 1


async def test_permits_of_visits_that_waited_long_in_line_are_used() -> None:
    """Each takes 0.4 s, so the last of 20 accounts waits for 8: longer than a process may stand still."""
    kept = Kept()
    kept.latency = 0.2
    storage = Storage(OneByOne("memory://", kept=kept))
    limiters = [SharedLimiter(storage, f"account-{number}", RateLimit(4, per=2.0), given=True) for number in range(20)]
    began = asyncio.get_running_loop().time()
    left = await asyncio.gather(*map(call, limiters))
    assert max(left) - began < 12
