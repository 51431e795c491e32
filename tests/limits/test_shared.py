"""Limiters that share a window, in virtual time: turns, faults of the storage, and processes that stand still."""

from __future__ import annotations

import asyncio
import gc
import itertools
import logging
import time
import weakref

import pytest

from wan_async import ConfigurationError, RateLimit
from wan_async._limits.shared import SharedLimiter
from wan_async._limits.storage import Storage
from wan_async._policy.lessons import Lessons
from wan_async._policy.limiter import Limiter
from wan_async._policy.shared_window import Turn, Visit
from wan_async.emulator.virtual_time import VirtualTimeLoop

from .storages import LATENCY, InMemory, Kept

pytestmark = pytest.mark.virtual_time
LIMIT = RateLimit(4, per=2.0)


async def call(limiter: Limiter, seconds: float = 0.02) -> float:
    """A call; gives when it left."""
    permit = await limiter.acquire()
    left = asyncio.get_running_loop().time()
    await asyncio.sleep(seconds)
    limiter.counted_nowait(permit)
    return left


def crowded(left: list[float], n: int, per: float) -> bool:
    return any(later - earlier < per for earlier, later in zip(sorted(left), sorted(left)[n:], strict=False))


async def test_two_keep_to_one_limit_and_share_it() -> None:
    kept = Kept()
    one, two = kept.limiter(LIMIT), kept.limiter(LIMIT)
    left: dict[SharedLimiter, list[float]] = {one: [], two: []}

    async def caller(limiter: SharedLimiter) -> None:
        while asyncio.get_running_loop().time() < 40:
            left[limiter].append(await call(limiter))

    await asyncio.gather(*(caller(limiter) for limiter in (one, two) for _ in range(6)))
    together = left[one] + left[two]
    assert not crowded(together, 4, 2.0)
    assert len(together) >= 0.95 * 80
    assert 0.8 < len(left[one]) / len(left[two]) < 1.25


async def test_a_permit_takes_one_visit() -> None:
    kept = Kept()
    limiter = kept.limiter(RateLimit(1000, per=1.0))
    for _ in range(200):
        await call(limiter)
    assert len(kept.visits) <= 1.1 * 200


async def test_one_who_is_cancelled_costs_nothing() -> None:
    kept = Kept()
    limiter = kept.limiter(RateLimit(1, per=2.0))
    await call(limiter)
    waiting = [asyncio.create_task(call(limiter)) for _ in range(3)]
    await asyncio.sleep(0.5)
    waiting[0].cancel()
    assert 2.0 <= await waiting[1] < 2.2
    assert 4.0 <= await waiting[2] < 4.4


async def test_one_who_is_cancelled_with_its_permit_gives_it_back() -> None:
    kept = Kept()
    limiter, other = kept.limiter(RateLimit(1, per=2.0)), kept.limiter(RateLimit(1, per=2.0))
    waiting = asyncio.create_task(limiter.acquire())
    await asyncio.sleep(1.5 * LATENCY)
    waiting.cancel()  # the storage has given it a permit
    await asyncio.wait([waiting])
    assert await call(other) < 1.2


async def test_a_rejection_brakes_the_others_too() -> None:
    kept = Kept()
    one, two = kept.limiter(LIMIT), kept.limiter(LIMIT)
    permit = await one.acquire()
    one.rejected_nowait(permit, 33.0)
    await asyncio.sleep(0.1)
    assert 33.0 <= await call(two) < 33.5
    assert two.state().throttled == 1


async def test_what_one_learns_holds_for_the_others() -> None:
    kept = Kept()
    one, two = kept.limiter(RateLimit(20, per=2.0)), kept.limiter(RateLimit(20, per=2.0))
    for _ in range(2):
        one.rejected_nowait(await one.acquire())
        await asyncio.sleep(3)
    await call(two)
    assert two.state().learnt <= 10


async def test_a_limit_that_is_set_holds_for_all_and_a_default_for_none() -> None:
    kept = Kept()
    given = kept.limiter(LIMIT)
    await call(given)
    default = SharedLimiter(given._storage, "w", RateLimit(20, per=10.0), given=False)  # pyright: ignore[reportPrivateUsage]
    await call(default)
    assert default.state().limit == LIMIT
    given.set_limit(RateLimit(7, per=1.0))
    await asyncio.sleep(0.1)
    await call(default)
    assert default.state().limit == RateLimit(7, per=1.0)


async def test_one_that_wants_little_is_not_held_up_by_one_that_has_many_waiting() -> None:
    """As where polls share a limit: one only waits for hundreds of tasks, another submits and polls one of its own."""
    kept = Kept()
    many, few = kept.limiter(RateLimit(10, per=1.0)), kept.limiter(RateLimit(10, per=1.0))
    waiting = [asyncio.create_task(call(many)) for _ in range(500)]  # for 50 s
    await asyncio.sleep(5)
    left = [asyncio.get_running_loop().time()]
    for _ in range(10):
        left.append(await call(few))
    assert max(later - earlier for earlier, later in itertools.pairwise(left)) <= 1.2
    done = sum(one.done() and one.result() <= left[-1] for one in waiting)
    assert done >= 8 * (left[-1] - 1)
    for one in waiting:
        one.cancel()
    await asyncio.wait(waiting)


async def test_slow_calls_keep_their_slots() -> None:
    kept = Kept()
    limiter, other = kept.limiter(RateLimit(1, per=2.0)), kept.limiter(RateLimit(1, per=2.0))
    slow = asyncio.create_task(call(limiter, 20.0))
    await asyncio.sleep(1)
    assert await call(other) >= 22.0
    await slow


