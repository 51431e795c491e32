"""`wan-async listen` in a process of its own."""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path

from wan_async._protocol.callbacks import WakeUp
from wan_async.emulator import Fault

from ..databases import free_port
from .conftest import Shared
from .support import (
    KEY,
    body,
    callbacks_at,
    client,
    clip,
    listening_to,
    post,
    provider,
    running,
    signed,
    until,
)

LISTEN = ["-m", "wan_async", "listen", "--port", "0", "--path", "/wan"]


async def line_of(process: asyncio.subprocess.Process) -> str:
    assert process.stdout is not None
    return (await asyncio.wait_for(process.stdout.readline(), 10)).decode().strip()


async def test_its_first_line_is_its_url_and_then_it_tells_what_is_genuine() -> None:
    async with running(LISTEN, APIKLEY_WEBHOOK_KEY="old hook-key") as process:
        url = await line_of(process)
        assert url.endswith("/wan")
        assert (await post(url, body("a"), signed("a", "forged")))[0] == 401
        assert (await post(url, body("b"), signed("b")))[0] == 200
        assert (await post(url, body("c"), signed("c", "old")))[0] == 200
        assert [await line_of(process), await line_of(process)] == ["b", "c"]
        process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(process.wait(), 5) == 0


async def test_it_tells_the_workers_and_outlives_a_restart_of_their_bus(shared: Shared) -> None:
    async with running([*LISTEN, "--key", "hook-key", *options_of(shared)]) as process:
        url = await line_of(process)
        async with listening_to(shared.bus()) as ear:
            await post(url, body("a"), signed("a"))
            await until(lambda: WakeUp("a") in ear.wake_ups)
            await shared.server.kill()
            assert (await post(url, body("b"), signed("b")))[0] == 200
            await shared.server.start()
            await until(lambda: WakeUp("b") in ear.wake_ups)


async def test_a_batch_job_hears_of_callbacks_from_it(shared: Shared) -> None:
    emulator, port = provider(), free_port()
    async with running([*LISTEN, "--port", str(port), "--key", "hook-key", *options_of(shared)]) as process:
        await line_of(process)
        callbacks = callbacks_at(port, bus=shared.bus())
        inputs = (clip(number) for number in range(20))
        async with emulator.serve() as url, client(url, callbacks) as wan, wan.batch(inputs) as results:
            assert [outcome.ok async for outcome in results] == [True] * 20
    assert emulator.stats.polls == 20


def options_of(shared: Shared) -> list[str]:
    return ["--redis" if shared.name == "Redis" else "--postgres", shared.server.url, "--channel", shared.channel]


async def ended(*options: str) -> tuple[int | None, str]:
    process = await asyncio.create_subprocess_exec(sys.executable, *LISTEN, *options, stderr=asyncio.subprocess.PIPE)
    _, output = await asyncio.wait_for(process.communicate(), 10)
    return process.returncode, output.decode()


async def test_what_cannot_be_used_is_one_line() -> None:
    for options, words in (
        (["--path", "wan"], "--path"),
        (["--redis", "nowhere"], "RedisBus.url"),
        (["--postgres", "nowhere"], "PostgresBus.url"),
    ):
        code, output = await ended(*options)
        assert (code, output.count("\n")) == (2, 1)
        assert words in output


async def batch(folder: Path, url: str, *options: str) -> tuple[int | None, str]:
    """`wan-async batch` of three lines; its exit code and what it said."""
    inputs = folder / "in.jsonl"
    inputs.write_text("".join(f'{{"model": "{clip().model}", "input": {{"prompt": "clip {n}"}}}}\n' for n in range(3)))
    command = ["-m", "wan_async", "--api-key", "k", "--base-url", url, "batch", str(inputs), *options]
    process = await asyncio.create_subprocess_exec(
        sys.executable, *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    output, _ = await asyncio.wait_for(process.communicate(), 20)
    return process.returncode, output.decode()


async def test_a_batch_receives_in_its_own_process(tmp_path: Path) -> None:
    emulator, port = provider(Fault("drop_after", call="createTask", times=1)), free_port()
    options = ["--callback-url", f"http://127.0.0.1:{port}/deep/wan?x=1", "--listen", str(port), "--webhook-key", KEY]
    async with emulator.serve() as url:
        code, output = await batch(tmp_path, url, *options)
    assert code == 0, output
    assert emulator.stats.created == 3
    assert 3 <= emulator.stats.polls <= 4  # what was adopted is read when it is found, and when it is waited for
    assert emulator.stats.callbacks == 3


async def test_half_of_what_callbacks_need_is_refused(tmp_path: Path) -> None:
    for options in (["--listen", "8300"], ["--callback-url", "https://example.com/"]):
        code, output = await batch(tmp_path, "http://127.0.0.1:9", *options)
        assert code == 2
        assert "go together" in output
