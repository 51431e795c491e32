"""The file: what is refused and left as it is, what is gone on with, and the mark that it is in use."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from wan_async._journal import Journal, State
from wan_async._journal.sqlite import files, hold
from wan_async._journal.sqlite.schema import APPLICATION_ID, VERSION
from wan_async._journal.store import Conflict, Known
from wan_async.errors import JournalError, SubmissionUnknownError

from ..stores import FilePlace, asked, claim, complete, end, entries, intent, run
from ..support import good

LOST = "was not closed, and the last of it is not in it but in .*-wal, which is missing, empty or spoilt"


def query(path: Path | str, sql: str) -> list[tuple[object, ...]]:
    """As somebody who looks into it with a tool of his own, and changes it."""
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        return database.execute(sql).fetchall()


def foreign(path: Path) -> None:
    query(path, "CREATE TABLE mine (a)")


def newer(path: Path) -> None:
    with closing(sqlite3.connect(path)) as database:
        database.executescript(f"""
            PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {VERSION + 1}; CREATE TABLE item (a);
        """)


def text(path: Path) -> None:
    path.write_text('{"prompt": "a fox"}\n' * 100)


def short(path: Path) -> None:
    path.write_bytes(b"SQLite format 3\0")


def contents(folder: Path) -> dict[str, bytes | None]:
    return {path.name: path.read_bytes() if path.is_file() else None for path in folder.iterdir()}


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (foreign, "another program's database"),
        (newer, f"a journal of version {VERSION + 1}, this wan_async reads version {VERSION}"),
        (text, "is not a journal"),
        (short, "is not a journal"),
        (Path.mkdir, "is not a file"),
        pytest.param(os.mkfifo, "is not a file", marks=pytest.mark.skipif(os.name != "posix", reason="a pipe")),
    ],
)
async def test_what_is_no_journal_is_refused_untouched(
    place: FilePlace, make: Callable[[Path], None], why: str
) -> None:
    make(Path(place.where))
    before = contents(place.folder)
    with pytest.raises(JournalError, match=why):
        await place.open()
    with pytest.raises(JournalError, match=why):
        Journal.open_readonly(place.where)
    with pytest.raises(JournalError, match=why):
        Journal.resubmit(place.where, failed=True)
    assert contents(place.folder) == before


@pytest.mark.parametrize("what", ["TRIGGER more AFTER INSERT ON item BEGIN SELECT 1; END", "VIEW more AS SELECT 1"])
async def test_what_no_journal_holds_is_refused(place: FilePlace, what: str) -> None:
    async with place.opened() as store:
        await complete(store, "k")
    query(place.where, f"CREATE {what}")
    before = contents(place.folder)
    kind = what.split(maxsplit=1)[0].lower()
    with pytest.raises(JournalError, match=f"holds a {kind}, more, which no journal has"):
        await place.open()
    assert contents(place.folder) == before
    with pytest.raises(JournalError, match=f"holds a {kind}, more"):
        Journal.open_readonly(place.where)


async def test_a_path_that_cannot_be_is_refused(place: FilePlace) -> None:
    for name, why in [("none/run.db", "there is no folder"), ("run\0.db", "cannot be opened")]:
        with pytest.raises(JournalError, match=why):
            await files_open(f"{place.folder}/{name}")
    assert contents(place.folder) == {}


async def files_open(where: str) -> None:
    from wan_async._journal import open_store

    await open_store(where, replay=True, failed=print)


async def test_a_creation_that_was_killed_is_done_anew(place: FilePlace) -> None:
    Path(f"{place.where}-new").write_bytes(b"half")
    Path(f"{place.where}-new-journal").write_bytes(b"half")
    Path(place.where).touch()
    async with place.opened() as store:
        await complete(store, "k")
    assert list(contents(place.folder)) == [Path(place.where).name]
    assert query(place.where, "PRAGMA journal_mode") == [("wal",)]


async def test_a_log_without_its_journal_is_not_thrown_away(place: FilePlace) -> None:
    log = Path(f"{place.where}-wal")
    log.write_bytes(b"committed rows")
    with pytest.raises(JournalError, match=r"-wal, a part of it"):
        await place.open()
    assert contents(place.folder) == {log.name: b"committed rows"}


async def test_a_spoilt_journal_is_refused(place: FilePlace) -> None:
    async with place.opened() as store:
        await complete(store, "k")
    path = Path(place.where)
    path.write_bytes(path.read_bytes()[:100] + b"\xff" * 5000)
    before = contents(place.folder)
    with pytest.raises(JournalError, match="cannot be opened"):
        await place.open()
    assert contents(place.folder) == before
    with pytest.raises(JournalError, match="cannot be read"):
        Journal.open_readonly(path)


@pytest.mark.skipif(os.name != "posix", reason="links are POSIX's")
async def test_a_symbolic_link_is_the_journal_and_a_hard_link_is_refused(place: FilePlace) -> None:
    symbolic, hard = place.folder / "symbolic.db", place.folder / "hard.db"
    symbolic.symlink_to(place.where)
    async with place.opened() as store:
        await run(store, "k")
        with pytest.raises(JournalError, match="in use"):
            await files_open(str(symbolic))
        os.link(place.where, hard)
        for path in (hard, Path(place.where)):
            with pytest.raises(JournalError, match=r"one file under 2 names \(hard links\)"):
                await files_open(str(path))
        with pytest.raises(JournalError, match=LOST):
            Journal.open_readonly(hard)


async def test_after_a_kill_a_file_without_its_log_is_refused_untouched(place: FilePlace) -> None:
    async with place.opened() as store:
        await claim(store, "air")
        await complete(store, "k")
        await place.crash()
    os.rename(f"{place.where}-wal", place.folder / "log")
    before = contents(place.folder)
    with pytest.raises(JournalError, match=LOST):
        await place.open()
    with pytest.raises(JournalError, match=LOST):
        Journal.open_readonly(place.where)
    assert contents(place.folder) == before
    Path(f"{place.where}-wal").touch()  # as another program that has it open makes it anew
    with pytest.raises(JournalError, match=LOST):
        await place.open()
    os.replace(place.folder / "log", f"{place.where}-wal")
    async with place.opened() as store:
        assert await store.look_up([asked("air"), asked("k")]) == [Known("air"), Known("k")]


def with_instead(log: bytes, at: int, other: bytes) -> bytes:
    return log[:at] + other + log[at + len(other) :]


SPOILT: dict[str, Callable[[bytes], bytes]] = {
    "half a header": lambda log: log[:31],
    "its header": lambda log: log[:32],
    "less than a frame": lambda log: log[: 32 + 24 + 4095],
    "zeros": lambda log: bytes(len(log)),
    "ones": lambda log: b"\xff" * len(log),
    "another salt in the header": lambda log: with_instead(log, 16, b"salt"),
    "another salt in the frame": lambda log: with_instead(log, 32 + 8, b"salt"),
    "a spoilt page": lambda log: with_instead(log, 32 + 24 + 2000, b"page"),
}


@pytest.mark.parametrize("how", SPOILT)
async def test_after_a_kill_a_log_without_a_commit_is_none(place: FilePlace, how: str) -> None:
    async with place.opened() as store:
        await complete(store, "k")
        await place.crash()
    log = Path(f"{place.where}-wal")
    whole = log.read_bytes()
    log.write_bytes(SPOILT[how](whole))
    before = contents(place.folder)
    with pytest.raises(JournalError, match=LOST):
        await place.open()
    with pytest.raises(JournalError, match=LOST):
        Journal.open_readonly(place.where)
    assert contents(place.folder) == before
    log.write_bytes(whole)
    async with place.opened() as store:
        assert await store.look_up([asked("k")]) == [Known("k")]


async def test_a_kill_right_after_the_log_was_put_back_leaves_a_journal(place: FilePlace) -> None:
    """The log is whole still, and its last mark that of the file."""
    async with place.opened() as store:
        await complete(store, "k")
        await place.crash()
    with closing(sqlite3.connect(place.where, isolation_level=None)) as killed:
        killed.execute(f"PRAGMA user_version = {-VERSION}")
        assert killed.execute("PRAGMA wal_checkpoint(RESTART)").fetchone()[0] == 0
        await place.crash()
    with Journal.open_readonly(place.where) as journal:
        assert journal.counts().done == 1
    async with place.opened() as store:
        assert await store.look_up([asked("k")]) == [Known("k")]


async def test_a_log_is_that_of_its_file_until_the_mark_is_gone(place: FilePlace) -> None:
    """A close that is killed has put all back before it takes away the mark, which is on the first page."""
    async with place.opened() as store:
        await complete(store, "k")
        await place.crash()
    said: list[str] = []
    database = files.connect(place.where)
    database.set_trace_callback(said.append)
    assert files.checkpoint(database, last=True)
    database.close()
    assert [words for words in said if "checkpoint" in words] == [
        "PRAGMA wal_checkpoint(RESTART)",
        "PRAGMA wal_checkpoint(TRUNCATE)",
    ]
    assert query(place.where, "PRAGMA user_version") == [(VERSION,)]


async def test_what_is_killed_before_its_first_intent_is_marked(place: FilePlace) -> None:
    async with place.opened():
        await place.crash()
    os.unlink(f"{place.where}-wal")
    with pytest.raises(JournalError, match=LOST):
        await place.open()


async def test_a_journal_that_was_closed_is_copied_alone(place: FilePlace) -> None:
    async with place.opened() as store:
        await complete(store, "k")
    copy = place.folder / "copy.db"
    shutil.copy(place.where, copy)
    assert query(copy, "PRAGMA user_version") == [(VERSION,)]
    with Journal.open_readonly(copy) as journal:
        assert journal.counts().done == 1
    await files_open(str(copy))


async def test_after_a_kill_and_somebodys_query_the_file_is_whole(place: FilePlace) -> None:
    """SQLite puts the log back and deletes it, when the last connection that may write is closed."""
    async with place.opened() as store:
        await complete(store, "k")
        await place.crash()
    assert query(place.where, "SELECT key FROM item") == [("k",)]
    assert not os.path.exists(f"{place.where}-wal")
    async with place.opened() as store:
        assert await store.look_up([asked("k")]) == [Known("k")]


@pytest.mark.parametrize("reading", [False, True])
async def test_whatever_was_put_back_meanwhile_the_file_is_marked(
    place: FilePlace, monkeypatch: pytest.MonkeyPatch, reading: bool
) -> None:
    monkeypatch.setattr(hold, "_CHECKPOINT", 1 << 16)
    async with place.opened() as store:
        with closing(sqlite3.connect(place.where, isolation_level=None)) as reader:
            for number in range(40):
                await complete(store, f"k{number}")
                if number == 20 and reading:
                    reader.execute("BEGIN")
                    reader.execute("SELECT key FROM item").fetchall()
        assert os.path.getsize(place.where) > 30_000, "nothing was put back"
        await place.crash()
    alone = place.folder / "alone.db"
    shutil.copy(place.where, alone)
    with pytest.raises(JournalError, match=LOST):
        await files_open(str(alone))
    async with place.opened() as store:
        assert len(await entries(store, State.DONE)) == 40


async def test_somebody_who_reads_at_the_end_leaves_the_mark_with_the_log(place: FilePlace) -> None:
    async with place.opened() as store:
        await complete(store, "before")
    with closing(sqlite3.connect(place.where, isolation_level=None)) as reader:
        async with place.opened() as store:
            await complete(store, "meanwhile")
            reader.execute("BEGIN")
            reader.execute("SELECT key FROM item").fetchall()
            await complete(store, "after")
        alone = place.folder / "alone.db"
        shutil.copy(place.where, alone)
        with pytest.raises(JournalError, match=LOST):
            await files_open(str(alone))
    async with place.opened() as store:
        assert list(await entries(store)) == ["before", "meanwhile", "after"]


async def test_somebody_who_reads_at_the_beginning_is_waited_for(
    place: FilePlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "_BUSY", 0.05)
    async with place.opened() as store:
        await complete(store, "k")
    with closing(sqlite3.connect(place.where, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT key FROM item").fetchall()
        with pytest.raises(JournalError, match="somebody has been reading it"):
            await place.open()
    async with place.opened() as store:
        assert list(await entries(store)) == ["k"]


async def test_a_kill_while_the_log_is_put_back_leaves_a_journal(place: FilePlace) -> None:
    """Its pages are written in order: the first says how many there are, before they are there."""
    async with place.opened() as store:
        for number in range(50):
            await complete(store, f"k{number}")
        await place.crash()
        whole = place.folder / "whole.db"
        for suffix in ("", "-wal"):
            shutil.copy(f"{place.where}{suffix}", f"{whole}{suffix}")
        query(whole, "SELECT 1 FROM item")
    with open(place.where, "r+b") as file:
        file.write(whole.read_bytes()[:4096])
    async with place.opened() as store:
        assert len(await entries(store)) == 50


async def test_whoever_reads_in_the_same_process_does_not_end_its_locks(place: FilePlace) -> None:
    """Else the next program that reads it takes itself for the last, and deletes the log under the run."""
    select = "import sqlite3, sys; db = sqlite3.connect(sys.argv[1]); db.execute('SELECT key FROM item').fetchall()"
    async with place.opened() as store:
        await complete(store, "a")
        with Journal.open_readonly(place.where) as journal:
            assert journal.counts().done == 1
        with pytest.raises(JournalError, match="in use"):
            await place.open()
        subprocess.run([sys.executable, "-c", f"{select}; db.close()", place.where], check=True)
        await complete(store, "b")
    async with place.opened() as store:
        assert list(await entries(store)) == ["a", "b"]


def old_file(path: str) -> None:
    """A journal of version 1, as the first house made it, left by a kill."""
    with closing(sqlite3.connect(path)) as database:
        database.executescript((Path(__file__).parent / "version_1.sql").read_text())


async def test_a_journal_of_version_1_is_read_and_gone_on_with(place: FilePlace) -> None:
    old_file(place.where)
    with Journal.open_readonly(place.where) as journal:
        assert [entry.key for entry in journal.entries()] == ["done", "running", "air", "again", "queued"]
        assert journal.counts().credits == 60.0 + 80.0 * 4
    async with place.opened() as store:
        found = await entries(store)
        assert found["done"].record == good("t-done")
        assert isinstance(found["air"].error, SubmissionUnknownError)
        assert [entry.task_id for entry in await store.take_over()] == ["t-running"]
        assert {key: (entry.attempt, entry.seen) for key, entry in found.items()} == {
            "done": (1, False), "running": (1, False), "air": (1, False), "again": (3, False), "queued": (1, False),
        }  # fmt: skip
        assert await store.look_up([asked("done"), asked("done", b"{}")]) == [Known("done"), Conflict("done")]
        assert await store.tokens(["air"]) == {"air": "token"}
        await end(store, "running", good("t-running"))
        await store.intend(intent("queued"))
        assert await store.spent() == 60.0 + 60.0 + 80.0 * 4
    assert query(place.where, "PRAGMA user_version") == [(VERSION,)]
    assert query(place.where, "SELECT attempt FROM earlier ORDER BY rowid") == [(1,), (2,)]
    new = place.folder / "new.db"
    files.create(str(new))
    columns = "SELECT m.name, c.name, c.type FROM sqlite_master m, pragma_table_info(m.name) c ORDER BY 1, 2"
    assert query(place.where, columns) == query(new, columns)
    indexes = "SELECT name FROM sqlite_master WHERE type = 'index' ORDER BY 1"
    assert query(place.where, indexes) == query(new, indexes)
