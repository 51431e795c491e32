"""A write that fails: one error, at once, for everybody, of one type; and what was told as written is there."""

from __future__ import annotations

import asyncio
import os
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from wan_async._journal import Journal, OpenJournal, State, files, store, withdrawal, writer
from wan_async.errors import JournalError

from .support import FOX, MODEL, done, look, opened, output

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.skipif(os.name != "posix", reason="files in use are deleted, sizes are limited")


def test_a_full_disk_stops_at_once_and_loses_nothing(tmp_path: Path) -> None:
    path = tmp_path / "run.db"
    lines = output("full_disk.py", path, 3_000_000).splitlines()
    written = {line.split()[1] for line in lines if line.startswith("written")}
    assert lines[-3] == "errors ['JournalError']"
    assert lines[-2].startswith(f"broken {path} cannot be written: ")
    assert lines[-1] == lines[-2].replace("broken", "again", 1)
    with Journal.open_readonly(path) as journal:
        keys = {entry.key for entry in journal.entries()}
    assert len(written) > 100
    assert written <= keys


def test_on_a_full_disk_no_journal_is_made_and_nothing_is_left(tmp_path: Path) -> None:
    assert output("full_disk.py", tmp_path / "run.db", 2_000).startswith("refused")
    assert list(tmp_path.iterdir()) == []


async def broken_by_next_write(journal: OpenJournal, path: Path, culprit: str) -> None:
    why = f"^{path} cannot be written: .*{culprit} was deleted or replaced"
    writes = [journal.intend(i, f"new-{i}", MODEL, FOX, price=1.0) for i in range(3)]
    for result in await asyncio.gather(*writes, return_exceptions=True):
        assert isinstance(result, JournalError)
    assert journal.broken is not None
    with pytest.raises(JournalError, match=why):
        journal.withdraw("k")  # at once, without a turn of the loop
    with pytest.raises(JournalError, match=why):
        await look(journal, "k", MODEL, FOX)


@pytest.mark.parametrize("suffix", ["", "-wal", "-lock"])
async def test_a_file_that_was_deleted_is_noticed(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / "run.db"
    async with opened(path) as journal:
        await done(journal, "k")
        (tmp_path / f"run.db{suffix}").unlink()
        await broken_by_next_write(journal, path, f"run.db{suffix}")


async def test_a_file_that_was_replaced_is_noticed_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "run.db"
    async with opened(path) as journal:
        await done(journal, "k")
        (tmp_path / "other").write_text("another file")
        os.replace(tmp_path / "other", path)
        await broken_by_next_write(journal, path, "run.db")
    assert path.read_text() == "another file"


async def test_whatever_fails_in_the_thread_is_a_journal_error_for_all_who_wait(tmp_path: Path) -> None:
    def fail(_: sqlite3.Connection) -> None:
        raise OSError("the cable is out")

    async with opened(tmp_path / "run.db") as journal:
        await done(journal, "k")
        first = journal.intend(0, "first", MODEL, FOX, price=1.0)
        fault = asyncio.ensure_future(journal._writer.ask(fail))  # pyright: ignore[reportPrivateUsage]
        results = await asyncio.gather(first, fault, return_exceptions=True)
        assert [str(result) for result in results] == [f"{tmp_path}/run.db cannot be written: the cable is out"] * 2
        assert journal.broken is not None
        assert isinstance(journal.broken.__cause__, OSError)
    with Journal.open_readonly(tmp_path / "run.db") as reader:
        assert [entry.key for entry in reader.entries()] == ["k"]


async def test_what_waits_behind_a_fault_fails_with_it(tmp_path: Path) -> None:
    """The group after the failed one is in the queue already."""
    gate = asyncio.Event()
    loop = asyncio.get_running_loop()

    def hold_then_fail(_: sqlite3.Connection) -> None:
        asyncio.run_coroutine_threadsafe(gate.wait(), loop).result(10)
        raise OSError("the cable is out")

    async with opened(tmp_path / "run.db") as journal:
        fault = journal._writer.ask(hold_then_fail)  # pyright: ignore[reportPrivateUsage]
        await asyncio.sleep(0.01)  # its group is with the thread
        second = journal.intend(0, "second", MODEL, FOX, price=1.0)
        await asyncio.sleep(0)
        gate.set()
        results = await asyncio.wait_for(asyncio.gather(fault, second, return_exceptions=True), 10)
    assert [type(result) for result in results] == [JournalError, JournalError]


async def test_what_is_told_after_a_fault_beside_what_waits_fails_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A step that is told into a group that was begun before the fault and is not handed over yet."""
    monkeypatch.setattr(writer, "_SPACING", 60.0)
    monkeypatch.setattr(writer, "_SPACING_WHEN_BUSY", 60.0)
    heard: list[bool | JournalError] = []

    def fail(_: sqlite3.Connection) -> None:
        raise OSError("the cable is out")

    async with opened(tmp_path / "run.db") as journal:
        fault = journal._writer.ask(fail)  # pyright: ignore[reportPrivateUsage]
        await asyncio.sleep(0)  # it is handed over; what is told now waits
        journal.tell(withdrawal("before"), heard.append)
        with pytest.raises(JournalError, match="the cable is out"):
            await asyncio.wait_for(fault, 10)
        journal.tell(withdrawal("after"), heard.append)
        assert not heard
    assert [str(result) for result in heard] == [f"{tmp_path}/run.db cannot be written: the cable is out"] * 2


async def test_somebody_elses_write_lock_is_a_fault_in_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "_BUSY", 0.05)
    path = tmp_path / "run.db"
    async with opened(path) as journal:
        await done(journal, "k")
        with closing(sqlite3.connect(path, isolation_level=None)) as database:
            database.execute("BEGIN IMMEDIATE")
            with pytest.raises(JournalError, match="locked"):
                await journal.intend(0, "new", MODEL, FOX, price=1.0)
            with pytest.raises(JournalError, match="locked"):
                await journal.intend(0, "new", MODEL, FOX, price=1.0)


def test_a_resubmission_that_cannot_be_written_is_a_journal_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> int:
        raise sqlite3.OperationalError("database or disk is full")

    path = tmp_path / "run.db"
    asyncio.run(make(path))
    monkeypatch.setattr("wan_async._journal.statements.requeue", full)
    with pytest.raises(JournalError, match="disk is full"):
        Journal.resubmit(path, unknown=True)
    monkeypatch.undo()
    assert Journal.resubmit(path, unknown=True) == 1


async def make(path: Path) -> None:
    async with opened(path) as journal:
        await journal.intend(0, "air", MODEL, FOX, price=1.0)


def test_an_interrupted_opening_lets_the_lock_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(_: sqlite3.Connection) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(store, "begin_run", interrupted)
    with pytest.raises(KeyboardInterrupt):
        store.Store(str(tmp_path / "run.db"))
    monkeypatch.undo()
    store.Store(str(tmp_path / "run.db")).close()
    assert State.QUEUED == "queued"
