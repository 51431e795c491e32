"""The poller in virtual time: what it asks, when, and what its watches hear."""

from __future__ import annotations

import asyncio
import gc
import itertools
import random
import tracemalloc
import weakref
from typing import TYPE_CHECKING, Any

import pytest

from tests.poller.support import ROUND_TRIP, Heard, Paced, Permits, Provider, mean, others, poller
from wan_async._policy.polling import DENIALS, GRACE
from wan_async._policy.settings import Polling
from wan_async._poller import Poller
from wan_async._protocol import TaskRecord, TaskState
from wan_async.errors import (
    ApiError,
    AuthenticationError,
    KeyQuotaError,
    MaintenanceError,
    NotFoundError,
    RateLimitError,
    RejectedError,
    ResponseError,
    ServerError,
    TaskTimeoutError,
    TransportError,
    WanError,
)

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.virtual_time
EVERY_2 = Polling(interval=2.0)


def now() -> float:
    return asyncio.get_running_loop().time()


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
        return TaskRecord(task_id=task_id, state=next(states))

    record = await Poller(read, Permits(), EVERY_2).wait("t")
    assert record.state is TaskState.SUCCESS


async def test_with_nothing_learnt_the_page_is_followed() -> None:
    provider = Provider()
    await poller(provider).wait(provider.start("t", 200.0))
    ages = provider.ages("t")
    gaps = [(earlier, later - earlier) for earlier, later in zip([0.0, *ages], ages, strict=False)]
    for age, gap in gaps:
        low, high = (2, 3) if age < 30 else (5, 10) if age < 120 else (15, 30)
        assert low - 0.01 <= gap <= high + ROUND_TRIP
    assert 20 <= len(ages) <= 40


async def test_nothing_is_left_when_nothing_is_waited_for() -> None:
    provider, permits = Provider(), Permits()
    waiter = poller(provider, permits)
    await waiter.wait(provider.start("t", 3.0))
    await asyncio.sleep(0)
    assert not others()
    assert waiter.waiting == 0
    assert not permits.open


async def test_watches_of_one_task_share_its_looks() -> None:
    provider = Provider()
    waiter = poller(provider, polling=EVERY_2)
    provider.start("t", 5.0)
    heard = [Heard() for _ in range(4)]
    watches = [waiter.watch("t", each) for each in heard]
    watches[1].cancel()
    watches[3].cancel()
    watches[3].cancel()
    assert waiter.waiting == 1
    await asyncio.sleep(10)
    assert [len(each.outcomes) for each in heard] == [1, 0, 1, 0]
    assert len(provider.looks["t"]) == 3
    watches[0].cancel()  # over: nothing happens


async def test_a_cancelled_watch_is_not_called_and_leaves_nothing() -> None:
    provider, permits = Provider(), Permits()
    waiter = poller(provider, permits, EVERY_2)
    heard = Heard()
    watch = waiter.watch(provider.start("t", 5.0), heard)
    await asyncio.sleep(2 + ROUND_TRIP / 3)  # a look is under way
    watch.cancel()
    assert waiter.waiting == 0
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert not others()
    assert not permits.open
    await asyncio.sleep(20)
    assert not heard.outcomes
    assert len(provider.looks["t"]) == 1


async def test_a_task_that_comes_due_while_another_is_looked_at_is_looked_at_in_time() -> None:
    provider = Provider()
    waiter = poller(provider, polling=EVERY_2)
    for number in range(3):
        waiter.watch(provider.start(f"t{number}", 1.0), Heard(), age=-number * ROUND_TRIP / 4)
    await asyncio.sleep(3)
    looks = [provider.looks[f"t{number}"] for number in range(3)]
    assert looks == [[pytest.approx(2 + number * ROUND_TRIP / 4)] for number in range(3)]


