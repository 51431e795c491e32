"""Callbacks between workers over a real Redis and a real PostgreSQL, which are killed and started again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import cast

import pytest

from wan_async import TaskState, WanClient
from wan_async._callbacks import shared_bus as module
from wan_async._callbacks.shared_bus import SharedBus
from wan_async._protocol.callbacks import WakeUp
from wan_async.emulator import Emulator, Fault
from wan_async.integrations.receiver import receiving

from ..databases import free_port
from .conftest import Shared
from .support import PROGRAMS, callbacks_at, client, clip, listening_to, provider, running, until


def coroutines() -> set[str]:
    return {task.get_name() for task in asyncio.all_tasks()}


@asynccontextmanager
async def two_workers(emulator: Emulator, shared: Shared, *, limit: float = 30.0) -> AsyncGenerator[WanClient]:
    """Worker A, which submits and waits; all callbacks come to worker B."""
    port = free_port()
    worker_a = callbacks_at(port, bus=shared.bus())
    worker_b = callbacks_at(port, bus=shared.bus())
    async with emulator.serve() as base_url, receiving(worker_b, port, path="/wan"), asyncio.timeout(limit):
        async with client(base_url, worker_a) as wan:
            yield wan
        await cast("SharedBus", worker_b.bus).aclose()


async def test_what_one_worker_submits_and_another_hears_is_woken(shared: Shared) -> None:
    emulator = provider(seconds=0.5)
    async with two_workers(emulator, shared) as wan:
        records = await asyncio.gather(*(wan.run(clip(number)) for number in range(20)))
    assert all(record.state is TaskState.SUCCESS for record in records)
    assert emulator.stats.polls == 20


async def test_a_lost_submission_is_adopted_across_workers(shared: Shared) -> None:
    emulator = provider(Fault("drop_after", call="createTask", times=1), seconds=0.3)
    async with two_workers(emulator, shared) as wan:
        assert (await wan.run(clip())).task_id in emulator.tasks
    assert emulator.stats.created == 1


async def test_both_processes_and_both_listeners_hear_and_nothing_is_left_running(shared: Shared) -> None:
    before = coroutines()
    one, other = shared.bus(), shared.bus()
    async with listening_to(one) as first, listening_to(other) as second, listening_to(other) as third:
        await one.publish(WakeUp("a", "token"))
        await until(lambda: first.wake_ups and second.wake_ups and third.wake_ups)
        assert {*first.wake_ups, *second.wake_ups, *third.wake_ups} == {WakeUp("a", "token")}
        assert "wan-async callbacks" in coroutines()
    await asyncio.sleep(0)
    assert coroutines() == before


async def test_channels_do_not_mix(shared: Shared) -> None:
    async with listening_to(shared.bus(shared.channel + " one")) as ear, shared.bus(shared.channel + " two") as other:
        await other.publish(WakeUp("a"))
        async with shared.bus(shared.channel + " one") as same:
            await same.publish(WakeUp("b"))
        await until(lambda: ear.wake_ups)
    assert ear.wake_ups == [WakeUp("b")]


async def test_who_listens_late_hears_what_came_before(
    shared: Shared, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "BLOCK", 0.5)
    async with shared.bus() as bus:
        for number in range(module.PAGE + 5):  # pyright: ignore[reportPrivateUsage]
            bus._unsent.append(b'{"task_id":"%d"}' % number)  # pyright: ignore[reportPrivateUsage]
        await bus.publish(WakeUp("last"))
        async with listening_to(bus) as ear:
            await until(lambda: WakeUp("last") in ear.wake_ups)
            assert len(ear.wake_ups) == 1006
            async with listening_to(bus) as second:
                await until(lambda: WakeUp("last") in second.wake_ups)
                assert len(second.wake_ups) == 1006
    assert "away" not in caplog.text, "it was heard because of a reconnection"


async def test_a_run_adopts_what_was_called_back_while_none_ran(shared: Shared, tmp_path: Path) -> None:
    emulator = provider(Fault("slow", call="createTask", seconds=30), seconds=0.5)
    receiver = callbacks_at(port := free_port(), bus=(bus := shared.bus()))
    async with emulator.serve() as url, bus, receiving(receiver, port, path="/wan"):
        # the provider calls the receiver, which outlives the job
        job = [str(PROGRAMS / "batch_job.py"), url, str(port), str(tmp_path / "run.db")]
        async with running(job, BUS_URL=shared.server.url, CHANNEL=shared.channel) as process:
            await until(lambda: emulator.stats.created == 5)
            process.kill()
        await until(lambda: emulator.stats.callbacks == 5)
        emulator.faults = ()
        async with running(job, BUS_URL=shared.server.url, CHANNEL=shared.channel) as process:
            output, _ = await asyncio.wait_for(process.communicate(), 20)
    assert emulator.stats.created == 5
    assert sorted(output.decode().split()) == sorted(emulator.tasks)


async def test_a_server_killed_and_started_again_loses_nothing(
    shared: Shared, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "AWAY", 0.5)
    emulator = provider(seconds=0.4)
    async with two_workers(emulator, shared) as wan:
        await wan.run(clip(0))
        await shared.server.kill()
        await wan.run(clip(1))  # called back while the server is away: found by a poll
        assert emulator.stats.callbacks == 2, "the receipt was refused"
        waiting = asyncio.create_task(wan.run(clip(2)))
        await until(lambda: emulator.stats.callbacks == 3)
        await shared.server.start()
        await waiting
        await until(lambda: f"{shared.name} is back" in caplog.text)
        polls = emulator.stats.polls
        await wan.run(clip(3))
        assert emulator.stats.polls == polls + 1
    assert caplog.text.count(f"{shared.name} is away") == 1


async def test_while_the_server_is_away_tasks_are_polled_now_and_then(
    shared: Shared, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "AWAY", 0.4)
    monkeypatch.setattr(module, "LONGEST_PAUSE", 0.05)
    async with listening_to(shared.bus()) as ear:
        await shared.server.kill()
        await asyncio.sleep(1.5)
        assert 2 <= ear.misses <= 4
        starting = asyncio.create_task(shared.server.start())
        before = ear.misses
        while f"{shared.name} is back" not in caplog.text:
            before, _ = ear.misses, await asyncio.sleep(0.001)
        await starting
        assert ear.misses == before + 1
        await asyncio.sleep(0.6)
        assert ear.misses == before + 1


async def test_what_the_server_did_not_take_is_sent_when_it_is_back(shared: Shared) -> None:
    receiver, worker = shared.bus(), shared.bus()
    async with listening_to(receiver), listening_to(worker) as ear:
        await asyncio.sleep(0.1)
        await shared.server.kill()
        for number in range(3):
            await receiver.publish(WakeUp(str(number)))
        await shared.server.start()
        await until(lambda: len(ear.wake_ups) == 3)
    assert [heard.task_id for heard in ear.wake_ups] == ["0", "1", "2"]


async def test_a_worker_without_a_listener_sends_the_rest_with_the_next(shared: Shared) -> None:
    async with listening_to(shared.bus()) as ear, shared.bus() as receiver:
        await shared.server.kill()
        await receiver.publish(WakeUp("a"))
        await shared.server.start()
        await receiver.publish(WakeUp("b"))
        await until(lambda: len(ear.wake_ups) == 2)
    assert [heard.task_id for heard in ear.wake_ups] == ["a", "b"]


async def test_a_publisher_that_is_cancelled_keeps_what_it_was_to_send(shared: Shared) -> None:
    async with shared.bus() as bus, listening_to(shared.bus()) as ear:
        sending = asyncio.create_task(bus.publish(WakeUp("a")))
        await asyncio.sleep(0)
        sending.cancel()
        await asyncio.wait([sending])
        await bus.publish(WakeUp("b"))
        await until(lambda: len(ear.wake_ups) == 2)
        begun = asyncio.get_running_loop().time()
    assert asyncio.get_running_loop().time() - begun < 1, "a cancelled read was waited for"


@pytest.mark.filterwarnings("error")
def test_a_bus_serves_one_event_loop_after_another(shared: Shared) -> None:
    async def main() -> None:
        bus = shared.bus()
        await asyncio.to_thread(lambda: asyncio.run(use(bus)))
        await use(bus)

    async def use(bus: SharedBus) -> None:
        async with listening_to(bus) as ear:
            await bus.publish(WakeUp("a"))
            await until(lambda: ear.wake_ups)

    asyncio.run(main())


async def test_a_client_that_is_closed_leaves_nothing_running(shared: Shared) -> None:
    before, emulator = coroutines(), provider()
    callbacks = callbacks_at(free_port(), bus=shared.bus())
    async with emulator.serve() as url:
        wan = client(url, callbacks)
        async with wan:
            await wan.submit(clip())
            assert "wan-async callbacks" in coroutines()
        assert "wan-async callbacks" not in coroutines()
    assert coroutines() == before
