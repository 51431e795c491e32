"""A bus that dies, or a client that closes, hangs nobody: waits go on by polling, or end with an error."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from typing import Any

import pytest

from wan_async import Callbacks, Polling, TaskState, WanClient, WanError
from wan_async._callbacks import shared_bus
from wan_async._callbacks.bus import Listener
from wan_async._callbacks.callbacks import PASSED_ON_WITHIN
from wan_async._callbacks.shared_bus import SharedBus
from wan_async._protocol.callbacks import WakeUp

from .support import (
    KEY,
    body,
    callbacks_at,
    called_back,
    client,
    clip,
    free_port,
    listening_to,
    provider,
    signed,
    until,
)


class BrokenLog:
    """A server's log that fails in ways that nobody foresaw, while it is broken."""

    def __init__(self) -> None:
        self.broken = True
        self.messages: list[bytes] = []

    def _check(self) -> None:
        if self.broken:
            raise LookupError("nobody\nforesaw this")

    async def append(self, messages: Sequence[bytes]) -> None:
        self._check()
        self.messages += messages

    async def rewind(self) -> None:
        self._check()

    async def read(self) -> list[bytes]:
        await asyncio.sleep(1)
        self._check()
        read, self.messages = self.messages, []
        return read

    async def aclose(self) -> None:
        raise OSError("cannot even be closed")


class DeadBus:
    """Takes listeners and callbacks, and does nothing any more."""

    async def publish(self, wake_up: WakeUp) -> None:
        await asyncio.Event().wait()

    def attach(self, listener: Listener) -> None:
        pass

    async def detach(self, listener: Listener) -> None:
        raise OSError("dead")


@pytest.mark.virtual_time
async def test_a_reader_goes_on_whatever_its_log_does(caplog: pytest.LogCaptureFixture) -> None:
    log = BrokenLog()
    bus = SharedBus("Paper", lambda: log)
    with pytest.raises(OSError, match="cannot even be closed"):
        async with listening_to(bus) as ear:
            await asyncio.sleep(100)
            assert ear.misses >= 100 // (shared_bus.AWAY + shared_bus.LONGEST_PAUSE)
            await bus.publish(WakeUp("a"))
            log.broken = False
            await until(lambda: len(ear.wake_ups) == 2)
    lines = [record.getMessage() for record in caplog.records]
    assert lines == [
        "Paper is away, waiting tasks are polled every 15 s: LookupError: nobody foresaw this",
        "Paper did not take 1 callbacks, which go with the next: LookupError: nobody foresaw this",
        "Paper is back",
    ]


@pytest.mark.virtual_time
async def test_a_bus_that_takes_for_ever_is_answered_for_in_time(caplog: pytest.LogCaptureFixture) -> None:
    callbacks = Callbacks("https://example.com/wan", KEY, bus=DeadBus())
    loop = asyncio.get_running_loop()
    begun = loop.time()
    assert (await callbacks.receive(signed("t"), body("t"))).status == 503
    assert loop.time() - begun == pytest.approx(PASSED_ON_WITHIN)
    assert "could not be passed on" in caplog.text


async def test_with_a_dead_bus_tasks_are_found_by_polling_and_closing_tells_of_it() -> None:
    emulator = provider(seconds=0.1)
    async with emulator.serve() as url:
        wan = client(url, callbacks_at(free_port(), bus=DeadBus()), polling=Polling(first=0.2, interval=0.2))
        with pytest.raises(OSError, match="dead"):
            async with asyncio.timeout(10), wan:
                assert (await wan.run(clip())).state is TaskState.SUCCESS


async def run(wan: WanClient) -> None:
    await wan.run(clip())


async def wait(wan: WanClient) -> None:
    await (await wan.submit(clip())).wait()


async def watch(wan: WanClient) -> None:
    async for _ in (await wan.submit(clip())).watch():
        pass


@pytest.mark.parametrize("waiting", [run, wait, watch])
async def test_a_client_that_is_closed_under_a_wait_ends_it(waiting: Any) -> None:
    emulator = provider(seconds=60)
    async with called_back(emulator) as (wan, _):
        call: Coroutine[Any, Any, None] = waiting(wan)
        task = asyncio.create_task(call)
        await until(lambda: emulator.tasks)
        await asyncio.sleep(0.05)
        await wan.aclose()
        with pytest.raises(WanError, match="closed"):
            await asyncio.wait_for(task, 5)
