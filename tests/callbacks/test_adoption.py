"""A submission whose answer was lost is found again by the callback that carries its token: one task, no error."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

import pytest

from wan_async import SubmissionUnknownError, TaskState, Timeout, WanClient
from wan_async._protocol.tokens import token_of
from wan_async.emulator import Emulator, Fault
from wan_async.events import Event, Polled
from wan_async.integrations.receiver import receiving

from .support import (
    PROGRAMS,
    body,
    callbacks_at,
    called_back,
    called_back_in_process,
    client,
    clip,
    free_port,
    post,
    provider,
    running,
    signed,
    until,
)


def lost(number: int = 0) -> Fault:
    """The task of that clip is created, and the answer that tells its id never comes."""
    return Fault("drop_after", call="createTask", match=clip(number).prompt, times=1)


def the_task(emulator: Emulator) -> str:
    (task_id,) = emulator.tasks
    return task_id


def token_in(emulator: Emulator, task_id: str) -> str:
    return str(token_of(emulator.tasks[task_id].callback_url))


async def test_a_lost_submission_is_the_task_that_calls_back() -> None:
    emulator = provider(lost())
    async with called_back(emulator) as (wan, _), asyncio.timeout(5):
        record = await wan.run(clip())
    assert record.task_id == the_task(emulator)
    assert record.state is TaskState.SUCCESS


@pytest.mark.virtual_time
async def test_the_callback_may_come_before_the_submission_fails() -> None:
    emulator = provider(Fault("slow", call="createTask", seconds=5), seconds=0.1)
    async with called_back_in_process(emulator, timeout=Timeout(total=0.6)) as (wan, _), asyncio.timeout(3):
        record = await wan.run(clip())
        assert emulator.stats.callbacks == 1
    assert record.task_id == the_task(emulator)


@pytest.mark.virtual_time
async def test_a_fresh_record_that_is_null_for_a_while_is_waited_for() -> None:
    emulator = provider(lost(), Fault("null_record", seconds=1.0), seconds=0.1)
    async with called_back_in_process(emulator) as (wan, _), asyncio.timeout(6):
        assert (await wan.run(clip())).task_id == the_task(emulator)


@pytest.mark.virtual_time
async def test_without_a_callback_in_time_its_fate_is_unknown() -> None:
    emulator = provider(lost(), Fault("drop_before", call="callback"))
    async with called_back_in_process(emulator, adopt_within=0.5) as (wan, _), asyncio.timeout(3):
        with pytest.raises(SubmissionUnknownError):
            await wan.run(clip())
    assert emulator.stats.created == 1
    assert emulator.stats.polls == 0


@pytest.mark.parametrize("url", ["{receiver}?wan_token=another", "http://127.0.0.1:9/elsewhere?wan_token={token}"])
async def test_a_task_of_another_url_is_not_adopted(url: str) -> None:
    """Somebody who knows the token names another task: its record tells that it is not the sought one."""
    emulator = provider(lost(), Fault("drop_before", call="callback"), seconds=0.05)
    async with called_back(emulator, adopt_within=1.0) as (wan, callbacks), asyncio.timeout(5):
        seeking = asyncio.create_task(wan.submit(clip()))
        await until(lambda: emulator.stats.created)
        token = token_in(emulator, the_task(emulator))
        other = await wan.submit(clip(1), callback_url=url.format(receiver=callbacks.url, token=token))
        await asyncio.sleep(0.1)
        assert (await post(f"{callbacks.url}?wan_token={token}", body(other.id), signed(other.id)))[0] == 200
        await until(lambda: emulator.stats.polls)
        with pytest.raises(SubmissionUnknownError):
            await seeking


async def test_a_callback_without_any_token_is_enough_if_the_record_tells() -> None:
    emulator = provider(lost(), Fault("drop_before", call="callback"), seconds=0.05)
    async with called_back(emulator) as (wan, callbacks), asyncio.timeout(5):
        seeking = asyncio.create_task(wan.submit(clip()))
        await until(lambda: emulator.stats.created)
        await asyncio.sleep(0.1)
        await callbacks.receive(signed(the_task(emulator)), body(the_task(emulator)))
        assert (await seeking).id == the_task(emulator)


@pytest.mark.virtual_time
async def test_one_without_a_token_that_came_early_is_looked_at_when_something_is_sought() -> None:
    emulator = provider(
        Fault("slow", call="createTask", seconds=5), Fault("drop_before", call="callback"), seconds=0.05
    )
    async with called_back_in_process(emulator, timeout=Timeout(total=0.6)) as (wan, callbacks), asyncio.timeout(5):
        seeking = asyncio.create_task(wan.submit(clip()))
        await until(lambda: emulator.stats.created)
        await asyncio.sleep(0.1)
        await callbacks.receive(signed(the_task(emulator)), body(the_task(emulator)))
        assert (await seeking).id == the_task(emulator)


async def test_guesses_are_few_however_many_unknown_tasks_are_told() -> None:
    emulator = provider(lost(), Fault("drop_before", call="callback"))
    guessed: set[str] = set()  # on a slow machine one is polled again before the last is polled first

    def hear(event: Event) -> None:
        if isinstance(event, Polled):
            guessed.add(event.task_id)

    async with called_back(emulator, key=None, adopt_within=4, on_event=hear) as (wan, callbacks):
        seeking = asyncio.create_task(wan.submit(clip()))
        await until(lambda: emulator.stats.created)
        await asyncio.sleep(0.1)
        for number in range(1000):
            await callbacks.receive({}, body(f"unknown-{number}"))
        await until(lambda: len(guessed) >= 90)
        await asyncio.sleep(0.2)
        assert len(guessed) <= 100
        seeking.cancel()


async def test_a_submission_that_is_given_up_is_sought_no_more() -> None:
    emulator = provider(lost(), Fault("drop_before", call="callback"))
    async with called_back(emulator, key=None) as (wan, callbacks):
        seeking = asyncio.create_task(wan.submit(clip()))
        await until(lambda: emulator.stats.created)
        await asyncio.sleep(0.1)
        seeking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await seeking
        await callbacks.receive({}, body("unknown"))
        await callbacks.receive({}, body(the_task(emulator)), url=emulator.tasks[the_task(emulator)].callback_url)
        await asyncio.sleep(0.2)
    assert emulator.stats.polls == 0


async def test_a_client_that_is_closed_tells_those_who_seek() -> None:
    emulator = provider(lost(), Fault("drop_before", call="callback"))
    async with called_back(emulator) as (wan, _):
        seeking = asyncio.create_task(wan.submit(clip()))
        await until(lambda: emulator.stats.created)
        await asyncio.sleep(0.1)
    assert seeking.done()
    with pytest.raises(SubmissionUnknownError):
        await seeking


async def test_a_callback_for_another_task_while_something_is_sought_is_kept_too() -> None:
    """It names no token, so it may be the sought one's; it must still wake who waits for its task later."""
    emulator = provider(lost(0), Fault("drop_before", call="callback"), seconds=0.05)
    async with called_back(emulator) as (wan, callbacks), asyncio.timeout(5):
        seeking = asyncio.create_task(wan.submit(clip(0)))
        task = await wan.submit(clip(1))
        await asyncio.sleep(0.2)
        await callbacks.receive(signed(task.id), body(task.id))
        await asyncio.sleep(0.2)
        assert (await task.wait()).state is TaskState.SUCCESS
        seeking.cancel()


