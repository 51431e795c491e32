"""Small real backends in processes of their own, against the emulator with signed callbacks."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import aiohttp

from wan_async import Wan22TextToVideoTurbo
from wan_async.emulator import Emulator

from ..databases import free_port, redis_server
from .support import KEY, PROGRAMS, listening, provider, running

CLIPS = 18


@asynccontextmanager
async def backend(emulator: Emulator, port: int, program: Sequence[str], **more: str) -> AsyncGenerator[str]:
    async with emulator.serve() as url:
        environment = {"APIKLEY_BASE_URL": url, "APIKLEY_API_KEY": "k", "WEBHOOK_KEY": KEY, **more}
        async with running(program, CALLBACK_URL=f"http://127.0.0.1:{port}/wan/", **environment):
            await listening(port)
            yield f"http://127.0.0.1:{port}"


def uvicorn(app: str, port: int, *options: str) -> list[str]:
    return ["-m", "uvicorn", "--app-dir", str(PROGRAMS), app, "--port", str(port), "--log-level", "error", *options]


async def made(url: str, **fields: Any) -> tuple[int, Any, str]:
    """Status, answer and worker of one request for a clip."""
    async with aiohttp.ClientSession() as session, session.post(f"{url}/clips", json=fields) as reply:
        return reply.status, await reply.json(), reply.headers.get("X-Worker", "")


async def all_made(url: str, **fields: Any) -> list[tuple[int, Any, str]]:
    async with asyncio.timeout(15):  # the safety net would take 120
        clips: list[asyncio.Task[tuple[int, Any, str]]] = []
        for number in range(CLIPS):
            clips.append(asyncio.create_task(made(url, prompt=f"clip {number}", **fields)))
            await asyncio.sleep(0.02)  # else one worker takes all connections at once
        return await asyncio.gather(*clips)


async def both_workers(url: str) -> None:
    """Until two processes have answered."""
    seen: set[int] = set()
    async with asyncio.timeout(20):
        while len(seen) < 2:
            async with aiohttp.ClientSession() as session, session.get(f"{url}/worker") as reply:
                seen.add(await reply.json())


def check(emulator: Emulator, answers: list[tuple[int, Any, str]]) -> None:
    assert {status for status, _, _ in answers} <= {200, 201}
    assert {record["task_id"] for _, record, _ in answers} == set(emulator.tasks)
    assert all(record["state"] == "success" and record["urls"] for _, record, _ in answers)
    assert emulator.stats.polls == emulator.stats.callbacks == CLIPS


async def test_fastapi_with_two_workers_and_redis() -> None:
    emulator, port = provider(seconds=1.0), free_port()
    async with redis_server() as redis:
        program = uvicorn("fastapi_app:app", port, "--workers", "2")
        async with backend(emulator, port, program, REDIS_URL=redis.url) as url:
            await both_workers(url)
            model = Wan22TextToVideoTurbo.model
            answers = await all_made(url, model=model)
            status, bad, _ = await made(url, model=model, prompt="x", resolution="4k")
    check(emulator, answers)
    assert len({worker for _, _, worker in answers}) == 2
    assert status == 422
    assert bad["detail"][0]["loc"] == ["body", model, "resolution"]


async def test_aiohttp_web() -> None:
    emulator, port = provider(), free_port()
    async with backend(emulator, port, [str(PROGRAMS / "aiohttp_app.py"), str(port)]) as url:
        answers = await all_made(url, model=Wan22TextToVideoTurbo.model)
        status, bad, _ = await made(url, model=Wan22TextToVideoTurbo.model, prompt="x", resolution="4k")
    check(emulator, answers)
    assert (status, bad["field"]) == (422, "resolution")


async def test_litestar_reads_and_writes_structs_natively() -> None:
    emulator, port = provider(), free_port()
    async with backend(emulator, port, uvicorn("litestar_app:app", port)) as url:
        answers = await all_made(url)
        status, bad, _ = await made(url, prompt="x", resolution="4k")
        async with aiohttp.ClientSession() as session, session.get(f"{url}/schema/openapi.json") as reply:
            schemas = (await reply.json(content_type=None))["components"]["schemas"]
    check(emulator, answers)
    assert status == 400
    assert "resolution" in str(bad)
    assert "prompt" in schemas["Wan22TextToVideoTurbo"]["properties"]
