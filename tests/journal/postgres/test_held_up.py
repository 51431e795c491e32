"""Transactions that hold each other up: a worker does its own again."""

from __future__ import annotations

import asyncio

import psycopg
import pytest

from wan_async._journal.store import TakenOver

from ..stores import PostgresPlace, run

KEYS = ("a", "b")
HOLD = "SELECT FROM wan_async_item WHERE key = %s FOR UPDATE"


@pytest.mark.parametrize("order", [KEYS, KEYS[::-1]])
@pytest.mark.parametrize("asked", [KEYS, KEYS[::-1]])
async def test_what_a_dead_worker_had_is_taken_over_by_several_at_once(
    place: PostgresPlace, order: tuple[str, ...], asked: tuple[str, ...]
) -> None:
    async with place.opened() as dead, place.opened() as store:
        for key in KEYS:
            await run(dead, key)
        waiting = [asyncio.create_task(store.ended(key)) for key in asked]
        await asyncio.sleep(0.1)
        async with await psycopg.AsyncConnection.connect(place.database) as another:
            await another.execute(HOLD, [order[0]])
            place.sql("UPDATE wan_async_worker SET expires_at = clock_timestamp() WHERE id = 1")
            await asyncio.sleep(1.5)  # it has looked, and waits for the other
            await another.execute(HOLD, [order[1]])
        known = await asyncio.wait_for(asyncio.gather(*waiting), 10)
        assert all(isinstance(one, TakenOver) for one in known)
