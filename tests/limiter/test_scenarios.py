"""The limiter against a provider with a hidden limit, in virtual time: used and rejected shares, and who notices."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import NamedTuple

import pytest

from benchmarks._provider import COUNTERS, Limited, Provider, Schedule, jittery, measure, run, saturate, stranger
from wan_async._limiter import Limiter, SlidingWindowLimiter
from wan_async._policy.settings import RateLimit


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


class Change(NamedTuple):
    told: int
    schedule: Schedule
    spans: tuple[tuple[float, float], ...]  # from ten windows after each change


LOWER = Change(40, ((0, 20),), ((10, 60),))
HALVED_THEN_TRIPLED = Change(20, ((0, 20), (30, 10), (60, 30)), ((40, 60), (75, 90)))
RISING = Change(20, ((0, 5), (40, 20)), ((10, 40), (60, 90)))


@pytest.mark.parametrize("counter", COUNTERS)
@pytest.mark.parametrize("retry_after", ["none", "exact"])
@pytest.mark.parametrize("change", [LOWER, HALVED_THEN_TRIPLED, RISING], ids=["lower", "halved", "rising"])
def test_a_limit_that_is_not_as_told_is_learnt(change: Change, counter: str, retry_after: str) -> None:
    provider = Provider(change.schedule, 1.0, counter=counter, retry_after=retry_after)
    saturated(SlidingWindowLimiter(RateLimit(change.told, per=1.0)), provider, change.spans[-1][1])
    for start, end in change.spans:
        share = measure(provider, start, end, told=change.told)
        assert share.used >= 0.94
        assert share.rejected <= 0.03


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


class NeverWaits:
    async def acquire(self) -> float:
        await asyncio.sleep(0)
        return asyncio.get_running_loop().time()

    def accepted(self, permit: float) -> None: ...

    def rejected(self, permit: float, retry_after: float | None = None) -> None: ...

    def released(self, permit: float) -> None: ...


class Bucket(NeverWaits):
    """20 at once, and one more each 1/20 s."""

    def __init__(self) -> None:
        self._next = -1.0

    async def acquire(self) -> float:
        now = asyncio.get_running_loop().time()
        self._next = max(self._next, now - 1.0) + 0.05
        await asyncio.sleep(max(0.0, self._next - now))
        return now


class Timid(NeverWaits):
    """Paced at two thirds of the limit."""

    def __init__(self) -> None:
        self._next = 0.0

    async def acquire(self) -> float:
        now = asyncio.get_running_loop().time()
        self._next = max(self._next, now) + 0.075
        await asyncio.sleep(self._next - now)
        return now


@pytest.mark.parametrize("wrong", [NeverWaits, Bucket, Timid])
def test_a_wrong_limiter_is_noticed(wrong: Callable[[], Limiter]) -> None:
    provider = Provider(((0, 20),), 1.0)
    saturated(wrong(), provider, 10)
    share = measure(provider, 0, 10, told=20)
    assert share.rejected > 0.05 or share.used < 0.7


def test_one_that_never_waits_fails_the_sixty() -> None:
    provider = Provider(((0, 5),), 1.0)
    run(all_at_once(provider, NeverWaits()))
    assert len(provider.rejected) > 40
