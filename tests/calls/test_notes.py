"""Notes on whatever ends a call early: the id of what is paid for, or that a submission was in the air."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
import traceback
from collections.abc import Callable

import pytest

from wan_async import ClientClosedError, RateLimit, TaskTimeoutError, WanClient
from wan_async.emulator import Emulator

from ..servers import never, scripted
from .support import CREATED, FOX, RECORD, FakeTransport, client

CREATED_NOTE = "task t1 was created and may be charged; WanClient.wait('t1') gets its record"
IN_THE_AIR = "the provider may have created the task and may charge it"


def notes(error: BaseException) -> list[str]:
    return getattr(error, "__notes__", [])


def waiting() -> WanClient:
    """A client whose task is created, and never ends."""
    return WanClient("k", pool=FakeTransport(CREATED, RECORD))


async def until(is_so: Callable[[], bool]) -> None:
    while not is_so():
        await asyncio.sleep(0.001)


async def test_a_run_cancelled_after_its_submission_tells_the_id() -> None:
    pool = FakeTransport(CREATED, RECORD)
    async with WanClient("k", pool=pool) as wan:
        running = asyncio.create_task(wan.run(FOX))
        await until(lambda: len(pool.asked) > 0)
        await asyncio.sleep(0.05)
        running.cancel()
        with pytest.raises(asyncio.CancelledError) as caught:
            await running
    assert notes(caught.value) == [CREATED_NOTE]


@pytest.mark.virtual_time
async def test_a_run_that_runs_into_somebodys_timeout_tells_the_id() -> None:
    async with waiting() as wan:
        with pytest.raises(TimeoutError) as caught:
            await asyncio.wait_for(wan.run(FOX), 30.0)
        assert CREATED_NOTE in "".join(traceback.format_exception(caught.value))
        with pytest.raises(TimeoutError) as caught:
            async with asyncio.timeout(30.0):
                await wan.with_options().run(FOX)
        assert CREATED_NOTE in "".join(traceback.format_exception(caught.value))


@pytest.mark.virtual_time
async def test_a_run_whose_client_is_closed_tells_the_id() -> None:
    wan = waiting()
    running = asyncio.create_task(wan.run(FOX))
    await asyncio.sleep(10.0)
    await wan.aclose()
    with pytest.raises(ClientClosedError) as caught:
        await running
    assert notes(caught.value) == [CREATED_NOTE]


@pytest.mark.virtual_time
async def test_an_error_that_has_the_id_needs_no_note() -> None:
    async with waiting() as wan:
        with pytest.raises(TaskTimeoutError) as caught:
            await wan.run(FOX, max_wait=5.0)
    assert notes(caught.value) == []


async def test_a_submission_cancelled_in_the_air_says_so() -> None:
    async with scripted(never) as server, client(server.url) as wan:
        submitting = asyncio.create_task(wan.submit(FOX))
        await until(lambda: server.posts > 0)
        submitting.cancel()
        with pytest.raises(asyncio.CancelledError) as caught:
            await submitting
    (note,) = notes(caught.value)
    assert note.startswith("createTask was sent at 20")
    assert IN_THE_AIR in note


async def test_a_submission_cancelled_before_it_left_says_nothing() -> None:
    async with waiting().with_options(limit=RateLimit(1, per=100.0)) as wan:
        await wan.submit(FOX)
        submitting = asyncio.create_task(wan.submit(FOX))
        await asyncio.sleep(0.01)
        submitting.cancel()
        with pytest.raises(asyncio.CancelledError) as caught:
            await submitting
    assert notes(caught.value) == []


PROGRAM = """
    import asyncio, sys
    from wan_async import Wan22TextToVideoTurbo, WanClient

    async def main():
        async with WanClient("k", base_url=sys.argv[1]) as wan:
            await wan.run(Wan22TextToVideoTurbo(prompt="a fox"))

    asyncio.run(main())
"""


@pytest.mark.skipif(sys.platform == "win32", reason="a console's Ctrl-C reaches the tests too")
async def test_ctrl_c_in_a_script_shows_the_id() -> None:
    emulator = Emulator(key="k", seconds=600.0)
    async with emulator.serve() as url:
        program = await asyncio.create_subprocess_exec(
            sys.executable, "-c", textwrap.dedent(PROGRAM), url, stderr=subprocess.PIPE
        )
        async with asyncio.timeout(30):
            await until(lambda: emulator.stats.created > 0)
            await asyncio.sleep(0.5)
            os.kill(program.pid, signal.SIGINT)
            _, output = await program.communicate()
    text = output.decode()
    assert "KeyboardInterrupt" in text
    assert "was created and may be charged; WanClient.wait(" in text
