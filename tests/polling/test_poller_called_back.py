"""The poller where ends are called back, in virtual time: hardly a poll while they are, as many as needed when not."""

from __future__ import annotations

import asyncio
import random

import pytest

from tests.polling.support import Provider, mean, now, poller
from wan_async._policy.planner import Planner
from wan_async._policy.settings import Polling
from wan_async._polling.poller import Poller

pytestmark = pytest.mark.virtual_time


class Receiver:
    """Hears of each end 0.2 s after it, unless it is gone."""

    def __init__(self, waiter: Poller) -> None:
        self._waiter = waiter
        self.gone = False

    def task(self, task_id: str, seconds: float) -> None:
        asyncio.get_running_loop().call_later(seconds + 0.2, self._call, task_id)

    def _call(self, task_id: str) -> None:
        if not self.gone:
            self._waiter.wake(task_id)


class Site:
    """A provider that calls back, and who waits for its tasks."""

    def __init__(self) -> None:
        self.provider = Provider()
        self.waiter = poller(self.provider, polling=Planner(Polling(), called_back=True))
        self.receiver = Receiver(self.waiter)
        self._draw = random.Random(5)
        self._serial = 0

    async def run(self, middle: float, kind: str = "kind") -> tuple[int, float]:
        """Polls of one task, and seconds from its end to when it was found."""
        self._serial += 1
        task_id, seconds = str(self._serial), self._draw.gauss(middle, middle / 10)
        self.provider.start(task_id, seconds)
        self.receiver.task(task_id, seconds)
        begun = now()
        await self.waiter.wait(task_id, kind=kind)
        return len(self.provider.polls[task_id]), now() - begun - seconds

    async def run_all(self, middle: float, count: int, kind: str = "kind") -> tuple[float, float]:
        """The mean of polls, and of seconds."""
        results = await asyncio.gather(*(self.run(middle, kind) for _ in range(count)))
        return mean([polls for polls, _ in results]), mean([late for _, late in results])


@pytest.mark.parametrize("middle", [4.0, 60.0, 300.0])
async def test_while_callbacks_come_there_is_hardly_a_poll_but_the_confirming_one(middle: float) -> None:
    site = Site()
    await site.run_all(middle, 20)
    polls, late = await site.run_all(middle, 200)
    assert polls <= 1.05 + middle // 100
    assert late < 0.5


@pytest.mark.parametrize("middle", [4.0, 60.0])
async def test_a_receiver_that_goes_is_noticed_and_one_that_comes_back_too(middle: float) -> None:
    site = Site()
    await site.run_all(middle, 50)
    site.receiver.gone = True
    _, late = await site.run(middle)  # a web backend that is being stopped
    assert late <= 0.6 * middle + 11
    await site.run_all(middle, 5)
    polls, late = await site.run_all(middle, 50)
    assert polls <= 8
    assert late <= 0.06 * middle + 0.2
    site.receiver.gone = False
    await site.run_all(middle, 20)
    polls, _ = await site.run_all(middle, 50)
    assert polls <= 1.05


async def test_those_who_wait_already_when_a_receiver_is_found_gone_are_found_too() -> None:
    site = Site()
    await site.run_all(60.0, 50)
    site.receiver.gone = True
    _, late = await site.run_all(60.0, 100)
    assert late <= 50  # all were overdue before the first miss
    site = Site()
    site.receiver.gone = True
    _, late = await site.run_all(300.0, 100)  # nothing is learnt, and no callback came yet
    assert late <= 45


async def test_the_first_task_of_all_is_found_in_time_without_a_receiver() -> None:
    site = Site()
    site.receiver.gone = True
    _, late = await site.run(4.0)
    assert late <= 12
    polls, late = await site.run(4.0)
    assert polls <= 5
    assert late <= 0.5


async def test_kinds_that_are_called_back_are_not_polled_because_of_one_that_is_not() -> None:
    site = Site()
    await site.run_all(60.0, 50)
    site.receiver.gone = True
    await site.run_all(20.0, 10, kind="other")
    site.receiver.gone = False
    polls, _ = await site.run_all(60.0, 50)
    assert polls <= 1.05


async def test_ends_found_because_callbacks_may_have_been_missed_are_no_misses() -> None:
    site = Site()
    await site.run_all(60.0, 20)
    running = asyncio.ensure_future(site.run_all(60.0, 10))
    site.receiver.gone = True
    await asyncio.sleep(80)
    site.waiter.wake_all()  # the bus is connected again
    await running
    site.receiver.gone = False
    polls, _ = await site.run_all(60.0, 50)
    assert polls <= 1.05


async def test_a_lost_callback_does_not_make_the_others_be_polled() -> None:
    site = Site()
    await site.run_all(60.0, 50)
    site.receiver.gone = True
    await site.run(60.0)
    site.receiver.gone = False
    polls, _ = await site.run_all(60.0, 50)
    assert polls <= 1.05


@pytest.mark.parametrize("age", [10.0, 100.0, None])
async def test_who_comes_late_may_have_missed_the_callback(age: float | None) -> None:
    site = Site()
    await site.run_all(60.0, 20)
    site.provider.start("t", 5.0, age=age or 100.0)
    begun = now()
    await site.waiter.wait("t", kind="kind", age=age)
    assert now() - begun < 1
    for _ in range(5):  # which says nothing of the receiver
        await site.waiter.wait(site.provider.start("t", 5.0, age=100.0), kind="kind", age=100.0)
    polls, _ = await site.run_all(60.0, 50)
    assert polls <= 1.05


async def test_who_comes_late_and_finds_it_undone_is_called_back() -> None:
    site = Site()
    await site.run_all(60.0, 20)
    site.provider.start("t", 60.0, age=30.0)
    site.receiver.task("t", 30.0)
    await site.waiter.wait("t", kind="kind", age=30.0)
    assert site.provider.ages("t") == pytest.approx([30.0, 60.2])


async def test_who_waits_again_for_a_task_whose_callback_came_is_told_at_once() -> None:
    site = Site()
    site.provider.start("t", 5.0)
    site.receiver.task("t", 5.0)
    await site.waiter.wait("t")
    begun = now()
    await site.waiter.wait("t", age=5.3)
    await site.waiter.wait("t", age=0.0, at_once=True)
    assert now() - begun < 1
