"""Closing under the calls of a client: each call ends, with an error that says why or with its value."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import aiohttp
import pytest

from wan_async import ClientClosedError, ConfigurationError, Polling, RateLimit, Retry, SessionPool, WanClient
from wan_async.emulator import Emulator

from .support import FOX

FAST = RateLimit(1000, per=1.0)


@asynccontextmanager
async def client(pool: SessionPool, emulator: Emulator) -> AsyncGenerator[WanClient]:
    async with (
        emulator.serve() as url,
        asyncio.timeout(10),
        WanClient(
            "k",
            base_url=url,
            pool=pool,
            limit=FAST,
            query_limit=FAST,
            polling=Polling(interval=0.05),
            retry=Retry(max_elapsed=1.0),
        ) as wan,
    ):
        yield wan


async def test_a_session_of_the_callers_own_that_closes_ends_all_waits() -> None:
    session = aiohttp.ClientSession()
    async with client(SessionPool(session), Emulator(key="k", seconds=600.0)) as wan:
        task = await wan.submit(FOX)
        waits = [asyncio.ensure_future(wait) for wait in (task.wait(), wan.run(FOX), wan.wait(task.id))]
        watch = task.watch()
        await anext(watch)
        await asyncio.sleep(0.3)
        await session.close()
        for ended in await asyncio.gather(*waits, anext(watch), return_exceptions=True):
            assert isinstance(ended, ConfigurationError)
            assert str(ended) == "SessionPool.session: the given session is closed"
        for call in (wan.submit(FOX), wan.credits(), wan.record(task.id)):
            with pytest.raises(ConfigurationError, match="the given session is closed"):
                await call


async def test_a_pool_that_closes_is_opened_again_by_whoever_waits() -> None:
    pool = SessionPool()
    async with client(pool, Emulator(key="k", seconds=0.5)) as wan:
        running = [asyncio.ensure_future(wan.run(FOX)) for _ in range(3)]
        for _ in range(4):
            await asyncio.sleep(0.1)
            await pool.aclose()
        assert all([(await run).url for run in running])
    assert not pool.sessions().is_open


async def test_a_client_that_closes_ends_its_waits() -> None:
    async with client(SessionPool(), Emulator(key="k", seconds=600.0)) as wan:
        task = await wan.submit(FOX)
        waits = [asyncio.ensure_future(wait) for wait in (task.wait(), wan.run(FOX))]
        await asyncio.sleep(0.2)
        await wan.aclose()
        for ended in await asyncio.gather(*waits, return_exceptions=True):
            assert isinstance(ended, ClientClosedError)
            assert "the client was closed" in str(ended)
