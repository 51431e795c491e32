"""Watches in virtual time: what they hear, and what is left of them."""

from __future__ import annotations

import asyncio
import gc
import weakref
from typing import Any

import pytest

from tests.limiters import NoLimit
from tests.polling.support import ROUND_TRIP, Heard, Provider, now, others, poller
from wan_async._policy.settings import Polling
from wan_async._protocol import TaskRecord, TaskState
from wan_async.errors import (
    TaskTimeoutError,
    WanError,
)

pytestmark = pytest.mark.virtual_time
EVERY_2 = Polling(interval=2.0)


async def test_watches_of_one_task_share_its_polls() -> None:
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
    assert len(provider.polls["t"]) == 3
    watches[0].cancel()  # over: nothing happens


async def test_a_cancelled_watch_is_not_called_and_leaves_nothing() -> None:
    provider, permits = Provider(), NoLimit()
    waiter = poller(provider, permits, EVERY_2)
    heard = Heard()
    watch = waiter.watch(provider.start("t", 5.0), heard)
    await asyncio.sleep(2 + ROUND_TRIP / 3)  # a poll is under way
    watch.cancel()
    assert waiter.waiting == 0
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert not others()
    assert not permits.open
    await asyncio.sleep(20)
    assert not heard.outcomes
    assert len(provider.polls["t"]) == 1


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


async def test_max_wait_ends_a_wait_and_its_polls() -> None:
    provider = Provider()
    waiter = poller(provider, polling=EVERY_2)
    with pytest.raises(TaskTimeoutError):
        await waiter.wait(provider.start("t", 50.0), max_wait=5.0)
    assert now() == pytest.approx(5.0)
    assert waiter.waiting == 0
    await asyncio.sleep(10)
    assert len(provider.polls["t"]) == 2


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


async def test_the_last_watch_to_be_cancelled_ends_the_polls_whatever_the_order() -> None:
    provider = Provider()
    waiter = poller(provider, polling=EVERY_2)
    provider.start("t", 50.0)
    watches = [waiter.watch("t", Heard()) for _ in range(3)]
    for index in (1, 0, 2):
        assert waiter.waiting == 1
        watches[index].cancel()
    assert waiter.waiting == 0


async def test_a_callback_that_raises_does_not_reach_the_others() -> None:
    provider = Provider()
    waiter = poller(provider, polling=EVERY_2)
    reported: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: reported.append(context))

    def raises(outcome: TaskRecord | WanError) -> None:
        raise ZeroDivisionError

    provider.start("t", 1.0)
    waiter.watch("t", raises)
    assert (await waiter.wait("t")).state is TaskState.SUCCESS
    assert isinstance(reported[0]["exception"], ZeroDivisionError)
    assert (await waiter.wait(provider.start("u", 1.0))).state is TaskState.SUCCESS


async def test_a_watch_may_begin_where_another_ends() -> None:
    provider = Provider()
    waiter = poller(provider, polling=EVERY_2)
    heard = Heard()
    provider.start("t", 1.0)
    waiter.watch("t", lambda _: waiter.watch("t", heard, age=100.0) and None)
    await asyncio.sleep(10)
    assert len(heard.outcomes) == 1


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
