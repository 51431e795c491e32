"""What is PostgreSQL's own in a shared limit: how it begins, refusals, and what it reveals."""

from __future__ import annotations

import asyncio

import psycopg
import pytest

from wan_async import ConfigurationError, PostgresLimits, RateLimit, WanClient

from ..databases import PostgresServer
from .storages import call, shared

LIMIT = RateLimit(4, per=0.5)


async def test_several_begin_at_once_in_an_empty_database(shared_postgres: PostgresServer) -> None:
    url = shared_postgres.database()
    limiters = [shared(url, LIMIT) for _ in range(6)]
    for limiter in limiters:
        limiter.hold()
    left = sorted(await asyncio.gather(*map(call, limiters)))
    assert left[-1] - left[0] >= 0.5
    for limiter in limiters:
        await limiter.release()


async def test_no_key_is_in_it(shared_postgres: PostgresServer) -> None:
    url = shared_postgres.database()
    wan = WanClient("sk-very-secret", base_url="http://127.0.0.1:9", limit_storage=url, limit=LIMIT)
    permits = wan._permits  # pyright: ignore[reportPrivateUsage]
    async with wan:
        permits.counted_nowait(await permits.acquire())
    with psycopg.connect(url) as connection:
        rows = str(connection.execute("SELECT * FROM wan_async_limit").fetchall())
    assert ":submissions" in rows
    assert "very-secret" not in rows


async def test_a_database_that_is_not_there_is_said_and_the_password_is_not(shared_postgres: PostgresServer) -> None:
    url = shared_postgres.url.replace("postgres@", "postgres:hunter2@").removesuffix("postgres") + "nowhere"
    limiter = shared(url, LIMIT)
    limiter.hold()
    with pytest.raises(ConfigurationError, match="PostgreSQL refused") as caught:
        await limiter.acquire()
    await limiter.release()
    assert "hunter2" not in str(caught.value) + repr(PostgresLimits(url)) + str(PostgresLimits(url))


def test_a_url_that_is_none_is_refused_at_once() -> None:
    with pytest.raises(ConfigurationError) as caught:
        PostgresLimits("postgresql://me:hunter2@host/db?nonsense=1")
    assert "hunter2" not in str(caught.value)
