"""Deadlines of many exchanges on one timer: each is met, nobody else's cancellation is taken for it."""

from __future__ import annotations

import asyncio

import pytest

from wan_async._transport.deadlines import Deadlines

pytestmark = pytest.mark.virtual_time


async def within(deadlines: Deadlines, seconds: float, work: float) -> float:
    """Work so long within so many seconds; gives the time at which it ended."""
    loop = asyncio.get_running_loop()
    try:
        with deadlines.within(seconds):
            await asyncio.sleep(work)
    except TimeoutError:
        return -loop.time()
    return loop.time()


async def test_what_takes_too_long_ends_at_its_deadline_whatever_the_order() -> None:
    deadlines = Deadlines(asyncio.get_running_loop())
    pairs = [(9.0, 20.0), (1.0, 20.0), (5.0, 4.0), (3.0, 20.0), (1.0, 0.5)]
    ended = await asyncio.gather(*(within(deadlines, seconds, work) for seconds, work in pairs))
    assert ended == pytest.approx([-9.0, -1.0, 4.0, -3.0, 0.5])


async def test_one_after_the_other_each_has_its_own() -> None:
    deadlines = Deadlines(asyncio.get_running_loop())
    ended = [await within(deadlines, 2.0, work) for work in (1.5, 1.5, 9.0, 1.0)]
    assert ended == pytest.approx([1.5, 3.0, -5.0, 6.0])


async def test_a_cancellation_from_outside_stays_one() -> None:
    task = asyncio.create_task(within(Deadlines(asyncio.get_running_loop()), 5.0, 9.0))
    await asyncio.sleep(1.0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_cancellation_from_outside_at_the_same_moment_wins() -> None:
    loop = asyncio.get_running_loop()
    task = asyncio.create_task(within(Deadlines(loop), 5.0, 9.0))
    await asyncio.sleep(0)
    loop.call_at(5.0, task.cancel)
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_the_task_is_as_it_was_afterwards() -> None:
    deadlines = Deadlines(asyncio.get_running_loop())
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(20.0):
            assert await within(deadlines, 1.0, 9.0) < 0
            task = asyncio.current_task()
            assert task is not None
            assert task.cancelling() == 0
            await asyncio.sleep(99.0)


async def test_a_deadline_that_the_work_ignores_leaves_no_cancellation_behind() -> None:
    deadlines, task = Deadlines(asyncio.get_running_loop()), asyncio.current_task()
    assert task is not None
    with deadlines.within(1.0):
        try:
            await asyncio.sleep(9.0)
        except asyncio.CancelledError:
            pass
    assert task.cancelling() == 0


class Timers(Deadlines):
    """Counts how often a timer is set."""

    count = 0

    def _set(self, at: float) -> None:
        self.count += 1
        super()._set(at)


async def test_one_timer_serves_many() -> None:
    deadlines = Timers(asyncio.get_running_loop())
    for _ in range(1000):
        assert await within(deadlines, 10.0, 0.001) > 0
    assert deadlines.count == 1
