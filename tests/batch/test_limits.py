"""A batch on a journal begins with what the account's window holds from the run before."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest

from wan_async import Polling, RateLimit, WanClient
from wan_async._journal import Journal
from wan_async._limits.registry import LimiterRegistry
from wan_async.emulator import Emulator

from ..link import linked
from .support import clip
from .test_kill import JOB

LIMIT = RateLimit(10, per=4.0)
SLOW = RateLimit(20, per=3.0)


async def run(emulator: Emulator, prompts: range, journal: Path) -> float:
    """Seconds until the first one is created."""
    wan = WanClient("k", pool=emulator.transport(), limit=LIMIT, polling=Polling(interval=0.05))
    inputs, before = [clip(prompt) for prompt in prompts], emulator.stats.created
    loop = asyncio.get_running_loop()
    began = loop.time()
    async with wan, wan.batch(inputs, journal=journal) as results:
        while emulator.stats.created == before:
            await asyncio.sleep(0.005)
        first = loop.time() - began
        _ = [outcome async for outcome in results]
    return first


async def test_a_run_that_starts_again_within_the_window_waits_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    emulator = Emulator(limit=LIMIT, query_limit=None, seconds=0.01)
    await run(emulator, range(10), tmp_path / "run.db")
    monkeypatch.setattr("wan_async._client._registry", LimiterRegistry())  # another process knows nothing
    waited = await run(emulator, range(20), tmp_path / "run.db")
    assert emulator.stats.created == 20
    assert waited > 0.5


async def killed(process: asyncio.subprocess.Process) -> None:
    process.kill()
    await process.wait()


async def test_a_killed_run_that_starts_again_at_once_meets_no_rejection(tmp_path: Path) -> None:
    """Its calls arrive 0.3 s after their intents were written: so much later the provider's window is free again."""
    emulator = Emulator(limit=SLOW, query_limit=None, seconds=0.1, render=False)
    async with emulator.serve() as url, linked(url) as link:
        arguments = [str(JOB), link.url, str(tmp_path / "run.db"), "1000", str(tmp_path / "out"), "20", "3"]
        link.seconds = 0.3
        first = await asyncio.create_subprocess_exec(sys.executable, *arguments)
        while emulator.stats.created < 20:
            await asyncio.sleep(0.01)
        await killed(first)
        link.seconds = 0.0
        second = await asyncio.create_subprocess_exec(sys.executable, *arguments)
        while emulator.stats.created < 40 and not emulator.stats.rejected > 1:
            await asyncio.sleep(0.01)
        await killed(second)
    assert emulator.stats.rejected <= 1


async def test_the_accounts_limit_stands_in_the_journal(tmp_path: Path) -> None:
    emulator = Emulator(limit=None, query_limit=None, seconds=0.01)
    await run(emulator, range(3), tmp_path / "run.db")
    journal = Journal.open_readonly(tmp_path / "run.db")
    try:
        assert journal.limit() == (LIMIT.n, LIMIT.per)
    finally:
        journal.close()
