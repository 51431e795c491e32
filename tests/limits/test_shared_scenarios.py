"""Processes that share a window against a provider with a hidden limit, in virtual time: used, rejected, shares."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import NamedTuple

import pytest

from benchmarks._provider import COUNTERS, Limited, Provider, Schedule, Share, Verdict, jittery, measure, run
from wan_async import RateLimit
from wan_async._limits.shared import SharedLimiter

from .storages import Kept


class Result(NamedTuple):
    share: Share
    shares: list[float]
    visits: float


def play(
    schedule: Schedule, per: float, seconds: float, *, told: int, start: float = 0, counter: str = "sliding", n: int = 4
) -> Result:
    """So many processes, each with more callers than the limit; shares are parts of the fair one."""
    provider, kept = Provider(schedule, per, counter=counter, one_way=jittery(0.01, 0.008)), Kept()
    done: Counter[int] = Counter()

    async def main() -> None:
        limiters = [kept.limiter(RateLimit(told, per=per)) for _ in range(n)]

        async def caller(which: int) -> None:
            way = Limited(limiters[which])
            while True:
                await way(provider.call)
                done[which] += 1

        tasks = [asyncio.create_task(caller(which)) for which in range(n) for _ in range(told)]
        await asyncio.sleep(seconds)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    run(main())
    fair = done.total() / n
    return Result(
        measure(provider, start, seconds, told=told),
        [done[which] / fair for which in range(n)],
        len(kept.visits) / done.total(),
    )


@pytest.mark.parametrize(("told", "per", "seconds"), [(40, 2.0, 20), (20, 10.0, 60), (10, 1.0, 20)])
def test_four_use_the_limit_up_together_and_each_its_share(told: int, per: float, seconds: float) -> None:
    found = play(((0, told),), per, seconds, told=told)
    assert found.share.used >= 0.95
    assert found.share.rejected <= 0.005
    assert all(0.85 < share < 1.15 for share in found.shares)
    assert found.visits < 3


def test_a_large_limit_is_used_up() -> None:
    found = play(((0, 300),), 1.0, 10, told=300, start=3)
    assert found.share.used >= 0.95
    assert found.share.rejected == 0


@pytest.mark.parametrize("counter", COUNTERS)
def test_a_lower_limit_is_learnt_by_all_from_a_few_rejections(counter: str) -> None:
    found = play(((0, 24),), 2.0, 20, told=40, counter=counter)
    assert found.share.used >= 0.95
    assert found.share.rejected <= 0.05


def test_a_limit_that_fell_is_learnt_and_one_that_rose_is_found_again() -> None:
    schedule = ((0, 20), (30, 10), (60, 20))
    fallen, risen = (play(schedule, 1.0, end, told=20, start=start) for start, end in ((40, 60), (80, 100)))
    assert fallen.share.used >= 0.93
    assert fallen.share.rejected <= 0.03
    assert risen.share.used >= 0.93
    assert risen.share.rejected <= 0.02


def test_eight_processes_with_fewer_slots_than_they_are() -> None:
    found = play(((0, 5),), 1.0, 30, told=5, n=8)
    assert found.share.used >= 0.9
    assert found.share.rejected == 0
    assert all(0.8 < share < 1.25 for share in found.shares)


def test_one_that_joins_with_a_shorter_way_meets_no_rejection() -> None:
    """The others' slots are free early by their long way, which is not its own."""
    provider, kept = Provider(((0, 20),), 2.0, one_way=lambda chance: 0.0), Kept()

    async def caller(limiter: SharedLimiter, one_way: float) -> None:
        async def call() -> Verdict:
            await asyncio.sleep(one_way)
            verdict = await provider.call()
            await asyncio.sleep(one_way)
            return verdict

        while True:
            await Limited(limiter)(call)

    async def main() -> None:
        far, near = (kept.limiter(RateLimit(20, per=2.0)) for _ in range(2))
        tasks = [asyncio.create_task(caller(far, 0.2)) for _ in range(20)]
        await asyncio.sleep(40)
        tasks += [asyncio.create_task(caller(near, 0.01)) for _ in range(20)]
        await asyncio.sleep(40)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    run(main())
    found = measure(provider, 20, 80, told=20)
    assert found.rejected == 0
    assert found.used >= 0.93
