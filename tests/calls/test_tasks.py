"""A task's handle: waiting, watching, and what a client does when it is closed meanwhile."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from wan_async import (
    ConfigurationError,
    NotFoundError,
    Polling,
    RateLimit,
    TaskFailedError,
    TaskState,
    TaskTimeoutError,
    Wan22TextToVideoTurbo,
    WanClient,
    WanError,
)
from wan_async.emulator import Emulator, Fault
from wan_async.emulator.virtual_time import VirtualTimeLoop

pytestmark = pytest.mark.virtual_time

CLIP = Wan22TextToVideoTurbo(prompt="a fox", resolution="480p")


def site(*faults: Fault, seconds: float = 40.0) -> tuple[Emulator, WanClient]:
    provider = Emulator(seconds=seconds, faults=faults)
    return provider, WanClient("k", pool=provider.transport(latency=0.02))


async def test_run_gives_the_finished_record_with_few_looks() -> None:
    provider, wan = site()
    async with wan:
        record = await wan.run(CLIP)
    assert (record.state, record.credits, record.cost_time) == (TaskState.SUCCESS, 40, 40.0)
    assert provider.stats.polls <= 20


async def test_a_failed_task_raises_where_it_is_waited_for_and_is_a_record_elsewhere() -> None:
    _, wan = site(Fault("fail", fail_code=422, message="bad"))
    async with wan:
        task = await wan.submit(CLIP)
        with pytest.raises(TaskFailedError, match=r"\[422\]: bad"):
            await task.wait()
        assert (await task.record()).fail_code == "422"
        assert [record.state async for record in task.watch()] == [TaskState.FAIL]


async def test_watch_shows_each_change_once_and_ends() -> None:
    _, wan = site()
    async with wan:
        states = [record.state async for record in (await wan.submit(CLIP)).watch()]
    assert states == [TaskState.WAITING, TaskState.SUCCESS]


async def test_watch_left_early_leaves_no_wait() -> None:
    _, wan = site()
    before = asyncio.all_tasks()
    async with wan:
        task = await wan.submit(CLIP)
        records = task.watch()
        assert (await anext(records)).state is TaskState.WAITING
        await records.aclose()
        await asyncio.sleep(1)
        assert asyncio.all_tasks() == before


async def test_max_wait_ends_the_wait_not_the_task() -> None:
    _, wan = site()
    async with wan:
        with pytest.raises(TaskTimeoutError) as caught:
            await wan.run(CLIP, max_wait=5.0)
        assert (await wan.wait(caught.value.task_id)).url


@pytest.mark.parametrize("max_wait", [-1, float("nan"), "5", True])
async def test_a_bad_max_wait_is_refused_before_anything_is_paid(max_wait: Any) -> None:
    provider, wan = site()
    async with wan:
        with pytest.raises(ConfigurationError, match="max_wait"):
            await wan.run(CLIP, max_wait=max_wait)
        with pytest.raises(ConfigurationError, match="max_wait"):
            await wan.wait("t", max_wait=max_wait)
    assert provider.stats.created == 0


async def test_a_task_rebuilt_from_its_id_is_looked_at_at_once() -> None:
    _, wan = site()
    loop = asyncio.get_running_loop()
    async with wan:
        task = await wan.submit(CLIP)
        await asyncio.sleep(100)
        began = loop.time()
        await wan.task(task.id).wait()
        assert loop.time() - began < 1.0


async def test_a_task_waited_for_late_is_found_by_its_age() -> None:
    provider, wan = site(seconds=200.0)
    loop = asyncio.get_running_loop()
    async with wan:
        await asyncio.gather(*(wan.run(CLIP) for _ in range(10)))
        began, polls = loop.time(), provider.stats.polls
        task = await wan.submit(CLIP)
        await asyncio.sleep(150)
        await task.wait()
        assert 200 <= loop.time() - began <= 210
        assert provider.stats.polls - polls <= 5
        await asyncio.sleep(100)
        began = loop.time()
        await task.wait()  # it ended long ago
        assert loop.time() - began < 1.0


def test_a_clients_clock_goes_on_from_one_event_loop_to_the_next() -> None:
    _, wan = site()

    async def clock() -> float:
        async with wan:
            return wan._runtimes.running().clock()  # pyright: ignore[reportPrivateUsage]

    with asyncio.Runner() as real:
        first = real.run(clock())
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as virtual:  # its own clock starts at 0
        assert 0 <= virtual.run(clock()) - first < 60


@pytest.mark.parametrize("way", ["run", "task", "id", "watch"])
async def test_a_fresh_tasks_null_record_is_waited_for(way: str) -> None:
    _, wan = site(Fault("null_record", seconds=60.0), seconds=70.0)
    async with wan:
        if way == "run":
            assert (await wan.run(CLIP)).url
            return
        task = await wan.submit(CLIP)
        if way == "task":
            assert (await task.wait()).url
        elif way == "id":
            assert (await wan.wait(task.id)).url
        else:
            assert [record.state async for record in wan.task(task.id).watch()][-1] is TaskState.SUCCESS


@pytest.mark.parametrize("way", ["wait", "watch"])
async def test_a_task_that_nobody_submitted_is_told_within_seconds(way: str) -> None:
    _, wan = site()
    loop = asyncio.get_running_loop()
    async with wan:
        began = loop.time()
        with pytest.raises(NotFoundError, match="no-such-task"):
            if way == "wait":
                await wan.wait("no-such-task")
            else:
                _ = [record async for record in wan.task("no-such-task").watch()]
        assert 4 <= loop.time() - began < 7


async def test_a_submitted_task_that_is_unknown_for_minutes_is_not_found() -> None:
    _, wan = site(Fault("null_record", seconds=1e9))
    loop = asyncio.get_running_loop()
    async with wan:
        with pytest.raises(NotFoundError):
            await wan.run(CLIP)
        assert 290 <= loop.time() < 330


async def test_tasks_submitted_lately_are_remembered_in_bounded_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wan_async._calls.REMEMBERED", 3)
    _, wan = site(Fault("null_record", seconds=60.0))
    async with wan:
        ids = [(await wan.submit(CLIP)).id for _ in range(9)]
        ends = await asyncio.gather(*(wan.wait(task_id) for task_id in ids), return_exceptions=True)
    assert [isinstance(end, NotFoundError) for end in ends] == [True] * 3 + [False] * 6


async def test_a_task_waited_for_by_its_id_where_it_was_submitted_is_polled_by_its_age() -> None:
    provider, wan = site(seconds=200.0)
    async with wan:
        await asyncio.gather(*(wan.run(CLIP) for _ in range(10)))
        polls = provider.stats.polls
        await wan.wait((await wan.submit(CLIP)).id)
        assert provider.stats.polls - polls <= 5


async def test_a_watch_of_a_task_that_is_waited_for_shows_its_record_at_once() -> None:
    provider = Emulator(seconds=40.0)
    wan = WanClient("k", pool=provider.transport(latency=0.02), polling=Polling(first=30.0, interval=30.0))
    loop = asyncio.get_running_loop()
    async with wan:
        task = await wan.submit(CLIP)
        waiting = asyncio.create_task(task.wait())
        await asyncio.sleep(5)
        began, records = loop.time(), task.watch()
        assert (await anext(records)).state is TaskState.WAITING
        assert loop.time() - began < 1
        await records.aclose()
        assert (await waiting).url


@pytest.mark.parametrize("how", ["wait", "watch"])
async def test_closing_the_client_ends_waits_with_an_error(how: str) -> None:
    _, wan = site()
    task = await wan.submit(CLIP)

    async def last() -> object:
        return await task.wait() if how == "wait" else [record async for record in task.watch()]

    waiting = asyncio.create_task(last())
    await asyncio.sleep(5)
    await wan.aclose()
    with pytest.raises(WanError, match="closed"):
        await waiting


async def test_what_was_learnt_of_durations_outlives_the_loop_that_learnt_it() -> None:
    provider, wan = site(seconds=200.0)
    wan = wan.with_options(limit=RateLimit(100, per=1.0), query_limit=RateLimit(100, per=1.0))
    provider.limit = provider.query_limit = None
    async with wan:
        await asyncio.gather(*(wan.run(CLIP) for _ in range(30)))
    learnt_at = provider.stats.polls
    async with wan:
        await asyncio.gather(*(wan.run(CLIP) for _ in range(30)))
    assert provider.stats.polls - learnt_at <= 30 * 5