async def test_a_permit_that_comes_when_nothing_is_due_any_more_is_given_back() -> None:
    class Late(Permits):
        async def acquire(self) -> float:
            await asyncio.sleep(0.5)
            return await super().acquire()

    provider, permits = Provider(), Late()
    waiter = poller(provider, permits, EVERY_2)
    heard = Heard()
    waiter.watch(provider.start("other", 6.0), heard, age=-2.0)
    watch = waiter.watch(provider.start("t", 5.0), Heard())
    await asyncio.sleep(2.2)
    watch.cancel()
    await asyncio.sleep(1)
    assert permits.ends == [("released", None)]
    await asyncio.sleep(10)
    assert len(heard.outcomes) == 1
    assert "t" not in provider.looks


async def test_cancelling_a_wait_forgets_it() -> None:
    provider = Provider()
    waiter = poller(provider)
    waiting = asyncio.ensure_future(waiter.wait(provider.start("t", 50.0)))
    await asyncio.sleep(1)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert waiter.waiting == 0
    await asyncio.sleep(0)
    assert not others()


async def test_a_deadline_ends_one_watch_only() -> None:
    provider = Provider()
    waiter = poller(provider, polling=EVERY_2)
    provider.start("t", 5.0)
    patient, hasty = Heard(), Heard()
    waiter.watch("t", patient)
    waiter.watch("t", hasty, deadline=3.5)
    await asyncio.sleep(10)
    assert hasty.times == pytest.approx([3.5])
    assert isinstance(hasty.outcomes[0], TaskTimeoutError)
    assert hasty.outcomes[0].task_id == "t"
    assert isinstance(patient.outcomes[0], TaskRecord)


async def test_max_wait_ends_a_wait_and_its_looks() -> None:
    provider = Provider()
    waiter = poller(provider, polling=EVERY_2)
    with pytest.raises(TaskTimeoutError):
        await waiter.wait(provider.start("t", 50.0), max_wait=5.0)
    assert now() == pytest.approx(5.0)
    assert waiter.waiting == 0
    await asyncio.sleep(10)
    assert len(provider.looks["t"]) == 2


async def test_a_deadline_that_is_not_needed_holds_nothing() -> None:
    provider = Provider()
    waiter = poller(provider, polling=EVERY_2)
    heard = Heard()
    gone = weakref.ref(heard)
    waiter.watch(provider.start("t", 1.0), heard, deadline=1e6)
    await asyncio.sleep(10)
    assert len(heard.outcomes) == 1
    del heard
    gc.collect()
    assert gone() is None


async def test_the_last_watch_to_be_cancelled_ends_the_looks_whatever_the_order() -> None:
    provider = Provider()
    waiter = poller(provider, polling=EVERY_2)
    provider.start("t", 50.0)
    watches = [waiter.watch("t", Heard()) for _ in range(3)]
    for index in (1, 0, 2):
        assert waiter.waiting == 1
        watches[index].cancel()
    assert waiter.waiting == 0


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
async def test_a_failing_look_never_fails_the_task(fault: Callable[[], WanError]) -> None:
    provider, permits = Provider(), Permits()
    provider.faults["t"] = [fault() for _ in range(12)]
    record = await poller(provider, permits, EVERY_2).wait(provider.start("t", 5.0))
    assert record.state is TaskState.SUCCESS
    assert not permits.open


async def test_failing_looks_are_repeated_at_a_growing_bounded_distance() -> None:
    provider = Provider()
    provider.faults["t"] = [TransportError("x") for _ in range(12)]
    await poller(provider, polling=EVERY_2).wait(provider.start("t", 5.0))
    looks = provider.looks["t"]
    gaps = [later - earlier - ROUND_TRIP for earlier, later in itertools.pairwise(looks)]
    assert gaps == pytest.approx([0.5, 1, 2, 4, 8, 16, 30, 30, 30, 30, 30, 30])


@pytest.mark.parametrize(
    ("fault", "end"),
    [
        (None, ("accepted", None)),
        (TransportError("x"), ("accepted", None)),
        (TransportError("x", sent=False), ("released", None)),
        (RateLimitError(429, retry_after=7.0), ("rejected", 7.0)),
        (ResponseError("x"), ("accepted", None)),
    ],
)
async def test_each_permit_has_its_end(fault: WanError | None, end: tuple[str, float | None]) -> None:
    provider, permits = Provider(), Permits()
    provider.faults["t"] = [fault] if fault else []
    await poller(provider, permits, EVERY_2).wait(provider.start("t", 1.0))
    assert permits.ends[0] == end


