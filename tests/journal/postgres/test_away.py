"""What a shared journal stands: odd URLs, poolers, a role's settings, servers that are killed or say nothing."""

from __future__ import annotations

import asyncio
import os
import signal
import time
import traceback
from pathlib import Path

import psycopg
import pytest

from wan_async import Journal
from wan_async._journal import State
from wan_async._journal.postgres import desk
from wan_async._journal.postgres import store as store_module
from wan_async._journal.postgres.connecting import place_of
from wan_async._journal.store import Elsewhere, Fresh, JournalStore, TakenOver
from wan_async.errors import ConfigurationError, JournalError

from ...databases import PostgresServer
from ...pooler import pgbouncer
from ..stores import PostgresPlace, asked, claim, complete, end, run
from ..support import good

SECRET = "hunter2%40"


@pytest.mark.parametrize(
    ("url", "shown", "batch"),
    [
        ("postgresql://user@host/db#foxes", "postgresql://user@host/db#foxes", "foxes"),
        ("postgresql://user@host/db", "postgresql://user@host/db#default", "default"),
        ("postgres://u:p@host:1/db?sslmode=require#a%20b", "postgresql://u@host:1/db#a b", "a b"),
        ("postgresql:///db?host=/tmp&password=p#ü", "postgresql:///db#ü", "ü"),
        ("postgresql://", "postgresql://#default", "default"),
        ("postgresql://user:hunter2%40?hunter2%40@host:1/db#b", "postgresql://user/host/1/db#b", "b"),
    ],
)
def test_a_url_names_database_and_batch_and_is_shown_without_its_password(url: str, shown: str, batch: str) -> None:
    place = place_of(url)
    assert (place.shown, place.batch) == (shown, batch)
    assert SECRET not in repr(place)


@pytest.mark.parametrize(
    "url",
    [
        f"postgresql://user:{SECRET}@host:port/db",
        f"postgresql://user:{SECRET}@host/db?nosuchoption=1",
        f"postgresql://user:{SECRET}@[::1/db",
        f"postgresql://user:1234/{SECRET}@host/db",
        f"postgresql://user:{SECRET}@hunter2@host/db",
        f"postgresql://user:{SECRET}@host/db#a%00b",
        f"postgresql://user:{SECRET}@host/db#\ud83d",
    ],
)
async def test_a_url_that_cannot_be_read_is_refused_without_its_words(url: str) -> None:
    for call in (lambda: Journal.open_readonly(url), lambda: Journal.resubmit(url, failed=True)):
        with pytest.raises(ConfigurationError, match="the URL cannot be read") as caught:
            call()
        assert "hunter2" not in "".join(traceback.format_exception(caught.value))


async def test_batches_of_one_database_do_not_see_each_other(place: PostgresPlace) -> None:
    other = PostgresPlace(place.database)
    other.batch = "other"
    async with place.opened() as store, other.opened() as elsewhere:
        await run(store, "k")
        assert await elsewhere.look_up([asked("k")]) == [Fresh("k")]
        await claim(elsewhere, "k", token="t")
        assert await elsewhere.spent() == 80.0
        assert list(other.entries()) == ["k"]
        assert await elsewhere.requeue([State.UNKNOWN, State.FAILED]) == 0


async def test_a_commit_is_on_the_disk_whatever_the_role_says(place: PostgresPlace) -> None:
    """What the transactions of writes and the others have: the server tells it to a trigger."""
    async with place.opened():
        pass
    place.sql("ALTER DATABASE " + place.database.rpartition("/")[2] + " SET synchronous_commit = off")  # pyright: ignore[reportArgumentType]
    place.sql("CREATE TABLE told (what text)")
    place.sql(
        "CREATE FUNCTION tell() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        "INSERT INTO told VALUES (current_setting('synchronous_commit')); RETURN NULL; END $$"
    )
    place.sql("CREATE TRIGGER tell AFTER INSERT OR UPDATE ON wan_async_item EXECUTE FUNCTION tell()")
    async with place.opened() as store:
        await complete(store, "k")
        await store.save("k", "clips/k.mp4")
        await store.report(["k"])
        await run(store, "l")
    async with place.opened(replay=False) as store:
        await store.take_over()
        await store.wait_again(0.0)
    assert place.sql("SHOW synchronous_commit") == [("off",)]
    assert place.sql("SELECT DISTINCT what FROM told") == [("on",)]
    assert place.sql("SELECT count(*) >= 7 FROM told") == [(True,)]


