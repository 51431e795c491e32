"""Which database and batch a URL means, its tables made on first use, and a password that nobody is shown."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import traceback

import psycopg
import pytest

from wan_async._journal import open_store
from wan_async._journal.postgres.connecting import place_of
from wan_async._journal.postgres.store import PostgresStore
from wan_async._journal.store import Fresh, JournalStore, Known
from wan_async.errors import ConfigurationError, JournalError

from ...databases import PostgresServer
from ..stores import PostgresPlace, asked, claim, complete

PASSWORD = "pass-w0rd-hidden"


async def opened(url: str) -> JournalStore:
    return await open_store(url, replay=False, failed=lambda _: None)


async def refusal(url: str) -> Exception:
    with pytest.raises((ConfigurationError, JournalError)) as caught:
        await (await opened(url)).aclose()
    return caught.value


async def test_the_fragment_names_the_batch(place: PostgresPlace) -> None:
    for fragment in ("", "#", "#default"):
        store = await opened(place.database + fragment)
        assert isinstance(store, PostgresStore)
        if not fragment:
            await complete(store, "k")
        assert await store.look_up([asked("k")]) == [Known("k")]
        await store.aclose()
    for fragment, name in (("#other", "other"), ("#a%20b%23", "a b#")):
        store = await opened(place.database + fragment)
        assert await store.look_up([asked("k")]) == [Fresh("k")]
        await store.aclose()
        assert place.sql("SELECT count(*) FROM wan_async_batch WHERE name = %s", name) == [(1,)]


async def test_many_that_start_at_once_make_the_tables_once(place: PostgresPlace) -> None:
    stores = await asyncio.gather(*(opened(place.where) for _ in range(6)))
    await asyncio.gather(*(claim(store, f"k{number}") for number, store in enumerate(stores)))
    await asyncio.gather(*(store.aclose() for store in stores))
    assert place.sql("SELECT count(*) FROM wan_async_item") == [(6,)]
    assert place.sql("SELECT version FROM wan_async_journal") == [(1,)]


async def test_a_newer_journal_is_refused_and_left_as_it_is(place: PostgresPlace) -> None:
    await (await opened(place.where)).aclose()
    place.sql("UPDATE wan_async_journal SET version = 2")
    error = await refusal(f"{place.database}#new")
    assert isinstance(error, JournalError)
    assert "version 2" in str(error)
    assert place.sql("SELECT name FROM wan_async_batch") == [("batch",)]


async def test_a_database_that_cannot_hold_any_text_is_refused(shared_postgres: PostgresServer) -> None:
    place = PostgresPlace(shared_postgres.database(encoding="LATIN1"))
    assert "holds text as LATIN1" in str(await refusal(place.where))
    assert place.sql("SELECT count(*) FROM pg_class WHERE relname LIKE 'wan_async%%'") == [(0,)]


async def test_a_role_that_may_only_use_the_tables_is_enough(place: PostgresPlace) -> None:
    await (await opened(place.where)).aclose()
    role = place.database.rpartition("/")[2] + "_role"
    grant = f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {role}"
    with psycopg.connect(place.database, autocommit=True) as connection:
        connection.execute(f"CREATE ROLE {role} LOGIN; {grant}".encode())
    store = await opened(place.where.replace("postgres@", f"{role}@"))
    await complete(store, "k")
    await store.aclose()
    assert place.sql("SELECT key, state FROM wan_async_item") == [("k", "done")]


async def test_a_role_that_may_not_make_the_tables_is_told_so(place: PostgresPlace) -> None:
    role = place.database.rpartition("/")[2] + "_reader"
    with psycopg.connect(place.database, autocommit=True) as connection:
        connection.execute(f"CREATE ROLE {role} LOGIN".encode())
    error = await refusal(place.where.replace("postgres@", f"{role}@"))
    assert "cannot be made" in str(error)
    assert "permission denied" in str(error)


async def test_commits_reach_the_disk_whatever_the_role_s_default_is(place: PostgresPlace) -> None:
    place.sql("CREATE TABLE heard (setting text)")
    store = await opened(place.where)
    await store.aclose()
    role = place.database.rpartition("/")[2]
    with psycopg.connect(place.database, autocommit=True) as connection:
        connection.execute(f"ALTER DATABASE {role} SET synchronous_commit = off".encode())
        connection.execute(
            b"CREATE FUNCTION hear() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
            b"INSERT INTO heard VALUES (current_setting('synchronous_commit')); RETURN NEW; END $$"
        )
        connection.execute(
            b"CREATE TRIGGER hear BEFORE INSERT OR UPDATE ON wan_async_item FOR EACH ROW EXECUTE FUNCTION hear()"
        )
    store = await opened(place.where)
    await complete(store, "k")
    await store.aclose()
    assert place.sql("SELECT DISTINCT setting FROM heard") == [("on",)]


@pytest.mark.parametrize("fault", ["unreadable", "nobody there", "no such database"])
async def test_no_error_tells_the_password(place: PostgresPlace, fault: str) -> None:
    there = place.database.replace("postgres@", f"postgres:{PASSWORD}@")
    urls = {
        "unreadable": f"{there}?nothing={PASSWORD}",
        "nobody there": f"postgresql://postgres:{PASSWORD}@127.0.0.1:1/clips",
        "no such database": f"{there}_none",
    }
    error = await refusal(urls[fault])
    told = traceback.TracebackException.from_exception(error, capture_locals=True)
    frames = [line for line in told.format() if "test_connecting.py" not in line]
    assert PASSWORD not in "".join(frames) + str(error) + repr(error)


def test_no_repr_of_a_place_tells_the_password() -> None:
    place = place_of(f"postgresql://somebody:{PASSWORD}@db.example:5432/clips?password={PASSWORD}2#june")
    assert PASSWORD not in repr(place) + place.shown
    assert place.shown == "postgresql://somebody@db.example:5432/clips#june"


def test_a_missing_extra_names_its_command() -> None:
    program = (
        "import sys, asyncio; sys.modules['psycopg'] = None\n"
        "from wan_async._journal import open_store\n"
        "asyncio.run(open_store('postgresql://h/d', replay=True, failed=print))"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert "pip install 'wan-async[postgres]'" in ended.stderr.splitlines()[-1]
