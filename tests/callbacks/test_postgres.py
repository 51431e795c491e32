"""What is PostgreSQL's own in `PostgresBus`; what it shares with Redis is in test_shared_bus.py."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys

import psycopg
import pytest

from wan_async import ConfigurationError, _psycopg
from wan_async._callbacks import shared_bus
from wan_async._protocol.callbacks import WakeUp
from wan_async.integrations.postgres import PostgresBus

from ..databases import PostgresServer
from .support import listening_to, until


@pytest.fixture
def url(shared_postgres: PostgresServer) -> str:
    return shared_postgres.database()


def sql(url: str, *statements: str) -> list[tuple[object, ...]]:
    """What the last of the statements gives."""
    with psycopg.connect(url, autocommit=True) as connection:
        for statement in statements:
            cursor = connection.execute(statement.encode())
        return cursor.fetchall() if cursor.description else []  # pyright: ignore[reportPossiblyUnboundVariable]


def insert(text: str) -> str:
    return f"INSERT INTO wan_async_callback (channel, callback) VALUES ('callbacks', '{text}')"


async def test_none_of_many_workers_is_missed(url: str) -> None:
    buses = [PostgresBus(url) for _ in range(8)]
    async with listening_to(PostgresBus(url)) as ear:
        await until(lambda: sql(url, "SELECT to_regclass('wan_async_callback')") != [(None,)])

        async def publish(bus: PostgresBus, name: int) -> None:
            async with bus:
                for number in range(60):
                    await bus.publish(WakeUp(f"{name}.{number}"))

        await asyncio.gather(*(publish(bus, name) for name, bus in enumerate(buses)))
        await until(lambda: len(ear.wake_ups) >= 480)
    assert len({heard.task_id for heard in ear.wake_ups}) == len(ear.wake_ups) == 480


async def test_what_is_added_later_and_committed_sooner_hides_nothing(url: str) -> None:
    """A reader that saw id 2 asks for what is above it: id 1 must not become visible afterwards."""
    async with PostgresBus(url) as slow, PostgresBus(url) as quick, listening_to(PostgresBus(url)) as ear:
        await slow.publish(WakeUp("first"))
        await until(lambda: ear.wake_ups)
        sql(
            url,
            "CREATE FUNCTION linger() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN PERFORM pg_sleep(0.5); RETURN NULL; END $$",
            "CREATE TRIGGER linger AFTER INSERT ON wan_async_callback FOR EACH ROW "
            "WHEN (NEW.callback LIKE '%slow%') EXECUTE FUNCTION linger()",
        )
        sending = asyncio.create_task(slow.publish(WakeUp("slow")))
        await asyncio.sleep(0.2)
        await quick.publish(WakeUp("quick"))
        await sending
        await until(lambda: WakeUp("slow") in ear.wake_ups and WakeUp("quick") in ear.wake_ups, seconds=3)


async def test_starters_make_the_table_once(url: str, caplog: pytest.LogCaptureFixture) -> None:
    buses = [PostgresBus(url) for _ in range(12)]
    await asyncio.gather(*(bus.publish(WakeUp("a")) for bus in buses))
    await asyncio.gather(*(bus.aclose() for bus in buses))
    assert sql(url, "SELECT count(*) FROM wan_async_callback") == [(12,)]
    assert not caplog.text


async def test_a_role_needs_no_more_than_its_table(url: str, caplog: pytest.LogCaptureFixture) -> None:
    async with PostgresBus(url) as owner:
        await owner.publish(WakeUp("a"))
    role = f"clerk_{url.rpartition('/')[2]}"
    sql(
        url,
        f"CREATE ROLE {role} LOGIN",
        "REVOKE ALL ON SCHEMA public FROM PUBLIC",
        f"GRANT USAGE ON SCHEMA public TO {role}",
        f"GRANT SELECT, INSERT, DELETE ON wan_async_callback TO {role}",
    )
    as_role = url.replace("postgres@", f"{role}@")
    async with PostgresBus(as_role) as bus, listening_to(PostgresBus(as_role)) as ear:
        await bus.publish(WakeUp("b"))
        await until(lambda: WakeUp("b") in ear.wake_ups)
    assert not caplog.text


async def test_a_pooler_that_drops_notifications_only_delays(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared_bus, "BLOCK", 0.3)
    async with PostgresBus(url) as bus, listening_to(PostgresBus(url)) as ear:
        await bus.publish(WakeUp("a"))
        await until(lambda: ear.wake_ups)
        sql(url, insert('{"task_id":"b"}'))  # and no NOTIFY
        await until(lambda: WakeUp("b") in ear.wake_ups, seconds=2)


async def test_garbage_in_the_table_is_a_line_in_the_log(url: str, caplog: pytest.LogCaptureFixture) -> None:
    async with listening_to(bus := PostgresBus(url)) as ear:
        await bus.publish(WakeUp("a"))
        sql(url, *map(insert, ("", "{}", "ü", '{"task_id":7}', '{"task_id":"%s"}' % ("x" * 201))))
        await bus.publish(WakeUp("b"))
        await until(lambda: len(ear.wake_ups) == 4)
    assert caplog.text.count("no callback") == 5


async def test_only_the_recent_ones_are_kept_and_no_more_than_a_flood_may_fill(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared_bus, "KEPT", 10)
    async with PostgresBus(url) as bus:
        for number in range(30):
            await bus.publish(WakeUp(str(number)))
        assert sql(url, "SELECT count(*) FROM wan_async_callback") == [(10,)]
        sql(url, "UPDATE wan_async_callback SET at = at - interval '16 minutes'")
        async with listening_to(PostgresBus(url)) as ear:
            await bus.publish(WakeUp("last"))
            await until(lambda: ear.wake_ups)
    assert ear.wake_ups == [WakeUp("last")]
    assert sql(url, "SELECT count(*) FROM wan_async_callback") == [(1,)]


async def test_a_database_of_few_letters_takes_any_id(shared_postgres: PostgresServer, url: str) -> None:
    name = f"latin_{url.rpartition('/')[2]}"
    sql(shared_postgres.url, f"CREATE DATABASE {name} ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0")
    latin = shared_postgres.url.removesuffix("postgres") + name
    async with PostgresBus(latin) as bus, listening_to(PostgresBus(latin)) as ear:
        await bus.publish(WakeUp("🦊"))
        await until(lambda: ear.wake_ups)
    assert ear.wake_ups == [WakeUp("🦊")]


async def test_a_postgresql_that_accepts_and_says_nothing_delays_no_receipt_for_long(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(shared_bus, "PATIENCE", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        bus = PostgresBus(f"postgresql://127.0.0.1:{silent.getsockname()[1]}/x")
        async with bus, listening_to(bus) as ear:
            async with asyncio.timeout(1.5):
                await asyncio.gather(*(bus.publish(WakeUp(f"{number}")) for number in range(20)))
            assert len(ear.wake_ups) == 20


async def test_a_postgresql_that_falls_silent_delays_no_receipt_for_long(
    url: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(shared_bus, "PATIENCE", 0.3)
    async with PostgresBus(url) as bus:
        await bus.publish(WakeUp("a"))
        ((backend,),) = sql(url, "SELECT pid FROM pg_stat_activity WHERE query LIKE '%NOTIFY%' AND state = 'idle'")
        assert isinstance(backend, int)
        os.kill(backend, signal.SIGSTOP)
        try:
            async with asyncio.timeout(2):
                await bus.publish(WakeUp("b"))
        finally:
            os.kill(backend, signal.SIGCONT)
        assert "PostgreSQL did not take 1 callbacks" in caplog.text
        async with listening_to(PostgresBus(url)) as ear:
            await bus.publish(WakeUp("c"))
            await until(lambda: WakeUp("b") in ear.wake_ups and WakeUp("c") in ear.wake_ups)


BAD = (
    "x:secret/secret@h/d",
    "x:1/secret@h/d",
    "x:secret@secret@h/d",
    "x:secret@[::1/d",
    "x:secret%zz@h/d",
    "x:secret@h/d?nonsense=1",
)


@pytest.mark.parametrize("url", ["", "h", "redis://x:secret@h", None, *(f"postgresql://{rest}" for rest in BAD)])
def test_a_url_that_is_none_of_postgresql_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(ConfigurationError, match=r"PostgresBus\.url") as caught:
        PostgresBus(url)
    assert "secret" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_no_password_is_shown() -> None:
    assert "secret" not in repr(PostgresBus("postgresql://x:secret@localhost/d"))


async def test_the_event_loop_of_windows_is_refused_with_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_psycopg.sys, "platform", "win32")
    monkeypatch.setattr(_psycopg.asyncio, "ProactorEventLoop", asyncio.AbstractEventLoop, raising=False)
    with pytest.raises(ConfigurationError, match="SelectorEventLoop"):
        async with listening_to(PostgresBus("postgresql://localhost/d")):
            pass


def test_without_the_extra_the_command_that_installs_it_is_named() -> None:
    program = """
import sys
import wan_async
assert "psycopg" not in sys.modules
sys.modules["psycopg"] = None
try:
    import wan_async.integrations.postgres
except ModuleNotFoundError as missing:
    print(missing)
"""
    printed = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert "pip install 'wan-async[postgres]'" in printed
