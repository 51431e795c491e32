"""A client, a pool or a caller's session that closes under a batch: the loop over outcomes ends, and says why."""

from __future__ import annotations

import asyncio
import gc
import threading
from typing import TYPE_CHECKING

import aiohttp
import pytest

from wan_async import (
    ClientClosedError,
    ConfigurationError,
    Polling,
    SessionPool,
    SubmissionUnknownError,
    Wan22TextToVideoTurbo,
    WanClient,
    WanError,
)
from wan_async.emulator import Emulator, Fault

from ..callbacks.support import called_back, provider, until

if TYPE_CHECKING:
    from pathlib import Path

    from wan_async import Batch


def clips(count: int) -> list[Wan22TextToVideoTurbo]:
    return [Wan22TextToVideoTurbo(prompt=f"fox {number}") for number in range(count)]


async def run(batch: Batch) -> list[WanError | None]:
    async with asyncio.timeout(10), batch:
        return [outcome.error async for outcome in batch]


@pytest.mark.parametrize("journalled", [False, True])
async def test_a_client_that_closes_ends_the_loop_and_the_next_run_goes_on(tmp_path: Path, journalled: bool) -> None:
    emulator = Emulator(key="k", seconds=1.0)
    journal = tmp_path / "run.db" if journalled else None
    async with emulator.serve() as url:
        wan = WanClient("k", base_url=url, polling=Polling(interval=0.2))
        running = asyncio.create_task(run(wan.batch(clips(5), journal=journal)))
        await until(lambda: emulator.stats.created == 5)
        await asyncio.sleep(0.05)
        await wan.aclose()
        with pytest.raises(ClientClosedError, match="closed"):
            await running
        if journalled:
            async with WanClient("k", base_url=url, polling=Polling(interval=0.2)) as again:
                assert await run(again.batch(clips(5), journal=journal)) == [None] * 5
            assert emulator.stats.created == 5


async def test_a_session_of_the_callers_own_that_closes_ends_the_loop() -> None:
    emulator = Emulator(key="k", seconds=3.0)
    async with (
        emulator.serve() as url,
        aiohttp.ClientSession() as session,
        WanClient("k", base_url=url, pool=SessionPool(session), polling=Polling(interval=0.2)) as wan,
    ):
        running = asyncio.create_task(run(wan.batch(clips(5))))
        await until(lambda: emulator.stats.created == 5)
        await asyncio.sleep(0.05)
        await session.close()
        with pytest.raises(ConfigurationError, match="closed"):
            await running


async def test_a_pool_that_closes_is_opened_again_and_the_batch_goes_on() -> None:
    emulator, pool = Emulator(key="k", seconds=1.0), SessionPool()
    async with emulator.serve() as url, WanClient("k", base_url=url, pool=pool, polling=Polling(interval=0.1)) as wan:
        running = asyncio.create_task(run(wan.batch(clips(5))))
        await until(lambda: emulator.stats.created == 5)
        await asyncio.sleep(0.05)
        await pool.aclose()
        assert await running == [None] * 5


async def test_a_client_that_closes_ends_the_search_for_lost_submissions() -> None:
    emulator = provider(Fault("drop_after", call="createTask"), seconds=30)
    async with called_back(emulator) as (wan, _), asyncio.timeout(10), wan.batch(clips(1)) as results:
        await until(lambda: emulator.stats.created == 1)
        await asyncio.sleep(0.2)
        await wan.aclose()
        assert isinstance((await anext(results)).error, SubmissionUnknownError)
        with pytest.raises(ClientClosedError):
            await anext(results)


async def test_a_finished_batch_that_is_dropped_lets_its_journal_go(tmp_path: Path) -> None:
    """Without `async with`, and without a garbage collection: reference cycles hold the journal's thread."""
    emulator = Emulator(key="k", limit=None, seconds=0.1)
    gc.disable()
    try:
        async with emulator.serve() as url, WanClient("k", base_url=url, polling=Polling(interval=0.1)) as wan:
            results = await wan.batch(clips(2), journal=tmp_path / "run.db").__aenter__()
            assert [outcome.error async for outcome in results] == [None] * 2
            del results
            await until(lambda: not any("journal" in thread.name for thread in threading.enumerate()))
            assert await run(wan.batch(clips(2), journal=tmp_path / "run.db")) == [None] * 2
    finally:
        gc.enable()
    assert emulator.stats.created == 2


async def test_a_batch_whose_next_outcome_is_waited_for_is_not_dropped() -> None:
    emulator = Emulator(key="k", limit=None, seconds=0.1)
    async with emulator.serve() as url, WanClient("k", base_url=url, polling=Polling(interval=0.1)) as wan:
        results = await wan.batch(clips(1)).__aenter__()
        waiting = asyncio.create_task(results.__anext__())
        await asyncio.sleep(0.01)
        del results
        gc.collect()
        assert (await waiting).ok
