"""What is PostgreSQL's own in a shared limit: how it begins, refusals, and what it reveals."""

from __future__ import annotations

import asyncio
from typing import LiteralString

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


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://me:hunter2@host/db?nonsense=1",
        "postgresql://me:hunter2/hunter2@host/db",
        "postgresql://me:1234/hunter2@host/db",
        "postgresql://me:hunter2@hunter2@host/db",
    ],
)
def test_a_url_that_is_none_is_refused_at_once(url: str) -> None:
    with pytest.raises(ConfigurationError, match="%XX") as caught:
        PostgresLimits(url)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("sign", ["?", "#"])
def test_signs_in_a_password_that_only_libpq_reads_so_are_not_shown(sign: str) -> None:
    limits = PostgresLimits(f"postgresql://me:hunter2{sign}hunter2@host/db")
    assert repr(limits) == "PostgresLimits('postgresql://…')"


DROPPED: list[LiteralString] = [
    "DROP TABLE wan_async_limit",
    "DROP FUNCTION wan_async_limit_visit",
    "ALTER FUNCTION wan_async_limit_visit RENAME TO older; "
    "CREATE FUNCTION wan_async_limit_visit() RETURNS int LANGUAGE sql AS 'SELECT 1'",
]


@pytest.mark.parametrize("dropping", DROPPED)
async def test_what_was_dropped_is_made_again_and_counts_as_a_full_window(
    shared_postgres: PostgresServer, dropping: LiteralString
) -> None:
    url = shared_postgres.database()
    limiter = shared(url, LIMIT)
    limiter.hold()
    before = await call(limiter)
    with psycopg.connect(url, autocommit=True) as connection:
        for statement in dropping.split("; "):
            connection.execute(statement)
    assert await call(limiter) - before >= (LIMIT.per if "TABLE" in dropping else 0)
    await limiter.release()


async def test_a_role_without_a_schema_is_refused(shared_postgres: PostgresServer) -> None:
    limiter = shared(f"{shared_postgres.database()}?options=-csearch_path%3Dnowhere", LIMIT)
    limiter.hold()
    with pytest.raises(ConfigurationError, match="no schema"):
        await asyncio.wait_for(limiter.acquire(), 5)
    await limiter.release()
