"""The limiter in asyncio: turns, cancellation, one timer, several loops and threads."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Coroutine
from contextvars import Context
from typing import TypeVar, TypeVarTuple, Unpack

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wan_async._limits.limiter import SlidingWindowLimiter
from wan_async._policy.limiter import Limiter
from wan_async._policy.settings import RateLimit
from wan_async._policy.window import LATEST
from wan_async.emulator.virtual_time import VirtualTimeLoop

from .support import close

T = TypeVar("T")
Ts = TypeVarTuple("Ts")


class CountingLoop(VirtualTimeLoop):
    """Counts the timers that are set."""

    timers = 0

    def call_at(
        self, when: float, callback: Callable[[Unpack[Ts]], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.TimerHandle:
        self.timers += 1
        return super().call_at(when, callback, *args, context=context)


class NotingLoop(asyncio.SelectorEventLoop):
    """A loop of the system's clock; notes for when its timers are set, which a busy machine rings later."""

    def __init__(self) -> None:
        super().__init__()
        self.set_for: list[float] = []

    def call_at(
        self, when: float, callback: Callable[[Unpack[Ts]], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.TimerHandle:
        self.set_for.append(when)
        return super().call_at(when, callback, *args, context=context)


def virtually(main: Coroutine[None, None, T]) -> T:
    with asyncio.Runner(loop_factory=CountingLoop) as runner:
        return runner.run(main)


async def call(limiter: Limiter) -> float:
    """A call answered at once; gives when it left."""
    permit = await limiter.acquire()
    limiter.counted_nowait(permit)
    return permit.stamp


def test_a_slot_that_is_free_is_had_at_once_and_the_next_a_window_later() -> None:
    async def main() -> list[float]:
        limiter = SlidingWindowLimiter(RateLimit(3, per=10.0))
        return [await call(limiter) for _ in range(7)]

    assert close(virtually(main()), [0, 0, 0, 10.01, 10.01, 10.01, 20.02])


@settings(max_examples=40, deadline=None)
@given(cancelled=st.sets(st.integers(0, 29)), n=st.integers(1, 5))
def test_turns_are_taken_in_order_and_cancelled_ones_cost_nothing(cancelled: set[int], n: int) -> None:
    async def main() -> tuple[list[int], float]:
        limiter, gone = SlidingWindowLimiter(RateLimit(n, per=1.0)), list[int]()

        async def one(which: int) -> None:
            await call(limiter)
            gone.append(which)

        for _ in range(n):
            await call(limiter)
        tasks = [asyncio.create_task(one(which)) for which in range(30)]
        await asyncio.sleep(0.5)
        assert limiter.state().waiting == 30
        for which in cancelled:
            tasks[which].cancel()
        await asyncio.sleep(0)
        assert limiter.state().waiting == 30 - len(cancelled)
        await asyncio.gather(*tasks, return_exceptions=True)
        assert limiter.state().waiting == 0
        return gone, asyncio.get_running_loop().time()

    gone, end = virtually(main())
    assert gone == [which for which in range(30) if which not in cancelled]
    assert close([end], [max(0.5, 1.001 * -(-len(gone) // n))])


def test_a_newcomer_does_not_overtake_when_the_timer_is_late() -> None:
    async def main() -> None:
        limiter = SlidingWindowLimiter(RateLimit(1, per=0.05))
        await call(limiter)
        first = asyncio.create_task(call(limiter))
        await asyncio.sleep(0)
        time.sleep(0.1)  # a blocked loop: the slot is free, and the timer has not rung
        second = await limiter.acquire()
        assert await first < second.stamp

    asyncio.run(main())


def test_one_cancelled_between_its_grant_and_its_resumption_gives_the_slot_back() -> None:
    async def main() -> float:
        limiter = SlidingWindowLimiter(RateLimit(1, per=10.0))
        first = await limiter.acquire()
        second, third = (asyncio.create_task(limiter.acquire()) for _ in range(2))
        await asyncio.sleep(1)
        limiter.released_nowait(first)  # grants the second, whose task has not run yet
        second.cancel()
        return (await third).stamp

    assert close([virtually(main())], [1.0])


def test_each_ending_does_its_own() -> None:
    async def main() -> list[float]:
        limiter = SlidingWindowLimiter(RateLimit(1, per=10.0))
        left = [await limiter.acquire()]
        limiter.released_nowait(left[-1])
        left.append(await limiter.acquire())
        limiter.rejected_nowait(left[-1], 3.0)
        left.append(await limiter.acquire())
        limiter.rejected_nowait(left[-1])
        left.append(await limiter.acquire())
        limiter.counted_nowait(left[-1])
        left.append(await limiter.acquire())
        return [permit.stamp for permit in left]

    first, again, after_three, after_brake, after_window = virtually(main())
    assert first <= again < 1e-9
    assert close([after_three], [3.0])
    assert 3.0 < after_brake < 4.0
    assert close([after_window], [after_brake + 10.01])


def test_one_timer_serves_all_and_ten_thousand_waiters_cost_nothing_until_their_turn() -> None:
    async def main() -> int:
        limiter = SlidingWindowLimiter(RateLimit(100, per=1.0))
        waiting = [asyncio.create_task(call(limiter)) for _ in range(10_000)]
        await asyncio.sleep(0)
        assert limiter.state().waiting == 10_000 - 100
        await asyncio.gather(*waiting)
        loop = asyncio.get_running_loop()
        assert isinstance(loop, CountingLoop)
        return loop.timers

    assert virtually(main()) <= 2 * 100 + 10


def test_calls_that_nobody_ends_lock_nobody_out() -> None:
    async def main() -> float:
        limiter = SlidingWindowLimiter(RateLimit(2, per=1.0))
        for _ in range(2):
            await limiter.acquire()
        return (await limiter.acquire()).stamp

    assert close([virtually(main())], [LATEST + 1.001])


def test_a_limit_set_while_callers_wait_lets_them_go() -> None:
    async def main() -> list[float]:
        limiter = SlidingWindowLimiter(RateLimit(1, per=100.0))
        calls = [asyncio.create_task(call(limiter)) for _ in range(4)]
        await asyncio.sleep(5)
        limiter.set_limit(RateLimit(3, per=100.0))
        assert limiter.limit.n == 3
        return list(await asyncio.gather(*calls))

    assert close(virtually(main()), [0, 5, 5, 100.1])


def test_the_window_goes_on_in_the_next_event_loop() -> None:
    limiter = SlidingWindowLimiter(RateLimit(1, per=0.2))
    first = asyncio.run(call(limiter))
    loop = NotingLoop()
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        assert runner.run(call(limiter)) - first >= 0.2
    assert [when for when in loop.set_for if not 0.2 <= when - first < 0.3] == []
    assert asyncio.run(asyncio.wait_for(call(limiter), 1.0)) - first >= 0.4


def test_waiters_of_a_loop_that_died_do_not_hinder_the_next() -> None:
    limiter = SlidingWindowLimiter(RateLimit(1, per=0.1))

    async def abandoned() -> None:
        await call(limiter)
        asyncio.create_task(call(limiter))  # noqa: RUF006  # the loop's end cancels it
        await asyncio.sleep(0)

    asyncio.run(abandoned())
    assert limiter.state().waiting == 0
    asyncio.run(asyncio.wait_for(call(limiter), 1.0))


def test_a_closed_loop_leaves_nothing_to_look_after() -> None:
    limiter = SlidingWindowLimiter(RateLimit(1, per=100.0))

    async def wait_a_window() -> int:
        await call(limiter)
        await call(limiter)
        loop = asyncio.get_running_loop()
        assert isinstance(loop, CountingLoop)
        return loop.timers

    virtually(call(limiter))
    assert virtually(wait_a_window()) <= 2


def test_a_clock_that_starts_anew_does_not_wait_for_the_old_one() -> None:
    limiter = SlidingWindowLimiter(RateLimit(1, per=1000.0))

    async def late() -> None:
        await asyncio.sleep(500)
        await call(limiter)

    virtually(late())
    assert virtually(call(limiter)) == 0.0


def test_two_threads_share_one_window() -> None:
    limiter, left = SlidingWindowLimiter(RateLimit(5, per=0.1)), list[float]()

    async def ten() -> None:
        left.extend(await asyncio.gather(*(call(limiter) for _ in range(10))))

    threads = [threading.Thread(target=asyncio.run, args=(ten(),), daemon=True) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=5)
    left.sort()
    assert len(left) == 20
    assert all(later - earlier >= 0.1 - 0.011 for earlier, later in zip(left, left[5:], strict=False))


def test_a_waiter_hears_within_a_moment_what_another_thread_released() -> None:
    limiter, held, freed = SlidingWindowLimiter(RateLimit(1, per=60.0)), threading.Event(), list[float]()

    async def hold() -> None:
        permit = await limiter.acquire()
        held.set()
        await asyncio.sleep(0.2)
        limiter.released_nowait(permit)
        freed.append(time.monotonic())

    thread = threading.Thread(target=asyncio.run, args=(hold(),), daemon=True)
    thread.start()
    assert held.wait(5)
    granted = asyncio.run(asyncio.wait_for(limiter.acquire(), 5)).stamp
    thread.join(timeout=5)
    assert -0.01 < granted - freed[0] < 0.5


@pytest.mark.parametrize("age", [1.5, 9.9, 10.4, 10.9])
def test_a_call_of_an_earlier_process_counts_for_a_second_longer_than_it_was_to_be_sent(age: float) -> None:
    """It arrived up to a second after its intent was written, and the provider counts it from then."""

    async def main() -> list[float]:
        limiter = SlidingWindowLimiter(RateLimit(3, per=10.0))
        assert limiter.memory == 11.0
        before = time.time()
        await call(limiter)
        limiter.remember([before - age] * 2)
        return [await call(limiter)]

    (left,) = virtually(main())
    assert 11.0 - age <= left + 0.01 < 11.2 - age


def test_calls_of_an_earlier_process_count_and_its_own_are_not_counted_twice() -> None:
    async def main() -> list[float]:
        limiter = SlidingWindowLimiter(RateLimit(3, per=10.0))
        today = time.time()
        await call(limiter)
        limiter.remember([today - 4.0, today - 20.0, time.time() + 1.0])
        return [await call(limiter) for _ in range(3)]

    assert close([round(at, 1) for at in virtually(main())], [0.0, 7.0, 10.0])