async def test_after_a_429_the_task_stays_due() -> None:
    provider = Provider()
    provider.faults["t"] = [RateLimitError(429)]
    await poller(provider, polling=EVERY_2).wait(provider.start("t", 1.0))
    assert now() == pytest.approx(2 + 2 * ROUND_TRIP)


async def test_a_null_record_of_a_fresh_task_is_waited_for() -> None:
    provider = Provider()
    provider.faults["t"] = [NotFoundError(422, "recordInfo is null") for _ in range(4)]
    record = await poller(provider).wait(provider.start("t", 5.0))
    assert record.state is TaskState.SUCCESS
    assert now() < 15


@pytest.mark.parametrize("kind", [NotFoundError, RejectedError])
async def test_an_unknown_task_is_given_up_at_the_end_of_its_grace(kind: type[ApiError]) -> None:
    provider = Provider()
    provider.faults["t"] = [kind(422) for _ in range(100)]
    with pytest.raises(kind):
        await poller(provider).wait(provider.start("t", 1000.0))
    assert now() == pytest.approx(GRACE + ROUND_TRIP, abs=0.1)
    assert len(provider.looks["t"]) < 15


@pytest.mark.parametrize("kind", [AuthenticationError, KeyQuotaError])
async def test_a_refused_key_is_tolerated_five_times_in_a_row(kind: type[ApiError]) -> None:
    provider = Provider()
    five = [kind(401) for _ in range(DENIALS)]
    provider.faults["t"] = [*five, TransportError("x"), *five]
    assert (await poller(provider).wait(provider.start("t", 5.0))).state is TaskState.SUCCESS
    provider.faults["u"] = [*five, kind(401)]
    with pytest.raises(kind):
        await poller(provider).wait(provider.start("u", 5.0))


async def test_a_bug_in_a_look_surfaces_to_its_waiters_only() -> None:
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


async def test_a_bug_in_the_limiter_surfaces_to_all_waiters() -> None:
    class Broken(Permits):
        async def acquire(self) -> float:
            raise ZeroDivisionError("a bug")

    provider, heard = Provider(), Heard()
    waiter = poller(provider, Broken(), EVERY_2)
    waiter.watch("u", heard)
    with pytest.raises(WanError, match="a bug"):
        await waiter.wait("t")
    assert len(heard.outcomes) == 1
    assert not others()


async def test_a_callback_that_raises_does_not_reach_the_others() -> None:
    provider = Provider()
    waiter = poller(provider, polling=EVERY_2)
    told: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context))

    def raises(outcome: TaskRecord | WanError) -> None:
        raise ZeroDivisionError

    provider.start("t", 1.0)
    waiter.watch("t", raises)
    assert (await waiter.wait("t")).state is TaskState.SUCCESS
    assert isinstance(told[0]["exception"], ZeroDivisionError)
    assert (await waiter.wait(provider.start("u", 1.0))).state is TaskState.SUCCESS


async def test_a_look_cancelled_from_elsewhere_is_repeated() -> None:
    provider, permits = Provider(), Permits()
    provider.faults["t"] = [asyncio.CancelledError()]
    record = await poller(provider, permits, EVERY_2).wait(provider.start("t", 1.0))
    assert record.state is TaskState.SUCCESS
    assert not permits.open


async def test_a_watch_may_begin_where_another_ends() -> None:
    provider = Provider()
    waiter = poller(provider, polling=EVERY_2)
    heard = Heard()
    provider.start("t", 1.0)
    waiter.watch("t", lambda _: waiter.watch("t", heard, age=100.0) and None)
    await asyncio.sleep(10)
    assert len(heard.outcomes) == 1


