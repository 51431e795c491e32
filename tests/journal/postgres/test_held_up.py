"""Transactions that hold each other up: a worker does its own again."""

from __future__ import annotations

import asyncio

import psycopg
import pytest

from wan_async._journal.postgres import session
from wan_async._journal.postgres.connecting import place_of
from wan_async._journal.postgres.session import Session
from wan_async._journal.postgres.sole import Sole
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


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch, place: PostgresPlace) -> None:
    """A server that ends transactions after a second."""
    ((version,),) = place.sql("SELECT current_setting('server_version_num')::int")
    if version < 170_000:
        pytest.skip("PostgreSQL 17 ends transactions")
    monkeypatch.setattr(session, "_SETTINGS_17", "SELECT set_config('transaction_timeout', '1s', true)")


@pytest.mark.usefixtures("impatient")
async def test_a_worker_that_is_stopped_in_mid_pipeline_holds_others_up_for_a_while_only(place: PostgresPlace) -> None:
    async with place.opened() as store:
        await run(store, "a")
    stopped = Session(place_of(place.where), create=False)
    with stopped, pytest.raises(psycopg.OperationalError), stopped.writing(pipelined=True):
        stopped.send("SELECT FROM wan_async_item WHERE key = 'a' FOR UPDATE", {})
        place.sql("SELECT FROM wan_async_item WHERE key = 'a' FOR UPDATE")  # hangs as long as the other holds it


@pytest.mark.usefixtures("impatient")
async def test_a_copy_may_take_its_time(place: PostgresPlace) -> None:
    async with place.opened() as store:
        await run(store, "a")
    with Sole(place_of(place.where), create=False) as there, there.alone():
        await asyncio.sleep(1.5)  # the server's time
        assert len(list(there.items())) == 1
