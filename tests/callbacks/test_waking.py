"""From a callback to whoever waits: over real HTTP against the emulator, which counts every recordInfo."""

from __future__ import annotations

import asyncio
import os
import time
import tracemalloc

import pytest

from wan_async import Callbacks, Polling, TaskFailedError, TaskState, TaskTimeoutError
from wan_async._callbacks.wake_ups import EARLY
from wan_async.emulator import Fault
from wan_async.integrations.receiver import receiving

from ..databases import free_port
from .support import (
    body,
    callbacks_at,
    called_back,
    called_back_in_process,
    client,
    clip,
    post,
    provider,
    signed,
    until,
)

FLOOD = int(os.environ.get("WAN_TEST_FLOOD", "10000"))


async def test_a_run_with_callbacks_reads_the_record_once() -> None:
    emulator = provider()
    async with called_back(emulator) as (wan, _):
        async with asyncio.timeout(5):
            record = await wan.run(clip())
    assert record.state is TaskState.SUCCESS
    assert (emulator.stats.created, emulator.stats.polls, emulator.stats.callbacks) == (1, 1, 1)


async def test_each_submission_has_a_url_of_its_own() -> None:
    emulator = provider()
    async with called_back(emulator) as (wan, callbacks):
        records = [await wan.run(clip(number)) for number in range(3)]
    urls = {emulator.tasks[record.task_id].callback_url for record in records}
    assert len(urls) == 3
    assert all(str(url).startswith(callbacks.url + "?wan_token=") for url in urls)
    assert {(record.request or {}).get("callBackUrl") for record in records} == {callbacks.url}


async def test_a_failed_task_is_called_back_too() -> None:
    async with called_back(provider(Fault("fail"))) as (wan, _):
        async with asyncio.timeout(5):
            with pytest.raises(TaskFailedError):
                await wan.run(clip())


async def test_one_task_called_back_four_times_is_read_once() -> None:
    emulator = provider(seconds=30)
    async with called_back(emulator) as (wan, callbacks):
        task = await wan.submit(clip())
        waiting = asyncio.create_task(task.wait())
        await asyncio.sleep(0.05)
        emulator.tasks[task.id].ends = 0.0
        for ago in range(4):
            answer = await post(callbacks.url, body(task.id), signed(task.id, at=time.time() - ago))
            assert answer == (200, {"code": 200, "msg": "success"})
        assert (await waiting).state is TaskState.SUCCESS
        await asyncio.sleep(0.1)
    assert emulator.stats.polls == 1


@pytest.mark.virtual_time
async def test_a_flood_of_callbacks_for_a_task_that_runs_costs_three_polls_in_five_seconds() -> None:
    emulator = provider(seconds=30)
    async with called_back_in_process(emulator, key=None) as (wan, callbacks):
        task = await wan.submit(clip())
        waiting = asyncio.create_task(task.wait())
        for _ in range(1000):
            await callbacks.receive({}, body(task.id))
            await asyncio.sleep(0.005)
        assert not waiting.done()
        assert 1 <= emulator.stats.polls <= 3  # the third where a callback came in the middle of a poll
        waiting.cancel()


@pytest.mark.virtual_time
async def test_a_callback_that_comes_before_submit_returns_is_kept() -> None:
    emulator = provider(Fault("slow", call="createTask", seconds=0.5), seconds=0.1)
    async with called_back_in_process(emulator) as (wan, _), asyncio.timeout(3):
        task = await wan.submit(clip())
        assert emulator.stats.callbacks == 1
        assert (await task.wait()).state is TaskState.SUCCESS
    assert emulator.stats.polls == 1


async def test_a_forged_body_changes_nothing() -> None:
    emulator = provider(seconds=30)
    async with called_back(emulator) as (wan, callbacks):
        task = await wan.submit(clip())
        waiting = asyncio.create_task(task.wait())
        await asyncio.sleep(0.05)
        lie = body(task.id, resultJson='{"resultUrls": ["https://evil.example/x.mp4"]}', creditsConsumed=0)
        assert (await post(callbacks.url, lie, signed(task.id)))[0] == 200
        await until(lambda: emulator.stats.polls == 1)
        assert not waiting.done()
        emulator.tasks[task.id].ends = 0.0
        record = await asyncio.wait_for(waiting, 3)  # it is polled again 1 s after the callback
    assert record.url is not None
    assert "evil" not in record.url