async def test_closing_ends_everything_and_the_poller_can_be_used_again() -> None:
    provider, permits = Provider(), Permits()
    waiter = poller(provider, permits, EVERY_2)
    heard = Heard()
    for number in range(5):
        waiter.watch(provider.start(f"t{number}", 50.0), heard, deadline=20.0)
    waiting = asyncio.ensure_future(waiter.wait(provider.start("t", 50.0)))
    await asyncio.sleep(2 + ROUND_TRIP / 3)
    await waiter.aclose()
    with pytest.raises(WanError, match="closed"):
        await waiting
    assert not others()
    assert not permits.open
    await asyncio.sleep(100)
    assert not heard.outcomes
    assert (await waiter.wait(provider.start("again", 1.0))).state is TaskState.SUCCESS
    await waiter.aclose()
    await waiter.aclose()


async def test_a_woken_task_is_looked_at_now() -> None:
    provider = Provider()
    waiter = poller(provider, polling=Polling(first=600.0, interval=600.0))
    provider.start("t", 10.0)
    waiting = asyncio.ensure_future(waiter.wait("t"))
    assert not waiter.wake("unknown")
    await asyncio.sleep(11)
    assert waiter.wake("t")
    await waiting
    assert now() == pytest.approx(11 + ROUND_TRIP)
    assert len(provider.looks["t"]) == 1


async def test_a_task_woken_too_early_is_looked_at_twice_more_then_as_planned() -> None:
    provider = Provider()
    waiter = poller(provider, polling=Polling(first=100.0, interval=50.0))
    provider.start("t", 30.0)
    waiting = asyncio.ensure_future(waiter.wait("t"))
    await asyncio.sleep(11)
    waiter.wake("t")
    await waiting
    assert provider.looks["t"] == pytest.approx([11, 12 + ROUND_TRIP, 17 + 2 * ROUND_TRIP, 67 + 2 * ROUND_TRIP])


async def test_a_task_woken_during_a_look_is_looked_at_again_at_once() -> None:
    provider = Provider()
    waiter = poller(provider, polling=Polling(first=2.0, interval=100.0))
    provider.start("t", 2.05)
    waiting = asyncio.ensure_future(waiter.wait("t"))
    await asyncio.sleep(2 + ROUND_TRIP * 0.9)  # its answer was fixed before the end
    waiter.wake("t")
    await waiting
    assert now() == pytest.approx(2 + 2 * ROUND_TRIP)


async def test_where_callbacks_were_missed_all_are_looked_at_once_more() -> None:
    provider = Provider()
    waiter = poller(provider, polling=Polling(first=600.0, interval=600.0))
    heard = Heard()
    for name, seconds in (("done", 10.0), ("undone", 700.0), ("done too", 5.0)):
        waiter.watch(provider.start(name, seconds), heard)
    await asyncio.sleep(20)
    waiter.wake_all()
    await asyncio.sleep(100)
    assert [len(provider.looks[name]) for name in ("done", "undone", "done too")] == [1, 1, 1]
    assert heard.times == pytest.approx([20 + ROUND_TRIP] * 2)
    await asyncio.sleep(2000)
    assert provider.looks["undone"] == pytest.approx([20, 620, 1220])
    waiter.wake_all()  # nobody waits


async def test_a_resumed_task_is_looked_at_by_its_age() -> None:
    provider = Provider()
    waiter = poller(provider)
    for number in range(50):
        waiter.observe("kind", 60 + number / 50)
    provider.start("old", 60.0, age=100.0)
    provider.start("young", 60.0, age=10.0)
    waits = [waiter.wait("old", kind="kind", age=100.0), waiter.wait("young", kind="kind", age=10.0)]
    await asyncio.gather(*waits)
    assert provider.ages("old") == pytest.approx([100.0])
    assert provider.ages("young")[0] > 55


async def test_a_task_of_unknown_age_is_looked_at_at_once() -> None:
    provider = Provider()
    waiter = poller(provider)
    waiter.observe("kind", 60.0)
    provider.start("t", 60.0, age=100.0)
    await waiter.wait("t", kind="kind", at_once=True)
    assert now() == pytest.approx(ROUND_TRIP)


async def test_no_more_looks_at_once_than_are_good() -> None:
    provider = Provider()
    waiter = Poller(provider.read, Permits(), EVERY_2, most_looks=5)
    await asyncio.gather(*(waiter.wait(provider.start(str(number), 1.0)) for number in range(16)))
    assert provider.most_at_once == 5


