"""The poller and what shows no end, in virtual time: failures, tasks that are unknown, successes without links."""

from __future__ import annotations

import asyncio
import itertools
from typing import TYPE_CHECKING

import pytest

from tests.limiters import NoLimit
from tests.polling.support import LINKS, ROUND_TRIP, Heard, Provider, experienced, now, others, poller
from wan_async._policy.schedules import NEVER
from wan_async._policy.settings import Polling
from wan_async._protocol import TaskRecord, TaskState
from wan_async.errors import (
    ApiError,
    AuthenticationError,
    KeyQuotaError,
    NotFoundError,
    RateLimitError,
    RejectedError,
    ResponseError,
    ServerError,
    TransportError,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from wan_async.errors import WanError

pytestmark = pytest.mark.virtual_time
EVERY_2 = Polling(interval=2.0)
RARELY = Polling(first=2.0, interval=1000.0)
LINKLESS = TaskRecord(task_id="t", state=TaskState.SUCCESS)


def null() -> NotFoundError:
    return NotFoundError(422, "recordInfo is null")


def page() -> ResponseError:
    return ResponseError("recordInfo answered with a page", 404)


PASSING: list[Callable[[], WanError]] = [
    lambda: TransportError("reset"),
    lambda: TransportError("refused", sent=False),
    page,
    lambda: ResponseError("another task's record"),
    lambda: ServerError(500),
]


def gaps(provider: Provider) -> list[float]:
    return [later - earlier - ROUND_TRIP for earlier, later in itertools.pairwise(provider.polls["t"])]


async def test_failing_polls_are_repeated_at_a_growing_bounded_distance() -> None:
    provider = Provider()
    provider.faults["t"] = [TransportError("x") for _ in range(12)]
    await poller(provider, polling=RARELY).wait(provider.start("t", 5.0))
    assert gaps(provider) == pytest.approx([0.5, 1, 2, 4, 8, 16, 30, 30, 30, 30, 30, 30])


@pytest.mark.parametrize("fault", [*PASSING, null])
@pytest.mark.parametrize("interval", [0.01, 0.05, 0.3, 2.0, 7.0])
async def test_a_failed_poll_is_repeated_no_later_than_the_schedules_own_next(
    fault: Callable[[], WanError], interval: float
) -> None:
    provider = Provider()
    provider.faults["t"] = [fault() for _ in range(12)]
    await poller(provider, polling=Polling(interval=interval)).wait(provider.start("t", 1.0))
    polls = provider.polls["t"]
    assert all(later - earlier <= max(interval, ROUND_TRIP) + 1e-6 for earlier, later in itertools.pairwise(polls))


async def test_where_durations_are_learnt_a_failed_poll_is_repeated_no_later_than_they_say() -> None:
    provider = Provider()
    provider.faults["t"] = [TransportError("x") for _ in range(5)]
    planner = experienced(*[1.0] * 50)
    await poller(provider, polling=planner).wait(provider.start("t", 1.0), kind="kind")
    for age, later in itertools.pairwise(provider.ages("t")):
        assert later <= max(planner.schedule("kind").next_poll(age, 0), age + ROUND_TRIP) + 1e-6
    assert provider.ages("t")[0] == pytest.approx(planner.schedule("kind").next_poll(NEVER, 0))


async def test_failures_after_a_callback_do_not_follow_without_a_pause() -> None:
    provider = Provider()
    waiter = poller(provider, polling=Polling(first=600.0, interval=600.0))
    provider.faults["t"] = [TransportError("x") for _ in range(10)]
    waiting = asyncio.ensure_future(waiter.wait(provider.start("t", 1.0)))
    await asyncio.sleep(2)
    waiter.wake("t")
    await waiting
    assert min(gaps(provider)) >= 0.5 - 1e-6


@pytest.mark.parametrize("seconds", [1.0, 30.0, 89.0, 200.0, 290.0])
async def test_a_null_record_of_a_submitted_task_is_waited_for(seconds: float) -> None:
    provider = Provider()
    waiter = poller(provider, polling=EVERY_2)
    provider.faults["t"] = [null() for _ in range(int(seconds // 2))]
    assert (await waiter.wait(provider.start("t", 5.0))).url


@pytest.mark.parametrize("kind", [NotFoundError, RejectedError])
@pytest.mark.parametrize("age", [0.0, 100.0, 1e6])
async def test_a_submitted_task_is_given_up_after_five_minutes_of_being_unknown(
    kind: type[ApiError], age: float
) -> None:
    provider, permits = Provider(), NoLimit()
    provider.faults["t"] = [kind(422) for _ in range(1000)]
    waiter = poller(provider, permits)
    with pytest.raises(kind):
        await waiter.wait(provider.start("t", 1e9), age=age)
    assert now() - provider.polls["t"][0] == pytest.approx(300 + 2 * ROUND_TRIP, abs=ROUND_TRIP)
    assert len(provider.polls["t"]) < 50
    await asyncio.sleep(0)
    assert not others()
    assert not permits.open


@pytest.mark.parametrize("kind", [NotFoundError, RejectedError])
@pytest.mark.parametrize("polling", [Polling(), RARELY, Polling(interval=0.05)])
async def test_a_stranger_is_given_up_within_seconds(kind: type[ApiError], polling: Polling) -> None:
    provider = Provider()
    provider.faults["t"] = [kind(422) for _ in range(1000)]
    with pytest.raises(kind):
        await poller(provider, polling=polling).wait(provider.start("t", 1e9), age=None, submitted=False)
    assert 4 <= now() <= 6


async def test_a_stranger_that_was_seen_is_none_any_more() -> None:
    provider = Provider()
    running = TaskRecord(task_id="t", state=TaskState.GENERATING)
    provider.faults["t"] = [null(), running, *(null() for _ in range(20))]
    waiter = poller(provider, polling=EVERY_2)
    assert (await waiter.wait(provider.start("t", 30.0), age=None, submitted=False)).url
    assert now() > 30


async def test_a_stranger_that_ended_is_none_any_more() -> None:
    provider = Provider()
    provider.faults["t"] = [LINKLESS, *(null() for _ in range(10))]
    waiter = poller(provider, polling=EVERY_2)
    assert (await waiter.wait(provider.start("t", 1.0), age=None, submitted=False)).url


@pytest.mark.parametrize("order", [(True, False), (False, True)])
async def test_who_submitted_it_decides_for_all_who_wait(order: tuple[bool, bool]) -> None:
    provider, heard = Provider(), Heard()
    provider.faults["t"] = [null() for _ in range(10)]
    waiter = poller(provider, polling=EVERY_2)
    provider.start("t", 1.0)
    for submitted in order:
        waiter.watch("t", heard, submitted=submitted)
    await asyncio.sleep(100)
    assert [outcome.url for outcome in heard.outcomes if isinstance(outcome, TaskRecord)] == list(LINKS) * 2


async def test_a_stranger_whose_callback_came_is_none() -> None:
    provider = Provider()
    provider.faults["t"] = [null() for _ in range(10)]
    waiter = poller(provider, polling=EVERY_2)
    waiter.announced = lambda task_id: task_id == "t"
    assert (await waiter.wait(provider.start("t", 1.0), submitted=False)).url


@pytest.mark.parametrize("seconds", [2.5, 60.0, 1000.0])
@pytest.mark.parametrize("submitted", [True, False])
async def test_a_page_is_no_verdict_about_a_task(seconds: float, submitted: bool) -> None:
    """A deploy behind a gateway: pages for so long, and between them envelopes of a service that knows nothing yet."""
    provider = Provider()
    provider.faults["t"] = [page() if number % 3 else null() for number in range(int(seconds / 2))]
    waiter = poller(provider, polling=EVERY_2)
    assert (await waiter.wait(provider.start("t", 5.0, age=200.0), age=200.0, submitted=submitted)).url


async def test_429_between_them_does_not_make_unknown_answers_count_anew() -> None:
    provider = Provider()
    provider.faults["t"] = [null() if number % 2 else RateLimitError(429) for number in range(5000)]
    with pytest.raises(NotFoundError):
        await poller(provider, polling=EVERY_2).wait(provider.start("t", 1e9))
    assert now() < 320


@pytest.mark.parametrize("kind", [AuthenticationError, KeyQuotaError])
@pytest.mark.parametrize("polling", [RARELY, Polling(interval=0.05)])
async def test_a_refused_key_ends_a_wait_after_fifteen_seconds(kind: type[ApiError], polling: Polling) -> None:
    provider = Provider()
    provider.faults["t"] = [*(kind(401) for _ in range(5)), TransportError("x"), *(kind(401) for _ in range(5))]
    waiter = poller(provider, polling=polling)
    assert (await waiter.wait(provider.start("t", 5.0))).state is TaskState.SUCCESS
    begun = now()
    provider.faults["u"] = [kind(401) for _ in range(1000)]
    with pytest.raises(kind):
        await waiter.wait(provider.start("u", 5.0))
    assert 15 <= now() - begun <= 20


@pytest.mark.parametrize("polling", [Polling(), RARELY, Polling(first=600.0, interval=600.0)])
@pytest.mark.parametrize("late", [0.2, 5.0, 250.0])
async def test_links_that_come_late_are_waited_for(polling: Polling, late: float) -> None:
    provider = Provider()
    waiter, done = poller(provider, polling=polling), asyncio.get_running_loop().time() + late

    async def links_later(task_id: str) -> TaskRecord:
        record = await right(task_id)
        return record if now() >= done else LINKLESS

    right, waiter._read = provider.read, links_later  # pyright: ignore[reportPrivateUsage]
    record = await waiter.wait(provider.start("t", 0.0), age=None)
    assert record.url
    assert now() - done <= max(1.0, late)
    assert len(provider.polls["t"]) <= 15


async def test_a_success_that_stays_without_links_is_the_end_after_ten_minutes() -> None:
    provider, shown = Provider(), list[TaskRecord]()
    provider.faults["t"] = [LINKLESS if number % 5 else page() for number in range(1000)]
    waiter = poller(provider, polling=RARELY)
    record = await waiter.wait(provider.start("t", 1.0), on_record=shown.append)
    assert record == LINKLESS
    assert now() == pytest.approx(602, abs=31)
    assert len(provider.polls["t"]) <= 40
    assert shown == []


DOUBTFUL = TaskRecord(task_id="t", state=TaskState.FAIL, provider_state="Finished")


async def test_a_failure_that_stays_doubtful_is_the_end_after_three_seconds() -> None:
    provider = Provider()
    provider.faults["t"] = [DOUBTFUL if number % 3 else page() for number in range(1000)]
    waiter = poller(provider, polling=RARELY)
    assert await waiter.wait(provider.start("t", 0.0), age=None) == DOUBTFUL
    assert 3 <= now() < 10


async def test_what_comes_after_a_doubtful_failure_is_the_last_word() -> None:
    provider = Provider()
    running = TaskRecord(task_id="t", state=TaskState.GENERATING)
    provider.faults["t"] = [DOUBTFUL, DOUBTFUL, DOUBTFUL, running, DOUBTFUL, LINKLESS, DOUBTFUL]
    waiter = poller(provider, polling=EVERY_2)
    assert (await waiter.wait(provider.start("t", 0.0), age=None)).url


async def test_the_duration_of_a_task_is_learnt_when_it_is_first_found_done() -> None:
    provider = Provider()
    planner = experienced(*[10.0] * 50)
    waiter = poller(provider, polling=planner)
    for name in range(20):
        task_id = provider.start(str(name), 10.0)
        provider.faults[task_id] = [TaskRecord(task_id=task_id, state=TaskState.SUCCESS) for _ in range(8)]
        await waiter.wait(task_id, kind="kind")
    assert planner.schedule("kind").next_poll(NEVER, 0) < 12


async def test_max_wait_ends_a_wait_for_links_too() -> None:
    provider = Provider()
    provider.faults["t"] = [LINKLESS] * 1000
    with pytest.raises(TimeoutError):
        await poller(provider, polling=EVERY_2).wait(provider.start("t", 1.0), max_wait=30.0)
    assert now() == pytest.approx(30.0)
