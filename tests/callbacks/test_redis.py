"""Callbacks between workers over a real Redis, which is killed and started again."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
from collections.abc import AsyncGenerator, Awaitable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import cast

import pytest
from redis.asyncio import Redis

from wan_async import ConfigurationError, TaskState, WanClient
from wan_async._protocol.callbacks import WakeUp
from wan_async.emulator import Emulator, Fault
from wan_async.integrations import redis as module
from wan_async.integrations.receiver import receiving
from wan_async.integrations.redis import RedisBus

from .support import (
    PROGRAMS,
    RedisServer,
    callbacks_at,
    client,
    clip,
    free_port,
    provider,
    redis_server,
    running,
    until,
)


@pytest.fixture
async def server() -> AsyncGenerator[RedisServer]:
    async with redis_server() as started:
        yield started


class Ear:
    def __init__(self) -> None:
        self.told: list[WakeUp] = []
        self.misses = 0

    def heard(self, wake_up: WakeUp) -> None:
        self.told.append(wake_up)

    def missed(self) -> None:
        self.misses += 1


@asynccontextmanager
async def listening_to(bus: RedisBus) -> AsyncGenerator[Ear]:
    ear = Ear()
    bus.attach(ear)
    try:
        yield ear
    finally:
        await bus.detach(ear)


def coroutines() -> set[str]:
    return {task.get_name() for task in asyncio.all_tasks()}


@asynccontextmanager
async def two_workers(emulator: Emulator, url: str, *, limit: float = 30.0) -> AsyncGenerator[WanClient]:
    """Worker A, which submits and waits; all callbacks come to worker B."""
    port = free_port()
    worker_a = callbacks_at(port, bus=RedisBus(url))
    worker_b = callbacks_at(port, bus=RedisBus(url))
    async with emulator.serve() as base_url, receiving(worker_b, port, path="/wan"), asyncio.timeout(limit):
        async with client(base_url, worker_a) as wan:
            yield wan
        await cast("RedisBus", worker_b.bus).aclose()


async def test_what_one_worker_submits_and_another_hears_is_woken(server: RedisServer) -> None:
    emulator = provider(seconds=0.5)
    async with two_workers(emulator, server.url) as wan:
        records = await asyncio.gather(*(wan.run(clip(number)) for number in range(20)))
    assert all(record.state is TaskState.SUCCESS for record in records)
    assert emulator.stats.polls == 20


async def test_a_lost_submission_is_adopted_across_workers(server: RedisServer) -> None:
    emulator = provider(Fault("drop_after", call="createTask", times=1), seconds=0.3)
    async with two_workers(emulator, server.url) as wan:
        assert (await wan.run(clip())).task_id in emulator.tasks
    assert emulator.stats.created == 1


async def test_both_processes_and_both_listeners_hear_and_nothing_is_left_running(server: RedisServer) -> None:
    before = coroutines()
    one, other = RedisBus(server.url), RedisBus(server.url)
    async with listening_to(one) as first, listening_to(other) as second, listening_to(other) as third:
        await one.publish(WakeUp("a", "token"))
        await until(lambda: first.told and second.told and third.told)
        assert {*first.told, *second.told, *third.told} == {WakeUp("a", "token")}
        assert "wan-async redis" in coroutines()
    await asyncio.sleep(0)
    assert coroutines() == before


async def test_channels_do_not_mix(server: RedisServer) -> None:
    async with listening_to(RedisBus(server.url, channel="one")) as ear, RedisBus(server.url, channel="two") as other:
        await other.publish(WakeUp("a"))
        async with RedisBus(server.url, channel="one") as same:
            await same.publish(WakeUp("b"))
        await until(lambda: ear.told)
    assert ear.told == [WakeUp("b")]


async def test_who_listens_late_hears_what_came_before(
    server: RedisServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "_BLOCK", 0.5)
    async with RedisBus(server.url) as bus:
        for number in range(module._PAGE + 5):  # pyright: ignore[reportPrivateUsage]
            bus._unsent.append(b'{"task_id":"%d"}' % number)  # pyright: ignore[reportPrivateUsage]
        await bus.publish(WakeUp("last"))
        async with listening_to(bus) as ear:
            await until(lambda: WakeUp("last") in ear.told)
            assert len(ear.told) == 1006
            async with listening_to(bus) as second:
                await until(lambda: WakeUp("last") in second.told)
                assert len(second.told) == 1006
    assert "away" not in caplog.text, "it was heard because of a reconnection"


async def test_a_run_adopts_what_was_called_back_while_none_ran(server: RedisServer, tmp_path: Path) -> None:
    emulator = provider(Fault("slow", call="createTask", seconds=30), seconds=0.5)
    receiver = callbacks_at(port := free_port(), bus=(bus := RedisBus(server.url)))
    async with emulator.serve() as url, bus, receiving(receiver, port, path="/wan"):
        # the provider calls the receiver, which outlives the job
        job = [str(PROGRAMS / "batch_job.py"), url, str(port), str(tmp_path / "run.db")]
        async with running(job, REDIS_URL=server.url) as process:
            await until(lambda: emulator.stats.created == 5)
            process.kill()
        await until(lambda: emulator.stats.callbacks == 5)
        emulator.faults = ()
        async with running(job, REDIS_URL=server.url) as process:
            output, _ = await asyncio.wait_for(process.communicate(), 20)
    assert emulator.stats.created == 5
    assert sorted(output.decode().split()) == sorted(emulator.tasks)


async def test_redis_killed_and_started_again_loses_nothing(
    server: RedisServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "AWAY", 0.5)
    emulator = provider(seconds=0.4)
    async with two_workers(emulator, server.url) as wan:
        await wan.run(clip(0))
        await server.kill()
        await wan.run(clip(1))  # called back while Redis is away: found by a look
        assert emulator.stats.callbacks == 2, "the receipt was refused"
        waiting = asyncio.create_task(wan.run(clip(2)))
        await until(lambda: emulator.stats.callbacks == 3)
        await server.start()
        await waiting
        await until(lambda: "Redis is back" in caplog.text)
        polls = emulator.stats.polls
        await wan.run(clip(3))
        assert emulator.stats.polls == polls + 1
    assert caplog.text.count("Redis is away") == 1


async def test_while_redis_is_away_tasks_are_looked_at_now_and_then(
    server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "AWAY", 0.4)
    monkeypatch.setattr(module, "_LONGEST_PAUSE", 0.05)
    async with listening_to(RedisBus(server.url)) as ear:
        await server.kill()
        await asyncio.sleep(1.5)
        assert 2 <= ear.misses <= 4
        before = ear.misses
        await server.start()
        await until(lambda: ear.misses == before + 1)
        await asyncio.sleep(0.6)
        assert ear.misses == before + 1


async def test_what_redis_did_not_take_is_sent_when_it_is_back(server: RedisServer) -> None:
    receiver, worker = RedisBus(server.url), RedisBus(server.url)
    async with listening_to(receiver), listening_to(worker) as ear:
        await asyncio.sleep(0.1)
        await server.kill()
        for number in range(3):
            await receiver.publish(WakeUp(str(number)))
        await server.start()
        await until(lambda: len(ear.told) == 3)
    assert [told.task_id for told in ear.told] == ["0", "1", "2"]


async def test_a_worker_without_a_listener_sends_the_rest_with_the_next(server: RedisServer) -> None:
    async with listening_to(RedisBus(server.url)) as ear, RedisBus(server.url) as receiver:
        await server.kill()
        await receiver.publish(WakeUp("a"))
        await server.start()
        await receiver.publish(WakeUp("b"))
        await until(lambda: len(ear.told) == 2)
    assert [told.task_id for told in ear.told] == ["a", "b"]


async def test_garbage_on_the_channel_is_a_line_in_the_log(
    server: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    bus = RedisBus(server.url, channel="c")
    redis: Redis = Redis.from_url(server.url)  # pyright: ignore[reportUnknownMemberType]
    long = b'{"task_id":"%s"}' % (b"x" * 201)
    async with listening_to(bus) as ear, redis:
        for text in (b"\xff", b"{}", b'{"task_id":7}', b'{"task_id":""}', long, b""):
            await redis.xadd("c", {"wake": text})
        await redis.xadd("c", {"other": "x"})
        await bus.publish(WakeUp("a"))
        await until(lambda: len(ear.told) == 2)
    assert ear.told == [WakeUp("a")] * 2  # directly, and by the channel
    assert caplog.text.count("no callback") == 7


async def test_a_channel_that_is_something_else_is_no_crash(
    server: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    redis: Redis = Redis.from_url(server.url)  # pyright: ignore[reportUnknownMemberType]
    async with redis:
        await cast("Awaitable[int]", redis.set("c", "text"))
    async with listening_to(bus := RedisBus(server.url, channel="c")):
        await bus.publish(WakeUp("a"))
        await until(lambda: "Redis is away" in caplog.text)
    assert "did not take" in caplog.text


async def test_a_redis_that_says_nothing_delays_no_receipt_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PATIENCE", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        bus = RedisBus(f"redis://127.0.0.1:{silent.getsockname()[1]}")
        async with bus, listening_to(bus) as ear:
            async with asyncio.timeout(1):
                await bus.publish(WakeUp("a"))
            assert ear.told == [WakeUp("a")]


async def test_a_publisher_that_is_cancelled_keeps_what_it_was_to_send(server: RedisServer) -> None:
    async with RedisBus(server.url) as bus, listening_to(RedisBus(server.url)) as ear:
        sending = asyncio.create_task(bus.publish(WakeUp("a")))
        await asyncio.sleep(0)
        sending.cancel()
        await asyncio.wait([sending])
        await bus.publish(WakeUp("b"))
        await until(lambda: len(ear.told) == 2)
        begun = asyncio.get_running_loop().time()
    assert asyncio.get_running_loop().time() - begun < 1, "a cancelled read was waited for"


@pytest.mark.filterwarnings("error")
def test_a_bus_serves_one_event_loop_after_another() -> None:
    async def main() -> None:
        async with redis_server() as server:
            bus = RedisBus(server.url)
            await asyncio.to_thread(lambda: asyncio.run(use(bus)))
            await use(bus)

    async def use(bus: RedisBus) -> None:
        async with listening_to(bus) as ear:
            await bus.publish(WakeUp("a"))
            await until(lambda: ear.told)

    asyncio.run(main())


@pytest.mark.parametrize("url", ["", "localhost", "http://localhost", None])
def test_a_url_that_is_none_of_redis_is_refused(url: str) -> None:
    with pytest.raises(ConfigurationError, match=r"RedisBus\.url"):
        RedisBus(url)


def test_no_password_is_shown() -> None:
    assert "secret" not in repr(RedisBus("redis://:secret@localhost"))


async def test_a_client_that_is_closed_leaves_nothing_running(server: RedisServer) -> None:
    before, emulator = coroutines(), provider()
    callbacks = callbacks_at(free_port(), bus=RedisBus(server.url))
    async with emulator.serve() as url:
        wan = client(url, callbacks)
        async with wan:
            await wan.submit(clip())
            assert "wan-async redis" in coroutines()
        assert "wan-async redis" not in coroutines()
    assert coroutines() == before


def test_without_the_extra_the_command_that_installs_it_is_named() -> None:
    program = """
import sys
import wan_async
assert not {"redis", "pydantic", "pydantic_core", "fastapi", "starlette"} & sys.modules.keys()
sys.modules["redis"] = None
try:
    import wan_async.integrations.redis
except ModuleNotFoundError as missing:
    print(missing)
"""
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert "pip install 'wan-async[redis]'" in told
