"""A turn comes when the window opens, whatever happened before: who came, was cancelled, was granted or refused."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Coroutine
from typing import Any, TypeVar

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from hypothesis.stateful import run_state_machine_as_test as live  # pyright: ignore[reportUnknownVariableType]

from wan_async._limits.limiter import SlidingWindowLimiter
from wan_async._policy.limiter import Permit
from wan_async._policy.settings import RateLimit
from wan_async.emulator.virtual_time import VirtualTimeLoop

from .support import close

T = TypeVar("T")

which = st.integers(0, 50)


class AnyTurns(RuleBasedStateMachine):
    """Any order of callers, cancellations, endings, pauses and new limits, in event loops on one clock."""

    count = 1

    def __init__(self) -> None:
        super().__init__()
        self.limiter = SlidingWindowLimiter(RateLimit(5, per=2.0))
        self.loops = [VirtualTimeLoop() for _ in range(self.count)]
        self.callers: list[tuple[int, asyncio.Task[Permit]]] = []
        self.out: list[tuple[int, Permit]] = []
        self.loops[0]._jumping.now = time.monotonic()  # pyright: ignore[reportPrivateUsage]  # the system's clock
        for where in range(self.count):
            self.run(where, later(self.limiter.released_nowait, Permit(0.0)))

    def run(self, where: int, work: Coroutine[Any, Any, T]) -> T:
        clocks = [loop._jumping for loop in self.loops]  # pyright: ignore[reportPrivateUsage]
        clocks[where].now = max(clock.now for clock in clocks)
        return self.loops[where].run_until_complete(work)

    @rule(where=which, count=st.integers(1, 4))
    def acquire(self, where: int, count: int) -> None:
        where %= self.count
        loop = self.loops[where]
        self.callers += [(where, loop.create_task(self.limiter.acquire())) for _ in range(count)]

    @precondition(lambda self: self.callers)
    @rule(which=which)
    def cancel(self, which: int) -> None:
        self.callers[which % len(self.callers)][1].cancel()

    @precondition(lambda self: self.out)
    @rule(which=which)
    def accept(self, which: int) -> None:
        where, permit = self.out.pop(which % len(self.out))
        self.run(where, later(self.limiter.counted_nowait, permit))

    @precondition(lambda self: self.out)
    @rule(which=which, retry_after=st.none() | st.floats(0, 5))
    def reject(self, which: int, retry_after: float | None) -> None:
        where, permit = self.out.pop(which % len(self.out))
        self.run(where, later(self.limiter.rejected_nowait, permit, retry_after))

    @precondition(lambda self: self.out)
    @rule(which=which)
    def release(self, which: int) -> None:
        where, permit = self.out.pop(which % len(self.out))
        self.run(where, later(self.limiter.released_nowait, permit))

    @rule(n=st.integers(1, 30), per=st.sampled_from([0.5, 2.0]))
    def limit(self, n: int, per: float) -> None:
        self.limiter.set_limit(RateLimit(n, per=per))

    @rule(where=which, seconds=st.floats(0, 8))
    def wait(self, where: int, seconds: float) -> None:
        self.run(where % self.count, asyncio.sleep(seconds))

    @invariant()
    def nobody_waits_while_the_window_is_open(self) -> None:
        for where in range(self.count):
            self.run(where, a_moment())
            self.collect()
            now = self.loops[where].time()
            if any(its == where for its, _ in self.callers):
                assert self.limiter._window.opens_at(now) > now  # pyright: ignore[reportPrivateUsage]

    def collect(self) -> None:
        ended = [(where, task) for where, task in self.callers if task.done()]
        self.callers = [(where, task) for where, task in self.callers if not task.done()]
        self.out += [(where, task.result()) for where, task in ended if not task.cancelled()]

    def teardown(self) -> None:
        for where, task in self.callers:
            task.cancel()
            self.run(where, asyncio.wait([task]))
        for loop in self.loops:
            loop.close()


async def a_moment() -> None:
    for _ in range(4):
        await asyncio.sleep(0)


async def later(verdict: Any, *args: Any) -> None:
    verdict(*args)


class InTwoLoops(AnyTurns):
    """Only one of them runs at a time, which must not matter to the other."""

    count = 2


@pytest.mark.parametrize("turns", [AnyTurns, InTwoLoops])
def test_any_turns(turns: type[AnyTurns]) -> None:
    live(turns, settings=settings(max_examples=60, stateful_step_count=40, deadline=None))


def virtually(main: Coroutine[None, None, T]) -> T:
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        return runner.run(main)


async def answered_after(limiter: SlidingWindowLimiter, seconds: float) -> float:
    """A call; gives when it left."""
    permit = await limiter.acquire()
    await asyncio.sleep(seconds)
    limiter.counted_nowait(permit)
    return permit.stamp


def test_a_caller_that_hangs_up_before_the_first_answer_holds_nobody_up() -> None:
    async def main() -> list[float]:
        limiter = SlidingWindowLimiter(RateLimit(20, per=2.0))
        calls = [asyncio.create_task(answered_after(limiter, 0.3)) for _ in range(21)]
        await asyncio.sleep(0.1)
        calls[20].cancel()
        await asyncio.wait(calls)
        return [await answered_after(limiter, 0.3)]

    assert close(virtually(main()), [0.3 + 2.002])


def test_a_burst_and_then_one_after_the_other_waits_a_window_and_no_more() -> None:
    async def main() -> list[float]:
        limiter = SlidingWindowLimiter(RateLimit(40, per=2.0))
        await asyncio.gather(*(answered_after(limiter, 0.01) for _ in range(27)))
        for _ in range(13):
            await answered_after(limiter, 0.01)
        return [await answered_after(limiter, 0.01)]

    (left,) = virtually(main())
    assert 2.0 <= left < 2.1


def test_threads_hear_of_each_other_at_once() -> None:
    """Each holds the only slot for 10 ms: twenty turns in four threads, without a pause between them."""
    limiter, turns = SlidingWindowLimiter(RateLimit(1, per=60.0)), list[float]()

    async def five() -> None:
        for _ in range(5):
            permit = await limiter.acquire()
            await asyncio.sleep(0.01)
            turns.append(time.monotonic())
            limiter.released_nowait(permit)

    threads = [threading.Thread(target=asyncio.run, args=(five(),), daemon=True) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=10)
    assert len(turns) == 20
    assert max(turns) - min(turns) < 0.7
