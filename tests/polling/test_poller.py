"""The poller in virtual time: what it asks, and when."""

from __future__ import annotations

import asyncio
import gc
import random
import tracemalloc
from typing import TYPE_CHECKING

import pytest

from tests.limiters import NoLimit
from tests.polling.support import LINKS, ROUND_TRIP, Heard, Provider, experienced, now, others, poller
from wan_async._policy.settings import Polling
from wan_async._polling.poller import Poller
from wan_async._protocol import TaskRecord, TaskState
from wan_async.errors import (
    ApiError,
    ClientClosedError,
    ConfigurationError,
    MaintenanceError,
    RateLimitError,
    ResponseError,
    ServerError,
    TransportError,
    WanError,
)

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.virtual_time
EVERY_2 = Polling(interval=2.0)


async def test_a_wait_gives_the_final_record() -> None:
    provider = Provider()
    waiter = poller(provider, polling=EVERY_2)
    record = await waiter.wait(provider.start("t", 5.0))
    assert (record.task_id, record.state) == ("t", TaskState.SUCCESS)
    assert provider.ages("t") == pytest.approx([2, 4, 6])
    assert now() == pytest.approx(6 + ROUND_TRIP)


async def test_a_failed_task_is_a_record_too() -> None:
    provider = Provider()
    record = await poller(provider).wait(provider.start("t", 3.0, ends=TaskState.FAIL), max_wait=100.0)
    assert record.state is TaskState.FAIL


async def test_an_unknown_state_is_not_the_end() -> None:
    states = iter([TaskState.UNKNOWN, TaskState.GENERATING, TaskState.SUCCESS])

    async def read(task_id: str) -> TaskRecord:
        return TaskRecord(task_id=task_id, state=next(states), urls=LINKS)

    record = await Poller(read, NoLimit(), EVERY_2).wait("t")
    assert record.state is TaskState.SUCCESS


async def test_with_nothing_learnt_the_advice_is_followed() -> None:
    provider = Provider()
    await poller(provider).wait(provider.start("t", 200.0))
    ages = provider.ages("t")
    gaps = [(earlier, later - earlier) for earlier, later in zip([0.0, *ages], ages, strict=False)]
    for age, gap in gaps:
        low, high = (2, 3) if age < 30 else (5, 10) if age < 120 else (15, 30)
        assert low - 0.01 <= gap <= high + ROUND_TRIP
    assert 20 <= len(ages) <= 40


async def test_nothing_is_left_when_nothing_is_waited_for() -> None:
    provider, permits = Provider(), NoLimit()
    waiter = poller(provider, permits)
    await waiter.wait(provider.start("t", 3.0))
    await asyncio.sleep(0)
    assert not others()
    assert waiter.waiting == 0
    assert not permits.open


FAILING: list[Callable[[], WanError]] = [
    lambda: TransportError("reset"),
    lambda: TransportError("refused", sent=False),
    lambda: ResponseError("html", 502),
    lambda: ServerError(500),
    lambda: MaintenanceError(455),
    lambda: ApiError(777),
    lambda: RateLimitError(429),
    lambda: WanError("whatever"),
]


@pytest.mark.parametrize("fault", FAILING)
async def test_a_failing_poll_never_fails_the_task(fault: Callable[[], WanError]) -> None:
    provider, permits = Provider(), NoLimit()
    provider.faults["t"] = [fault() for _ in range(12)]
    record = await poller(provider, permits, EVERY_2).wait(provider.start("t", 5.0))
    assert record.state is TaskState.SUCCESS
    assert not permits.open


async def test_after_a_429_the_task_stays_due() -> None:
    provider = Provider()
    provider.faults["t"] = [RateLimitError(429)]
    await poller(provider, polling=EVERY_2).wait(provider.start("t", 1.0))
    assert now() == pytest.approx(2 + 2 * ROUND_TRIP)


async def test_a_bug_in_a_poll_surfaces_to_its_waiters_only() -> None:
    provider = Provider()
    waiter = poller(provider, polling=EVERY_2)
    provider.faults["t"] = [ZeroDivisionError("a bug")]
    provider.start("t", 5.0)
    other = Heard()
    waiter.watch(provider.start("u", 5.0), other)
    with pytest.raises(WanError, match="a bug") as caught:
        await waiter.wait("t")
    assert isinstance(caught.value.__cause__, ZeroDivisionError)
    await asyncio.sleep(10)
    assert isinstance(other.outcomes[0], TaskRecord)


async def test_closing_ends_everything_and_the_poller_can_be_used_again() -> None:
    provider, permits = Provider(), NoLimit()
    waiter = poller(provider, permits, EVERY_2)
    heard = Heard()
    for number in range(5):
        waiter.watch(provider.start(f"t{number}", 50.0), heard, deadline=20.0)
    waiter.watch("t0", Heard()).cancel()
    waiting = asyncio.ensure_future(waiter.wait(provider.start("t", 50.0)))
    await asyncio.sleep(2 + ROUND_TRIP / 3)
    await waiter.aclose()
    with pytest.raises(ClientClosedError, match="task t was waited for"):
        await waiting
    assert [type(outcome) for outcome in heard.outcomes] == [ClientClosedError] * 5
    assert heard.times == [now()] * 5
    assert not others()
    assert not permits.open
    await asyncio.sleep(100)
    assert len(heard.outcomes) == 5
    assert (await waiter.wait(provider.start("again", 1.0))).state is TaskState.SUCCESS
    await waiter.aclose()
    await waiter.aclose()