async def test_a_process_that_dies_gives_its_slots_back_within_two_windows() -> None:
    kept = Kept()
    dead, alive = kept.limiter(LIMIT), kept.limiter(LIMIT)
    for _ in range(4):
        await dead.acquire()
    for member in dead._members.values():  # pyright: ignore[reportPrivateUsage]
        assert member._work is not None  # pyright: ignore[reportPrivateUsage]
        member._work.cancel()  # pyright: ignore[reportPrivateUsage]
    assert 2.0 <= await call(alive) <= 4.0


async def test_the_last_ends_are_told_when_it_is_let_go() -> None:
    kept = Kept()
    limiter = kept.limiter(LIMIT)
    limiter.hold()
    await call(limiter)
    await limiter.release()
    assert [call.out for call in kept.state().calls] == [False]
    assert not [task for task in asyncio.all_tasks() if task.get_name() == "wan-async limits"]


class Bound(Kept):
    """A connection that knows its loop, as those of redis do."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.get_running_loop()


class Binding(InMemory, frozen=True, kw_only=True):
    def connect(self) -> Bound:
        return Bound()


def test_loops_that_have_ended_are_not_kept_by_clients_that_nobody_closed() -> None:
    limiter = SharedLimiter(Storage(Binding("memory://", kept=Kept())), "w", LIMIT, given=True)
    loops = weakref.WeakSet[asyncio.AbstractEventLoop]()

    async def main() -> None:
        loops.add(asyncio.get_running_loop())
        await call(limiter)

    for _ in range(3):
        with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
            runner.run(main())
        del runner
    gc.collect()
    assert len(loops) == 1


# the storage


async def test_while_it_is_away_calls_wait_and_it_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    kept = Kept()
    limiter = kept.limiter(LIMIT)
    await call(limiter)
    kept.away = True
    waiting = [asyncio.create_task(call(limiter)) for _ in range(3)]
    await asyncio.sleep(30)
    assert not any(one.done() for one in waiting)
    kept.away = False
    assert max(await asyncio.gather(*waiting)) < 31
    warnings = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    assert len(warnings) == 2
    assert "away" in warnings[0]
    assert "back" in warnings[1]


async def test_a_state_that_was_lost_counts_as_a_full_window() -> None:
    kept = Kept()
    one, two = kept.limiter(LIMIT), kept.limiter(LIMIT)
    await asyncio.gather(*(call(limiter) for limiter in (one, two) for _ in range(2)))
    await asyncio.sleep(1)
    kept.states.clear()
    lost = asyncio.get_running_loop().time()
    left = await asyncio.gather(*(call(limiter) for limiter in (one, two) for _ in range(2)))
    assert min(left) >= lost + 2.0


async def test_what_is_known_is_in_the_state_that_is_made_after_a_loss_and_is_learnt_on() -> None:
    kept = Kept()
    one, other = kept.limiter(RateLimit(20, per=2.0)), kept.limiter(RateLimit(20, per=2.0))
    await asyncio.gather(*(call(one) for _ in range(10)))
    kept.states.clear()
    await call(one)
    assert Lessons.from_text(kept.state().lessons).learnt.value == 20
    for _ in range(2):
        one.rejected_nowait(await one.acquire())
        await asyncio.sleep(3)
    await call(other)
    assert other.state().learnt <= 10
    assert other.state().throttled == 2


async def test_local_goes_on_with_a_part_after_a_full_window(caplog: pytest.LogCaptureFixture) -> None:
    kept = Kept()
    limit = RateLimit(8, per=2.0)
    limiters = [kept.limiter(limit, on_outage="local") for _ in range(2)]
    await asyncio.gather(*(call(limiter) for limiter in limiters for _ in range(4)))
    kept.away = True
    left = sorted(await asyncio.gather(*(call(limiter) for limiter in limiters for _ in range(10))))
    assert left[0] >= 2.0
    assert not crowded(left, 4, 1.9)  # two of eight each
    assert left[-1] < 13
    kept.away = False
    left += await asyncio.gather(*(call(limiter) for limiter in limiters for _ in range(4)))
    assert not crowded(left, 8, 1.9)
    assert "25%" in caplog.text


async def test_what_will_never_do_is_raised_to_those_who_wait() -> None:
    class Wrong(Kept):
        async def visit(self, name: str, visit: Visit, keep: float) -> Turn:
            raise ConfigurationError("limit_storage: wrong password")

    limiter = Wrong().limiter(LIMIT)
    for _ in range(2):
        with pytest.raises(ConfigurationError, match="wrong password"):
            await limiter.acquire()
    assert limiter.state().waiting == 0


# standing still


async def test_a_permit_that_came_before_the_process_stood_still_is_not_used() -> None:
    kept = Kept()
    limiter = kept.limiter(LIMIT)
    waiting = asyncio.create_task(limiter.acquire())
    while not limiter.state().used:
        await asyncio.sleep(LATENCY / 100)
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualTimeLoop)
    loop._jumping.now += 60.0  # pyright: ignore[reportPrivateUsage]  # SIGSTOP, SIGCONT
    permit = await waiting
    assert permit.stamp > 60.0 + kept.skew


@pytest.mark.virtual_time(False)
def test_it_takes_part_in_each_event_loop() -> None:
    kept = Kept()
    kept.skew = time.monotonic()
    limiter = kept.limiter(RateLimit(2, per=0.2))
    for _ in range(2):
        asyncio.run(call(limiter))
    assert len({visit.member for visit in kept.visits}) == 2
