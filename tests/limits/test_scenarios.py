"""The limiter against a provider with a hidden limit, in virtual time: used and rejected shares, and who notices."""

from __future__ import annotations

import asyncio
import random
import statistics
from collections.abc import Callable
from typing import NamedTuple

import pytest

from benchmarks._provider import COUNTERS, Limited, Provider, Schedule, Share, jittery, measure, run, saturate, stranger
from wan_async._limits.limiter import SlidingWindowLimiter
from wan_async._policy.limiter import Limiter, Permit
from wan_async._policy.settings import RateLimit
from wan_async._policy.window import Window

from ..limiters import NoLimit
from .support import play

pytestmark = pytest.mark.simulated


def saturated(limiter: Limiter, provider: Provider, seconds: float) -> None:
    callers = 2 * max(limit for _, limit in provider.schedule) + 20
    run(saturate(provider, Limited(limiter), seconds, callers=callers))


@pytest.mark.parametrize("counter", COUNTERS)
@pytest.mark.parametrize(("per", "seconds", "used"), [(1.0, 60.0, 0.98), (10.0, 120.0, 0.99)])
def test_the_true_limit_is_used_up_and_not_exceeded(counter: str, per: float, seconds: float, used: float) -> None:
    provider = Provider(((0, 20),), per, counter=counter)
    saturated(SlidingWindowLimiter(RateLimit(20, per=per)), provider, seconds)
    share = measure(provider, 0, seconds, told=20)
    assert share.used >= used
    assert share.rejected <= 0.002


@pytest.mark.parametrize("n", [1, 5, 100, 1000])
@pytest.mark.parametrize("one_way", [0.0005, 0.025, 0.25])
def test_limits_of_any_size_and_round_trips_of_any_length(n: int, one_way: float) -> None:
    provider = Provider(((0, n),), 1.0, one_way=jittery(one_way, one_way / 10))
    seconds = 20 if n < 1000 else 12
    saturated(SlidingWindowLimiter(RateLimit(n, per=1.0)), provider, seconds)
    share = measure(provider, 6, seconds, told=n)
    assert share.used >= (0.85 if one_way == 0.25 else 0.92)
    assert share.rejected <= 0.002


class Scenario(NamedTuple):
    """A life of an account of which 20 calls a window are told, in windows."""

    schedule: Schedule
    late: tuple[tuple[float, float], ...]  # the stretches from ten windows after each change
    stranger: tuple[float, float] = (0, 0)  # from and until when one takes a half: ten calls a window


LOWER = Scenario(((0, 10),), ((10, 60),))
FALLEN_AND_RISEN = Scenario(((0, 20), (30, 10), (80, 20)), ((40, 80), (90, 130)))
RISEN = Scenario(((0, 5), (50, 20)), ((10, 50), (60, 100)))
SHARED = Scenario(((0, 20),), ((40, 60), (70, 90)), stranger=(30, 60))
SEEDS = range(20)


def late_shares(scenario: Scenario, per: float, counter: str, retry_after: str, seed: int) -> list[Share]:
    """What is used and rejected late. The first call is made at any time in the first 6 windows, and all that changes
    does so up to 12 windows later: calls and probes have a beat, and what one moment shows is its phase.
    """
    chance = random.Random(seed)
    start, later = 6 * chance.random() * per, 12 * chance.random()
    schedule = tuple((per * (at + later if at else 0), n) for at, n in scenario.schedule)
    provider = Provider(schedule, per, counter=counter, retry_after=retry_after, seed=seed)
    come, go = scenario.stranger
    strangers = [per * (come + later + call / 10) for call in range(int(10 * (go - come)))]
    late = [(per * (from_ + later), per * (until + later)) for from_, until in scenario.late]
    play(Window(RateLimit(20, per=per)), provider, start, late[-1][1], strangers=strangers)
    return [measure(provider, *span, told=20) for span in late]


@pytest.mark.parametrize("counter", COUNTERS)
@pytest.mark.parametrize(("per", "retry_after"), [(1.0, "none"), (10.0, "exact")])
@pytest.mark.parametrize(
    "scenario", [LOWER, FALLEN_AND_RISEN, RISEN, SHARED], ids=["lower", "fallen", "risen", "shared"]
)
def test_told_too_much_shared_or_changed_the_limit_is_learnt(
    scenario: Scenario, per: float, retry_after: str, counter: str
) -> None:
    runs = [late_shares(scenario, per, counter, retry_after, seed) for seed in SEEDS]
    for shares in zip(*runs, strict=True):
        assert statistics.fmean(share.used for share in shares) >= 0.95
        assert statistics.fmean(share.rejected for share in shares) <= 0.02


def test_a_limit_shared_with_a_stranger_is_used_up() -> None:
    provider = Provider(((0, 20),), 1.0)

    async def main() -> None:
        neighbour = asyncio.create_task(stranger(provider, 20, 60, every=0.1))
        await saturate(provider, Limited(SlidingWindowLimiter(RateLimit(20, per=1.0))), 60)
        await neighbour

    run(main())
    share = measure(provider, 0, 60, told=20)
    assert share.used >= 0.95
    assert share.rejected <= 0.02


def test_a_polite_neighbour_takes_its_share_only() -> None:
    provider = Provider(((0, 20),), 1.0)
    saturated(SlidingWindowLimiter(RateLimit(20, per=1.0, share=0.5)), provider, 30)
    assert 0.48 <= measure(provider, 0, 30, told=20).used <= 0.51


@pytest.mark.parametrize("counter", COUNTERS)
@pytest.mark.parametrize("retry_after", ["none", "exact", "whole"])
def test_sixty_callers_at_once_are_braked_by_one_rejection(counter: str, retry_after: str) -> None:
    provider = Provider(((0, 5),), 1.0, counter=counter, retry_after=retry_after)
    run(all_at_once(provider, SlidingWindowLimiter(RateLimit(1000, per=1.0))))
    assert len(provider.accepted) == 60
    assert len(provider.rejected) <= 30


async def all_at_once(provider: Provider, limiter: Limiter) -> None:
    way = Limited(limiter)
    await asyncio.gather(*(way(provider.call) for _ in range(60)))


class Bucket(NoLimit):
    """20 at once, and one more each 1/20 s."""

    next = -1.0

    async def acquire(self) -> Permit:
        now = asyncio.get_running_loop().time()
        self.next = max(self.next, now - 1.0) + 0.05
        await asyncio.sleep(max(0.0, self.next - now))
        return await super().acquire()


class Timid(NoLimit):
    """Paced at two thirds of the limit."""

    next = 0.0

    async def acquire(self) -> Permit:
        now = asyncio.get_running_loop().time()
        self.next = max(self.next, now) + 0.075
        await asyncio.sleep(self.next - now)
        return await super().acquire()


@pytest.mark.parametrize("wrong", [NoLimit, Bucket, Timid])
def test_a_wrong_limiter_is_noticed(wrong: Callable[[], Limiter]) -> None:
    provider = Provider(((0, 20),), 1.0)
    saturated(wrong(), provider, 10)
    share = measure(provider, 0, 10, told=20)
    assert share.rejected > 0.05 or share.used < 0.7


def test_one_that_never_waits_fails_the_sixty() -> None:
    provider = Provider(((0, 5),), 1.0)
    run(all_at_once(provider, NoLimit()))
    assert len(provider.rejected) > 40