async def test_a_batch_with_every_fourth_answer_lost_has_all_its_results_and_pays_each_once() -> None:
    count = 200
    emulator = provider(*(lost(number) for number in range(0, count, 4)))
    inputs = (clip(number) for number in range(count))
    async with (
        called_back(emulator) as (wan, _),
        wan.batch(inputs, max_in_flight=count) as results,
        asyncio.timeout(15),
    ):
        outcomes = [outcome async for outcome in results]
        stats = results.stats
    assert emulator.stats.faults == count // 4
    assert emulator.stats.created == count
    assert {outcome.task_id for outcome in outcomes if outcome.ok} == set(emulator.tasks)
    assert (stats.submitted, stats.succeeded, stats.unknown) == (count, count, 0)


async def job(emulator_url: str, port: int, journal: Path, **environment: str) -> list[str]:
    """The batch job in a process of its own; its lines."""
    arguments = [str(PROGRAMS / "batch_job.py"), emulator_url, str(port), str(journal)]
    async with running(arguments, **environment) as process:
        output, _ = await asyncio.wait_for(process.communicate(), 20)
    return output.decode().split()


@pytest.mark.skipif(sys.platform == "win32", reason="kills with a signal")
async def test_a_run_that_was_killed_between_the_post_and_its_answer_adopts_in_the_next(tmp_path: Path) -> None:
    emulator = provider(Fault("slow", call="createTask", seconds=30), seconds=3.0)
    port = free_port()
    async with emulator.serve() as url:
        arguments = [str(PROGRAMS / "batch_job.py"), url, str(port), str(tmp_path / "run.db")]
        async with running(arguments) as process:
            await until(lambda: emulator.stats.created == 5)
            process.kill()
        emulator.faults = ()
        lines = await job(url, port, tmp_path / "run.db")
    assert emulator.stats.created == 5
    assert sorted(lines) == sorted(emulator.tasks)


async def test_a_run_that_was_left_adopts_in_the_next(tmp_path: Path) -> None:
    emulator = provider(*(lost(number) for number in range(2)), seconds=1.0)
    inputs: list[Any] = [clip(number) for number in range(2)]
    callbacks = callbacks_at(port := free_port(), adopt_within=3.0)
    async with emulator.serve() as url:

        async def run(leave: bool) -> list[Any]:
            async with receiving(callbacks, port, path="/wan"), client(url, callbacks) as wan:
                return await collect(wan, leave)

        async def collect(wan: WanClient, leave: bool) -> list[Any]:
            async with wan.batch(inputs, journal=tmp_path / "run.db") as results:
                if leave:
                    await until(lambda: emulator.stats.created == 2)
                    await asyncio.sleep(0.2)
                    return []
                return [outcome async for outcome in results]

        await run(leave=True)
        outcomes = await asyncio.wait_for(run(leave=False), 5)
    assert {outcome.task_id for outcome in outcomes if outcome.ok} == set(emulator.tasks)
    assert emulator.stats.created == 2
