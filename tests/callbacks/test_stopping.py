"""README's web backend in a real uvicorn: bounded waits, errors as answers, and an end as soon as it is asked for.

"As soon" is measured by what the same program took to start, just before and on the same busy machine.
"""

from __future__ import annotations

import asyncio
import re
import signal
import time
from collections.abc import AsyncGenerator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

import aiohttp
import pytest

from wan_async import ClientClosedError, SubmissionUnknownError, WanClient
from wan_async.emulator import Emulator, Fault
from wan_async.integrations.fastapi import WanClientDependency

from ..databases import RedisServer, free_port
from .support import KEY, called_back, client, clip, listening, provider, running, until

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")


class Backend(NamedTuple):
    process: asyncio.subprocess.Process
    session: aiohttp.ClientSession
    start: float
    """Seconds that it took to start."""

    async def get(self, path: str) -> tuple[int, str, dict[str, Any]]:
        async with self.session.get(path) as answer:
            return answer.status, answer.content_type, await answer.json()

    async def make(self) -> str:
        async with self.session.post("/clips", json={"prompt": clip().prompt}) as answer:
            assert answer.status == 200, await answer.text()
            return (await answer.json())["task"]


@asynccontextmanager
async def backend(
    emulator: Emulator, redis: RedisServer, folder: Path, *options: str, max_wait: float = 25
) -> AsyncGenerator[Backend]:
    """The README's application, as it stands but for its address."""
    port = free_port()
    (program,) = [block for block in re.findall(r"```python\n(.*?)```", README, re.DOTALL) if "FastAPI(" in block]
    (folder / "readme_app.py").write_text(
        program.replace("https://clips.example.com/wan", f"http://127.0.0.1:{port}/wan").replace(
            "max_wait=25", f"max_wait={max_wait}"
        )
    )
    arguments = ["-m", "uvicorn", "--port", str(port), "--app-dir", str(folder), "readme_app:app", *options]
    async with emulator.serve() as url, aiohttp.ClientSession(f"http://127.0.0.1:{port}") as session:
        environment = {"APIKLEY_BASE_URL": url, "APIKLEY_API_KEY": "k", "WEBHOOK_KEY": KEY, "REDIS_URL": redis.url}
        begun = time.monotonic()
        async with running(arguments, **environment) as process:
            await listening(port)
            yield Backend(process, session, time.monotonic() - begun)


@pytest.mark.parametrize("asked", [signal.SIGTERM, signal.SIGINT])
async def test_a_backend_that_is_asked_to_stop_ends_its_waits(
    shared_redis: RedisServer, tmp_path: Path, asked: signal.Signals
) -> None:
    emulator = provider(seconds=60)
    async with backend(emulator, shared_redis, tmp_path) as app:
        task = await app.make()
        waits = [asyncio.create_task(app.get(f"/clips/{task}")) for _ in range(3)]
        await until(lambda: emulator.stats.polls)
        await asyncio.sleep(0.2)
        begun = time.monotonic()
        app.process.send_signal(asked)
        answers = await asyncio.gather(*waits)
        assert time.monotonic() - begun < app.start
        await app.process.wait()
        assert time.monotonic() - begun < min(2.0, 2 * app.start)
    for status, kind, problem in answers:
        assert (status, kind) == (503, "application/problem+json")
        assert problem["detail"] == "this service cannot do it now; ask again"


async def test_what_is_being_submitted_when_it_is_asked_to_stop_gets_its_id(
    shared_redis: RedisServer, tmp_path: Path
) -> None:
    emulator = provider(Fault("slow", call="createTask", seconds=1), seconds=60)
    async with backend(emulator, shared_redis, tmp_path, "--timeout-graceful-shutdown", "10") as app:
        making = asyncio.create_task(app.make())
        await until(lambda: emulator.stats.created)
        app.process.send_signal(signal.SIGTERM)
        assert await making in emulator.tasks
        assert await asyncio.wait_for(app.process.wait(), 5) is not None


async def test_a_wait_is_bounded_and_errors_are_problems(shared_redis: RedisServer, tmp_path: Path) -> None:
    emulator = provider(seconds=2.5)
    async with backend(emulator, shared_redis, tmp_path, max_wait=1.5) as app:
        task = await app.make()
        first, second = await app.get(f"/clips/{task}"), await app.get(f"/clips/{task}")
        assert (first[0], second[0]) == (202, 200)
        assert second[2]["state"] == "success"
        async with app.session.post("/clips", json={"prompt": ""}) as answer:
            assert answer.status == 422


async def test_an_unknown_task_is_a_404_within_seconds(shared_redis: RedisServer, tmp_path: Path) -> None:
    async with backend(provider(), shared_redis, tmp_path) as app, asyncio.timeout(15):
        status, kind, problem = await app.get("/clips/nosuch")
    assert (status, kind, problem["error"]) == (404, "application/problem+json", "NotFoundError")


async def test_the_signals_are_the_server_s_again_afterwards() -> None:
    heard: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda number, _: heard.append(number))
    try:
        ours = signal.getsignal(signal.SIGTERM)
        wan = WanClientDependency(lambda: WanClient("k", base_url="http://127.0.0.1:9"))
        async with wan.lifespan():
            client = await wan()
            signal.raise_signal(signal.SIGTERM)
            await asyncio.sleep(0.05)
            with pytest.raises(ClientClosedError, match="closing"):
                await client.wait("t", max_wait=5)
        assert heard == [signal.SIGTERM]
        assert signal.getsignal(signal.SIGTERM) is ours
    finally:
        signal.signal(signal.SIGTERM, before)


async def test_where_nobody_handles_a_signal_nobody_does_with_us() -> None:
    before = signal.signal(signal.SIGTERM, signal.SIG_DFL)
    try:
        async with WanClientDependency(lambda: WanClient("k", base_url="http://127.0.0.1:9")).lifespan():
            assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    finally:
        signal.signal(signal.SIGTERM, before)


def test_in_a_thread_no_signals_are_touched() -> None:
    async def main() -> None:
        async with WanClientDependency(lambda: WanClient("k", base_url="http://127.0.0.1:9")).lifespan():
            pass

    with ThreadPoolExecutor() as threads:
        threads.submit(asyncio.run, main()).result()


async def test_a_client_that_stopped_waiting_waits_again_when_it_is_entered_again() -> None:
    emulator = provider(seconds=0.3)
    async with emulator.serve() as url:
        wan = client(url, None)
        async with wan:
            await wan.stop_waiting()
            task = await wan.submit(clip())
            with pytest.raises(ClientClosedError, match="closing"):
                await task.wait()
        async with wan:
            assert (await wan.wait(task.id)).url


async def test_a_submission_that_is_sought_by_its_callback_is_unknown_at_once() -> None:
    emulator = provider(Fault("drop_after", call="createTask"), seconds=60)
    async with called_back(emulator) as (wan, _):
        making = asyncio.create_task(wan.submit(clip()))
        await until(lambda: emulator.stats.created)
        await asyncio.sleep(0.1)
        assert not making.done()
        await wan.stop_waiting()
        with pytest.raises(SubmissionUnknownError):
            await asyncio.wait_for(making, 2)
        with pytest.raises(SubmissionUnknownError):
            await asyncio.wait_for(wan.submit(clip()), 2)
