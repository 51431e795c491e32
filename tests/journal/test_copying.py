"""A journal copied from a file into a database and back: all of it arrives, and is gone on with there alone."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import msgspec
import psycopg
import pytest

from wan_async import Journal, SubmissionUnknownError, TaskFailedError
from wan_async._journal import State, open_store
from wan_async._journal.postgres import session
from wan_async._journal.store import Acceptance, Claimed, Known
from wan_async.errors import ConfigurationError, JournalError

from ..databases import PostgresServer
from ..pooler import pgbouncer
from .stores import FilePlace, Place, PostgresPlace, asked, claim, complete, end, intent, run
from .support import bad, good, start

TO_DATABASE = ("among the rows", "all rows there", "file marked", "database decided")
TO_FILE = ("before the file", "file there", "database decided")


@pytest.fixture
def file(tmp_path: Path) -> FilePlace:
    return FilePlace(tmp_path)


@pytest.fixture
def database(shared_postgres: PostgresServer) -> PostgresPlace:
    return PostgresPlace(shared_postgres.database())


@pytest.fixture(params=["to a database", "to a file"])
def ends(request: pytest.FixtureRequest, file: FilePlace, database: PostgresPlace) -> tuple[Place, Place]:
    """Where a journal is copied from, and where to."""
    return (file, database) if request.param == "to a database" else (database, file)


async def filled(place: Place) -> None:
    """One item in each state, and one that was sent again."""
    async with place.opened() as store:
        await complete(store, "done", "t1")
        await store.save("done", "clips/\udcff fox.mp4")
        store.seen_nowait(["done"])
        attempt = await run(store, "failed", "t2")
        await end(store, "failed", error=TaskFailedError(bad("t2")), attempt=attempt)
        attempt = await run(store, "again", "t3")
        await end(store, "again", error=TaskFailedError(bad("t3", cost=7.0)), attempt=attempt)
        assert await store.requeue([State.FAILED], ["again"]) == 1
        await run(store, "again", "t4")
        await run(store, "running", "t5")
        await claim(store, "unknown", token="heard")
        await end(store, "unknown", error=SubmissionUnknownError("reset", None))
        await claim(store, "in the air", token="token")
        await store.set_limit(7, 2.0)


def shown(place: Place) -> dict[str, object]:
    """What stands there, but for numbers of rows and times."""
    with Journal.open_readonly(place.where) as journal:
        entries = [
            msgspec.structs.replace(
                entry,
                id=0,
                sent_at=None,
                accepted_at=None,
                finished_at=None,
                error=None,
            )
            for entry in journal.entries()
        ]
        found = {one.key: (one, str(entry.error)) for one, entry in zip(entries, journal.entries(), strict=True)}
        return {**found, "": (journal.counts(), journal.limit(), list(found))}


async def refusal(place: Place) -> str:
    with pytest.raises(JournalError) as caught:
        await (await place.open()).aclose()
    return str(caught.value)


async def test_all_that_a_journal_says_arrives(ends: tuple[Place, Place]) -> None:
    source, target = ends
    await filled(source)
    counts = Journal.copy(source.where, target.where)
    assert shown(target) == shown(source)
    with Journal.open_readonly(target.where) as journal:
        assert journal.counts() == counts
        assert (counts.done, counts.failed, counts.running, counts.unknown, counts.sending) == (1, 1, 2, 2, 0)
    there, here = target.entries(), source.entries()
    for key in ("done", "failed", "running"):
        times = [(one.sent_at, one.accepted_at, one.finished_at or 0.0) for one in (there[key], here[key])]
        assert times[0] == pytest.approx(times[1], abs=1e-5)
    air = there["in the air"]
    assert (air.state, air.reported, air.attempt) == (State.UNKNOWN, False, 1)
    assert isinstance(air.error, SubmissionUnknownError)


async def test_a_copy_is_gone_on_with_as_its_source_would_be(ends: tuple[Place, Place]) -> None:
    source, target = ends
    await filled(source)
    counts = Journal.copy(source.where, target.where)
    async with target.opened(replay=False) as store:
        assert await store.spent() == counts.credits
        assert len(await store.sent_since(0.0)) == 7
        assert await store.tokens(["in the air", "unknown"]) == {"in the air": "token", "unknown": "heard"}
        taken = {entry.key: entry.task_id for entry in await store.take_over() if entry.state is State.RUNNING}
        assert taken == {"again": "t4", "running": "t5"}
        assert await store.look_up([asked("done")]) == [Known("done")]
        assert await end(store, "running", good("t5")) is not None
        store.accept_nowait(Acceptance("in the air", 1, "t6"))
        assert await store.intend(intent("new")) == Claimed(1)
    assert target.entries()["in the air"].task_id == "t6"
    assert max(entry.id for entry in target.entries().values()) == target.entries()["new"].id
    if isinstance(target, PostgresPlace):
        assert target.sql("SELECT count(*) FROM wan_async_earlier AS e JOIN wan_async_item AS i ON i.id = e.item") == [
            (1,)
        ]


async def test_the_source_says_where_it_went_and_is_only_read(ends: tuple[Place, Place]) -> None:
    source, target = ends
    await filled(source)
    before = shown(source)
    Journal.copy(source.where, target.where)
    assert f"was copied to {target.where}" in await refusal(source)
    with Journal.open_readonly(source.where) as journal, Journal.open_readonly(target.where) as other:
        assert (journal.moved_to() or "").startswith(target.where)
        assert other.moved_to() is None
    with pytest.raises(JournalError, match="was copied to"):
        Journal.resubmit(source.where, failed=True)
    with pytest.raises(JournalError, match="was copied to"):
        Journal.copy(source.where, target.where)
    assert shown(source)["done"] == before["done"]


async def test_there_and_back_and_there_again(ends: tuple[Place, Place]) -> None:
    source, target = ends
    await filled(source)
    for turn in range(4):
        there, here = (source, target) if turn % 2 == 0 else (target, source)
        async with there.opened() as store:
            await run(store, f"turn {turn}", f"turn-{turn}")
        Journal.copy(there.where, here.where)
        assert shown(here) == shown(there)
        assert "was copied to" in await refusal(there)
    async with source.opened(replay=False) as store:
        assert await store.spent() == 7.0 + 60.0 + 80.0 * 8


async def test_nothing_is_copied_while_somebody_has_either(ends: tuple[Place, Place]) -> None:
    source, target = ends
    await filled(source)
    async with source.opened():
        with pytest.raises(JournalError, match="is in use by process"):
            Journal.copy(source.where, target.where)
    async with target.opened():
        with pytest.raises(JournalError, match="is in use by process"):
            Journal.copy(source.where, target.where)
    Journal.copy(source.where, target.where)


async def test_a_journal_that_holds_items_is_no_target(ends: tuple[Place, Place]) -> None:
    source, target = ends
    await filled(source)
    async with target.opened() as store:
        await complete(store, "mine")
    with pytest.raises(JournalError, match=r"holds items already|is a journal already"):
        Journal.copy(source.where, target.where)
    assert list(target.entries()) == ["mine"]
    await (await source.open()).aclose()


async def test_two_of_a_kind_are_refused_in_words(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="moved as any file"):
        Journal.copy(tmp_path / "a.db", tmp_path / "b.db")
    with pytest.raises(ConfigurationError, match="go by a file"):
        Journal.copy("postgresql://127.0.0.1:1/a", "postgresql://127.0.0.1:1/b")


async def test_what_a_database_cannot_hold_stays_where_it_is(file: FilePlace, database: PostgresPlace) -> None:
    async with file.opened() as store:
        await complete(store, "a\0b")
    with pytest.raises(JournalError, match=r"cannot be copied to .* NUL"):
        Journal.copy(file.where, database.where)
    await (await file.open()).aclose()


async def test_no_message_and_no_mark_tells_the_password(file: FilePlace, database: PostgresPlace) -> None:
    await filled(file)
    with_password = database.where.replace("postgres@", "postgres:pass-w0rd@")
    Journal.copy(file.where, with_password)
    assert "pass-w0rd" not in await refusal(file)
    assert b"pass-w0rd" not in Path(file.where).read_bytes()
    with pytest.raises(JournalError) as caught:
        Journal.copy(file.where, with_password.replace("/test_", "/none_"))
    assert "pass-w0rd" not in str(caught.value)


async def test_while_a_batch_is_copied_no_worker_begins_and_nobody_waits_for_ever(
    file: FilePlace, database: PostgresPlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    await (await database.open()).aclose()
    monkeypatch.setattr(session, "_SETTINGS", session._SETTINGS.replace("10s", "300ms"))  # pyright: ignore[reportPrivateUsage]
    with psycopg.connect(database.database) as other:
        other.execute("SELECT id FROM wan_async_batch FOR UPDATE")
        assert "it is being copied" in await refusal(database)
        with pytest.raises(JournalError, match="copies it too"):
            Journal.copy(database.where, file.where)
        with pytest.raises(JournalError):
            Journal.resubmit(database.where, failed=True)
        assert database.entries() == {}
    assert not os.path.exists(file.where)
    await (await database.open()).aclose()


async def test_a_role_that_may_only_use_the_tables_is_enough(file: FilePlace, database: PostgresPlace) -> None:
    await filled(file)
    await (await database.open()).aclose()
    role = database.database.rpartition("/")[2] + "_role"
    grant = f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {role}"
    with psycopg.connect(database.database, autocommit=True) as connection:
        connection.execute(f"CREATE ROLE {role} LOGIN; {grant}".encode())
        connection.execute(f"REVOKE TEMPORARY ON DATABASE {role.removesuffix('_role')} FROM PUBLIC".encode())
    there = database.where.replace("postgres@", f"{role}@")
    Journal.copy(file.where, there)
    assert shown(database) == shown(file)
    Journal.copy(there, file.where)
    assert shown(database) == shown(file)


async def test_through_a_pooler_it_goes_there_and_back(
    file: FilePlace, database: PostgresPlace, tmp_path: Path
) -> None:
    folder = tmp_path / "pooler"
    folder.mkdir()
    await filled(file)
    with pgbouncer(database.database, folder) as url:
        pooled = PostgresPlace(url)
        Journal.copy(file.where, pooled.where)
        assert shown(pooled) == shown(file)
        Journal.copy(pooled.where, file.where)
        assert shown(file) == shown(pooled)


async def test_a_worker_that_comes_back_from_a_pause_cannot_go_on_with_the_source(
    file: FilePlace, database: PostgresPlace
) -> None:
    store = await database.open()
    await run(store, "k", "t")
    database.sql("UPDATE wan_async_worker SET expires_at = clock_timestamp()")
    Journal.copy(database.where, file.where)
    for _ in range(2):  # the first may come before the next renewal
        with pytest.raises(JournalError, match="was copied to"):
            await store._writer.read(lambda desk: desk._renew())  # pyright: ignore
    assert not store.may_send("k")
    await store.aclose()


@pytest.mark.parametrize(
    ("kind", "instant"), [*(("database", one) for one in TO_DATABASE), *(("file", one) for one in TO_FILE)]
)
async def test_a_kill_leaves_the_source_or_the_target(
    file: FilePlace, database: PostgresPlace, kind: str, instant: str
) -> None:
    source, target = (file, database) if kind == "database" else (database, file)
    await filled(source)
    await killed_at(source, target, instant)
    if instant == "database decided":
        assert "was copied to" in await refusal(source)
        await (await target.open()).aclose()
        assert shown(target) == shown(source)
        return
    if target.where == file.where and os.path.exists(file.where):
        assert "was cut short" in await refusal(file)
    Journal.copy(source.where, target.where)
    assert shown(target) == shown(source)
    assert "was copied to" in await refusal(source)
    await (await target.open()).aclose()


@pytest.mark.parametrize("instant", TO_DATABASE[:-1])
async def test_after_a_copy_that_was_cut_short_the_source_is_gone_on_with(
    file: FilePlace, database: PostgresPlace, instant: str
) -> None:
    await filled(file)
    await killed_at(file, database, instant)
    async with file.opened() as store:
        await complete(store, "more")
    async with database.opened(replay=False) as store:
        assert await store.spent() == 0.0
    Journal.copy(file.where, database.where)
    assert "more" in database.entries()


async def test_while_the_database_cannot_be_asked_an_undecided_source_is_not_gone_on_with(
    tmp_path: Path,
) -> None:
    with PostgresServer() as server:
        file, database = FilePlace(tmp_path), PostgresPlace(server.database())
        await filled(file)
        await killed_at(file, database, "file marked")
        server.kill_now()
        assert "copy it once more" in await refusal(file)
        server.start_now()
        await (await file.open()).aclose()


async def killed_at(source: Place, target: Place, instant: str) -> None:
    program = start("copied.py", source.where, target.where, instant)
    with program:
        assert program.stdout is not None
        assert await asyncio.to_thread(program.stdout.readline) == "here\n"
        program.kill()


async def test_a_copy_can_be_read_by_the_url_s_other_batches(database: PostgresPlace, file: FilePlace) -> None:
    """Batches in one database do not see each other's rows, whatever their numbers were in the files."""
    await filled(file)
    other = await open_store(f"{database.database}#other", replay=True, failed=database.faults.append)
    await run(other, "other", "o")
    Journal.copy(file.where, database.where)
    assert (await other.look_up([asked("other")])) == [Known("other")]
    await other.aclose()