async def test_a_flood_of_unknown_tasks_costs_no_query_and_no_memory_that_grows() -> None:
    emulator = provider(seconds=30)
    async with called_back(emulator, key=None) as (wan, callbacks):
        waiting = asyncio.create_task(wan.run(clip()))
        await until(lambda: emulator.stats.created)
        tracemalloc.start()
        try:
            await flood(callbacks, range(EARLY))
            full, _ = tracemalloc.get_traced_memory()
            await flood(callbacks, range(EARLY, EARLY + FLOOD))
            grown, _ = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        waiting.cancel()
    assert emulator.stats.polls == 0
    assert full < 1000 * EARLY, f"{full / 1e6:.1f} MB"
    assert grown < full + 1e6, f"{grown / 1e6:.1f} MB, {full / 1e6:.1f} MB before"


async def flood(callbacks: Callbacks, numbers: range) -> None:
    """Each with all that a sender can make long: half a kilobyte counts, what is longer is not kept."""
    for number in numbers:
        text = body(f"{number:0200}", param=f'{{"callBackUrl": "?wan_token={number:064}"}}', pad="x" * 1000)
        reply = await callbacks.receive({}, text, url=f"/?wan_token={number:05000}")
        assert reply.status == 200


@pytest.mark.virtual_time
async def test_a_lost_callback_is_found_by_the_schedule_that_was_given() -> None:
    emulator = provider(Fault("drop_before", call="callback"))
    async with called_back_in_process(emulator, polling=Polling(first=0.4, interval=0.1)) as (wan, _):
        async with asyncio.timeout(3):
            await wan.run(clip())
    assert emulator.stats.callbacks == 0


@pytest.mark.virtual_time
@pytest.mark.parametrize(("callbacks", "least", "most", "polls"), [(True, 60, 61, 3), (False, 50, 60, 50)])
async def test_the_safety_net_is_slow(callbacks: bool, least: float, most: float, polls: int) -> None:
    """The first of a kind is a scout, polled after 15, 30 and 60 s; all others would be after 120."""
    emulator = provider(seconds=50)
    begun = asyncio.get_running_loop().time()
    pool = emulator.transport()  # delivers no callback
    async with client("https://p.example", callbacks_at(1) if callbacks else None, pool=pool) as wan:
        await wan.run(clip())
    assert least <= asyncio.get_running_loop().time() - begun <= most
    assert emulator.stats.polls <= polls


@pytest.mark.virtual_time
async def test_a_task_that_was_submitted_elsewhere_is_waited_for_too() -> None:
    emulator = provider(seconds=0.6)
    pool = emulator.transport()
    async with (
        called_back_in_process(emulator) as (wan, callbacks),
        client("https://p.example", callbacks, pool=pool) as other,
    ):
        task = await wan.submit(clip())
        async with asyncio.timeout(3):
            assert (await other.wait(task.id)).state is TaskState.SUCCESS
            assert (await other.wait(task.id)).state is TaskState.SUCCESS  # long after its callback
    assert emulator.stats.polls == 3  # at once as its age is not known, at its callback, at once


@pytest.mark.virtual_time
async def test_a_wait_that_timed_out_is_woken_when_it_is_waited_for_again() -> None:
    emulator = provider(seconds=0.5)
    async with called_back_in_process(emulator) as (wan, _):
        task = await wan.submit(clip())
        with pytest.raises(TaskTimeoutError):
            await task.wait(0.2)
        await until(lambda: emulator.stats.callbacks)
        await asyncio.wait_for(task.wait(), 2)
    assert emulator.stats.polls == 1


async def test_a_client_that_is_entered_again_hears_again() -> None:
    emulator = provider()
    callbacks = callbacks_at(port := free_port())
    async with emulator.serve() as url, receiving(callbacks, port, path="/wan"):
        wan = client(url, callbacks)
        for _ in range(2):
            async with wan, asyncio.timeout(3):
                await wan.run(clip())
    assert emulator.stats.polls == 2


@pytest.mark.virtual_time
async def test_missed_callbacks_are_made_good_by_one_look_at_every_task() -> None:
    emulator = provider(Fault("drop_before", call="callback"))
    async with called_back_in_process(emulator) as (wan, _):
        runs = [asyncio.create_task(wan.run(clip(number))) for number in range(3)]
        await until(lambda: emulator.stats.created == 3)
        await asyncio.sleep(0.3)
        wan._runtimes.running().wakeups.missed()  # pyright: ignore[reportPrivateUsage]
        await asyncio.wait_for(asyncio.gather(*runs), 3)
    assert emulator.stats.polls == 3
