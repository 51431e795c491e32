"""How late the poller finds ends, and with how many polls, in virtual time."""

from __future__ import annotations

import asyncio
import random
from functools import cache
from typing import TYPE_CHECKING

import pytest

from benchmarks._mixes import MIXES
from benchmarks.polling import WAYS, run
from tests.polling.support import Paced, Provider, experienced, mean, now, poller
from wan_async._polling.poller import Poller
from wan_async.emulator.virtual_time import VirtualTimeLoop

if TYPE_CHECKING:
    from benchmarks.polling import Result

pytestmark = pytest.mark.simulated


async def run_all(provider: Provider, waiter: Poller, durations: list[float], every: float) -> tuple[float, float]:
    """Polls per task, and how late they were found as a part of their durations."""

    async def one(name: str, seconds: float) -> float:
        provider.start(name, seconds)
        begun = now()
        await waiter.wait(name, kind="kind")
        return (now() - begun - seconds) / seconds

    running: list[asyncio.Task[float]] = []
    for number, seconds in enumerate(durations):
        running.append(asyncio.ensure_future(one(str(number), seconds)))
        if every:
            await asyncio.sleep(every)
    late = await asyncio.gather(*running)
    return mean([len(polls) for polls in provider.polls.values()]), mean(late)


@pytest.mark.virtual_time
@pytest.mark.parametrize("stamps", [True, False])
async def test_tasks_of_4_seconds_take_5_polls_and_are_found_4_percent_late(stamps: bool) -> None:
    draw = random.Random(5)
    provider = Provider(stamps=stamps)
    durations = [draw.uniform(3.5, 4.5) for _ in range(300)]
    polls, late = await run_all(provider, poller(provider), durations, 0.4)
    assert polls <= (5.0 if stamps else 5.5)
    assert late <= (0.04 if stamps else 0.05)


@pytest.mark.virtual_time
async def test_what_the_first_end_tells_helps_those_already_waiting() -> None:
    draw = random.Random(5)
    provider = Provider()
    durations = [draw.gauss(100.0, 5.0) for _ in range(200)]
    polls, late = await run_all(provider, poller(provider), durations, 0.0)
    assert polls <= 13  # the advice alone: 21
    assert late <= 0.06


@pytest.mark.virtual_time
async def test_two_humps_starve_nobody() -> None:
    draw = random.Random(5)
    provider = Provider()
    durations = [draw.gauss(10, 1) if draw.random() < 0.7 else draw.gauss(400, 40) for _ in range(200)]
    polls, late = await run_all(provider, poller(provider), durations, 2.0)
    assert polls <= 20
    assert late <= 0.06


@pytest.mark.virtual_time
async def test_over_the_budget_all_are_found_and_evenly_late() -> None:
    draw = random.Random(5)
    provider, permits = Provider(), Paced(0.1)
    waiter = poller(provider, permits, experienced(*(draw.gauss(30, 3) for _ in range(50))))
    found: list[float] = []
    for number in range(600):
        waiter.watch(provider.start(str(number), draw.gauss(30, 3)), lambda _: found.append(now()), kind="kind")
    while waiter.waiting:
        await asyncio.sleep(1)
    assert len(permits.ends) <= 1.3 * 600  # hardly a poll in vain
    assert found[-1] <= 30 + 1.3 * 60
    spread = [found[index] - found[index - 60] for index in range(60, 600, 60)]
    assert max(spread) <= 3 * min(spread)


OVERLOAD = next(mix for mix in MIXES if mix.in_flight == 2000)._replace(tasks=4000)


@cache
def results(way: str) -> list[Result]:
    """Of the tasks of 60 s, and of those of 300 s."""
    chosen = next(each for each in WAYS if each.name == way)
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        return runner.run(run(chosen, OVERLOAD))


@pytest.mark.parametrize(
    ("way", "late", "latest", "polls"),
    [("ours, warm", 20, 120, 1.7), ("ours, cold", 45, 180, 2.7), ("ours, Polling(interval=6)", 150, 450, 3.2)],
)
def test_no_query_is_rejected_and_nobody_starves(way: str, late: float, latest: float, polls: float) -> None:
    for found in results(way):
        assert found.rejected == 0
        assert found.most_per_second <= 10
        assert found.polls <= polls
        assert found.late <= late
        assert found.latest <= latest
        assert found.unseen <= 400


def test_what_is_learnt_finds_long_and_short_tasks_late_by_the_same_part() -> None:
    short, long = results("ours, warm")
    assert 1 / 1.5 <= short.late / long.late <= 1.5
    assert 1 / 1.5 <= short.late_95 / long.late_95 <= 1.5
