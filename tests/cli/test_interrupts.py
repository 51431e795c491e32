"""Ctrl-C and its like: what the first does and the second, with the loops of Windows too, which know no signals."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from asyncio.subprocess import PIPE
from pathlib import Path

import pytest

from wan_async._cli.running import Interrupts, interruptible
from wan_async.emulator import Emulator

from .batch_program import end_all, foxes, interrupt

WITHOUT_SIGNALS = """
import asyncio, sys
def none(*_): raise NotImplementedError
asyncio.SelectorEventLoop.add_signal_handler = asyncio.SelectorEventLoop.remove_signal_handler = none
from wan_async._cli.main import main
main(sys.argv[1:])
"""


@pytest.mark.virtual_time
async def test_the_first_signal_stops_and_the_next_ones_leave() -> None:
    told: list[str] = []
    interrupts = Interrupts(lambda: told.append("stop"), lambda: told.append("leave"))
    interrupts()
    await asyncio.sleep(100)
    assert told == ["stop"]
    interrupts()
    assert told == ["stop", "leave"]
    await asyncio.sleep(1)
    interrupts()
    assert told == ["stop", "leave", "leave"]
    await asyncio.sleep(100)  # what is in the air is waited for, but not for ever
    assert len(told) == 5


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
async def test_the_end_of_a_process_or_a_terminal_is_as_good_as_ctrl_c(number: signal.Signals) -> None:
    stopped = asyncio.Event()

    async def work() -> None:
        with interruptible(stopped.set):
            os.kill(os.getpid(), number)
            await stopped.wait()
            os.kill(os.getpid(), number)
            await asyncio.Event().wait()

    async with asyncio.timeout(5):
        with pytest.raises(asyncio.CancelledError):
            await asyncio.create_task(work())
    assert signal.getsignal(number) is signal.SIG_DFL


async def test_a_closed_terminal_is_not_heard_under_nohup() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with interruptible(lambda: None) as interrupts:
            os.kill(os.getpid(), signal.SIGHUP)
            await asyncio.sleep(0.01)
            assert interrupts.count == 0
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


async def test_a_signal_wakes_a_loop_that_is_about_to_wait() -> None:
    before = signal.getsignal(signal.SIGINT)
    with interruptible(lambda: None):
        descriptor = signal.set_wakeup_fd(-1)  # the system writes there, whatever Python is at
        signal.set_wakeup_fd(descriptor)
        assert descriptor != -1
    assert signal.getsignal(signal.SIGINT) is before


# loops like those of Windows


async def without_signals(folder: Path, *arguments: str, **environment: str) -> asyncio.subprocess.Process:
    path = os.pathsep.join(path or os.getcwd() for path in sys.path)
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", WITHOUT_SIGNALS, *arguments),
        cwd=folder,
        env={**os.environ, "PYTHONPATH": path, "APIKLEY_API_KEY": "k", **environment},
        stdout=PIPE,
        stderr=PIPE,
    )


@pytest.mark.parametrize("command", ["emulator", "listen"])
async def test_what_serves_ends_quietly_where_loops_know_no_signals(command: str, tmp_path: Path) -> None:
    process = await without_signals(tmp_path, command, "--port", "0", APIKLEY_WEBHOOK_KEY="w")
    assert process.stdout is not None
    assert (await process.stdout.readline()).startswith(b"http://")
    process.send_signal(signal.SIGINT)
    async with asyncio.timeout(10):
        _, errors = await process.communicate()
    assert (process.returncode, errors) == (0, b"")


async def test_ctrl_c_lets_what_runs_finish_where_loops_know_no_signals(tmp_path: Path) -> None:
    provider = Emulator(seconds=600.0, render=False)
    foxes(tmp_path / "clips.jsonl", 5)
    async with provider.serve() as url, asyncio.timeout(20):
        arguments = ("batch", "clips.jsonl", "--max-in-flight", "2")
        process = await without_signals(tmp_path, *arguments, APIKLEY_BASE_URL=url)
        while provider.stats.created < 2:
            await asyncio.sleep(0.02)
        assert "what was sent is waited for" in await interrupt(process)  # the two may be in the air still
        end_all(provider)
        output, errors = await process.communicate()
    assert process.returncode == 130, errors
    assert b"2 made, 0 failed, 0 unknown, 3 not done yet" in output