async def test_through_a_pooler_that_gives_each_transaction_another_connection(
    place: PostgresPlace, tmp_path: Path
) -> None:
    with pgbouncer(place.database, tmp_path) as url:
        pooled = PostgresPlace(url)
        async with pooled.opened() as first, pooled.opened() as second:
            for number in range(12):
                await complete(first, f"k{number}")
            await run(first, "l", "t")
            assert await second.look_up([asked("l")]) == [Elsewhere("l")]
            ended = asyncio.create_task(second.ended("l"))
            await asyncio.sleep(0.2)
            await end(first, "l", good("t"))
            assert type(await asyncio.wait_for(ended, 5)).__name__ == "EndedElsewhere"
            await claim(first, "m")
            place.sql("UPDATE wan_async_worker SET expires_at = clock_timestamp() WHERE id = 1")
            assert isinstance(await asyncio.wait_for(second.ended("m"), 5), TakenOver)
        assert len(pooled.entries(State.DONE)) == 13


async def fails(store: JournalStore, place: PostgresPlace, ended: asyncio.Task[object]) -> None:
    calls = (claim(store, "d"), end(store, "b", good()), ended)
    for result in await asyncio.wait_for(asyncio.gather(*calls, return_exceptions=True), 20):
        assert isinstance(result, JournalError)
    assert not store.may_send()
    assert place.faults


async def test_a_server_that_was_killed_is_a_journal_error_and_the_next_run_goes_on() -> None:
    with PostgresServer() as server:
        place = PostgresPlace(server.database())
        async with place.opened() as store:
            await complete(store, "a")
            await run(store, "b", "t")
            await run(store, "c")
            async with place.opened() as other:
                ended = asyncio.create_task(other.ended("c"))
                await other.spent()
                await server.kill()
                await fails(store, place, ended)
        await server.start()
        place.sql("UPDATE wan_async_worker SET expires_at = clock_timestamp()")
        async with place.opened() as store:
            assert await store.look_up([asked("b"), asked("d")]) == [Elsewhere("b"), Fresh("d")]
            assert isinstance(await asyncio.wait_for(store.ended("b"), 5), TakenOver)
            assert place.entries()["a"].state is State.DONE


@pytest.mark.skipif(os.name != "posix", reason="a process is stopped")
async def test_a_server_that_says_nothing_is_given_up(place: PostgresPlace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(desk, "RENEWAL", 0.1)
    monkeypatch.setattr(store_module, "RENEWAL", 0.1)
    monkeypatch.setattr(store_module, "LEASE", 0.5)
    async with place.opened() as store:
        await run(store, "b")
        ended = asyncio.create_task(store.ended("b"))
        ((backend,),) = place.sql(
            "SELECT pid FROM pg_stat_activity WHERE application_name = 'wan_async' AND "
            "pid <> pg_backend_pid() AND datname = current_database()"
        )
        assert isinstance(backend, int)
        os.kill(backend, signal.SIGSTOP)
        try:
            await fails(store, place, ended)
        finally:
            os.kill(backend, signal.SIGCONT)


@pytest.mark.skipif(os.name != "posix", reason="a process is stopped")
async def test_closing_does_not_wait_for_ever_for_a_server_that_says_nothing(
    place: PostgresPlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_module, "RENEWAL", 0.1)
    monkeypatch.setattr(store_module, "LEASE", 0.5)
    store = await place.open()
    await claim(store, "a")
    ((backend,),) = place.sql(
        "SELECT pid FROM pg_stat_activity WHERE application_name = 'wan_async' AND "
        "pid <> pg_backend_pid() AND datname = current_database()"
    )
    os.kill(backend, signal.SIGSTOP)
    try:
        await asyncio.wait_for(store.aclose(), 20)
    finally:
        os.kill(backend, signal.SIGCONT)


async def test_opening_does_not_wait_for_ever(place: PostgresPlace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_module, "RENEWAL", 0.1)
    monkeypatch.setattr(store_module, "LEASE", 0.5)
    with psycopg.connect(place.database) as other:
        other.execute("SELECT pg_advisory_xact_lock(hashtextextended('wan_async_journal', 0))")
        with pytest.raises(JournalError, match="cannot be opened"):
            await asyncio.wait_for(place.open(), 20)


async def test_a_pause_of_this_process_gives_up_no_server(
    place: PostgresPlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(desk, "RENEWAL", 0.1)
    monkeypatch.setattr(store_module, "RENEWAL", 0.1)
    monkeypatch.setattr(store_module, "LEASE", 0.3)
    async with place.opened() as store:
        await run(store, "b")
        time.sleep(2)  # the loop stands still
        await end(store, "b", good())
        await asyncio.sleep(0.5)
        assert store.may_send()
    assert place.faults == []