async def test_the_permit_goes_to_who_needs_it_when_it_comes() -> None:
    provider, permits = Provider(), Paced(10.0)
    waiter = poller(provider, permits, EVERY_2)
    heard = Heard()
    first = waiter.watch(provider.start("first", 50.0), Heard())
    await asyncio.sleep(5)  # one permit was used at 2 s, the next, asked for at 4 s, comes at 12 s
    waiter.watch(provider.start("second", 1.0), heard)
    await asyncio.sleep(6)
    first.cancel()
    await asyncio.sleep(5)
    assert provider.looks["first"] == pytest.approx([2.0])
    assert provider.looks["second"] == pytest.approx([12.0])
    assert len(heard.outcomes) == 1


async def test_a_permit_that_nobody_needs_any_more_is_given_back() -> None:
    provider, permits = Provider(), Paced(10.0)
    waiter = poller(provider, permits, EVERY_2)
    first = waiter.watch(provider.start("first", 50.0), Heard())
    await asyncio.sleep(11)  # the next permit comes at 12 s
    waiter.watch(provider.start("second", 1.0), Heard())
    first.cancel()
    await asyncio.sleep(1.5)
    assert permits.ends == [("accepted", None), ("released", None)]
    await waiter.aclose()


async def run_all(provider: Provider, waiter: Poller, durations: list[float], every: float) -> tuple[float, float]:
    """Looks per task, and how late they were found as a part of their durations."""

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
    return mean([len(looks) for looks in provider.looks.values()]), mean(late)


@pytest.mark.parametrize("stamps", [True, False])
async def test_tasks_of_4_seconds_take_5_looks_and_are_found_4_percent_late(stamps: bool) -> None:
    draw = random.Random(5)
    provider = Provider(stamps=stamps)
    durations = [draw.uniform(3.5, 4.5) for _ in range(300)]
    looks, late = await run_all(provider, poller(provider), durations, 0.4)
    assert looks <= (5.0 if stamps else 5.5)
    assert late <= (0.04 if stamps else 0.05)


async def test_what_the_first_end_tells_helps_those_already_waiting() -> None:
    draw = random.Random(5)
    provider = Provider()
    durations = [draw.gauss(100.0, 5.0) for _ in range(200)]
    looks, late = await run_all(provider, poller(provider), durations, 0.0)
    assert looks <= 13  # the page alone: 21
    assert late <= 0.06


async def test_two_humps_starve_nobody() -> None:
    draw = random.Random(5)
    provider = Provider()
    durations = [draw.gauss(10, 1) if draw.random() < 0.7 else draw.gauss(400, 40) for _ in range(200)]
    looks, late = await run_all(provider, poller(provider), durations, 2.0)
    assert looks <= 20
    assert late <= 0.06


async def test_over_the_budget_all_are_found_and_evenly_late() -> None:
    draw = random.Random(5)
    provider, permits = Provider(), Paced(0.1)
    waiter = poller(provider, permits)
    for _ in range(50):
        waiter.observe("kind", draw.gauss(30, 3))
    found: list[float] = []
    for number in range(600):
        waiter.watch(provider.start(str(number), draw.gauss(30, 3)), lambda _: found.append(now()), kind="kind")
    while waiter.waiting:
        await asyncio.sleep(1)
    assert len(permits.ends) <= 1.3 * 600  # hardly a look in vain
    assert found[-1] <= 30 + 1.3 * 60
    spread = [found[index] - found[index - 60] for index in range(60, 600, 60)]
    assert max(spread) <= 3 * min(spread)


async def test_a_hundred_thousand_waiting_tasks_cost_400_bytes_each_and_no_coroutines() -> None:
    provider = Provider()
    waiter = poller(provider)
    count = 10_000
    ids = [f"{number:032x}" for number in range(count)]
    heard = Heard()
    gc.collect()
    tracemalloc.start()
    for task_id in ids:
        waiter.watch(task_id, heard, age=random.random())
    used = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert used / count <= 400
    assert not others()
    await waiter.aclose()