async def test_a_wait_may_begin_where_closing_ends_another() -> None:
    provider, heard = Provider(), Heard()
    waiter = poller(provider, polling=EVERY_2)
    provider.start("t", 5.0)

    def again(outcome: TaskRecord | WanError) -> None:
        waiter.watch("t", heard)

    waiter.watch("t", again)
    await asyncio.sleep(2 + ROUND_TRIP / 3)
    await waiter.aclose()
    await asyncio.sleep(10)
    assert [type(outcome) for outcome in heard.outcomes] == [TaskRecord]


async def test_what_every_poll_would_meet_ends_all_waits() -> None:
    provider, heard, permits = Provider(), Heard(), NoLimit()
    waiter = poller(provider, permits, EVERY_2)
    for number in range(5):
        waiter.watch(provider.start(f"t{number}", 50.0), heard, age=-number / 10)
    provider.faults["t0"] = [ConfigurationError("the given session is closed")]
    await asyncio.sleep(3)
    assert [str(outcome) for outcome in heard.outcomes] == ["the given session is closed"] * 5
    assert all(isinstance(outcome, ConfigurationError) for outcome in heard.outcomes)
    assert heard.times == pytest.approx([2 + ROUND_TRIP] * 5)
    assert not others()
    assert not permits.open
    assert (await waiter.wait(provider.start("again", 1.0))).state is TaskState.SUCCESS


async def test_a_woken_task_is_polled_now() -> None:
    provider = Provider()
    waiter = poller(provider, polling=Polling(first=600.0, interval=600.0))
    provider.start("t", 10.0)
    waiting = asyncio.ensure_future(waiter.wait("t"))
    assert not waiter.wake("unknown")
    await asyncio.sleep(11)
    assert waiter.wake("t")
    await waiting
    assert now() == pytest.approx(11 + ROUND_TRIP)
    assert len(provider.polls["t"]) == 1


async def test_a_task_woken_too_early_is_polled_twice_more_then_as_planned() -> None:
    provider = Provider()
    waiter = poller(provider, polling=Polling(first=100.0, interval=50.0))
    provider.start("t", 30.0)
    waiting = asyncio.ensure_future(waiter.wait("t"))
    await asyncio.sleep(11)
    waiter.wake("t")
    await waiting
    assert provider.polls["t"] == pytest.approx([11, 12 + ROUND_TRIP, 17 + 2 * ROUND_TRIP, 67 + 2 * ROUND_TRIP])


async def test_a_task_woken_during_a_poll_is_polled_again_at_once() -> None:
    provider = Provider()
    waiter = poller(provider, polling=Polling(first=2.0, interval=100.0))
    provider.start("t", 2.05)
    waiting = asyncio.ensure_future(waiter.wait("t"))
    await asyncio.sleep(2 + ROUND_TRIP * 0.9)  # its answer was fixed before the end
    waiter.wake("t")
    await waiting
    assert now() == pytest.approx(2 + 2 * ROUND_TRIP)


async def test_where_callbacks_were_missed_all_are_polled_once_more() -> None:
    provider = Provider()
    waiter = poller(provider, polling=Polling(first=600.0, interval=600.0))
    heard = Heard()
    for name, seconds in (("done", 10.0), ("undone", 700.0), ("done too", 5.0)):
        waiter.watch(provider.start(name, seconds), heard)
    await asyncio.sleep(20)
    waiter.wake_all()
    await asyncio.sleep(100)
    assert [len(provider.polls[name]) for name in ("done", "undone", "done too")] == [1, 1, 1]
    assert heard.times == pytest.approx([20 + ROUND_TRIP] * 2)
    await asyncio.sleep(2000)
    assert provider.polls["undone"] == pytest.approx([20, 620, 1220])
    waiter.wake_all()  # nobody waits


async def test_a_resumed_task_is_polled_by_its_age() -> None:
    provider = Provider()
    waiter = poller(provider, polling=experienced(*(60 + number / 50 for number in range(50))))
    provider.start("old", 60.0, age=100.0)
    provider.start("young", 60.0, age=10.0)
    waits = [waiter.wait("old", kind="kind", age=100.0), waiter.wait("young", kind="kind", age=10.0)]
    await asyncio.gather(*waits)
    assert provider.ages("old") == pytest.approx([100.0])
    assert provider.ages("young")[0] > 55


async def test_a_task_of_unknown_age_is_polled_at_once() -> None:
    provider = Provider()
    waiter = poller(provider, polling=experienced(60.0))
    provider.start("t", 60.0, age=100.0)
    await waiter.wait("t", age=None)
    assert now() == pytest.approx(ROUND_TRIP)


async def test_waiting_tasks_cost_600_bytes_each_with_their_ids_and_no_coroutines() -> None:
    provider = Provider()
    waiter = poller(provider)
    count = 10_000
    heard = Heard()
    gc.collect()
    tracemalloc.start()
    for number in range(count):
        waiter.watch(f"{number:032x}", heard, age=random.random())
    used = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert used / count <= 600
    assert not others()
    await waiter.aclose()
