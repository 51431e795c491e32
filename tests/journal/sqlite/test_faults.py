"""A write that fails: one error, at once, for everybody, of one type; and what was told as written is there."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest

from wan_async._journal import Journal, writer
from wan_async._journal.sqlite import files, hold
from wan_async._journal.sqlite.hold import Hold
from wan_async._journal.store import JournalStore, Withdrawal
from wan_async.errors import JournalError

from ..stores import FilePlace, asked, claim, complete, intent
from ..support import output
from .test_writer import do, file_store

pytestmark = pytest.mark.skipif(os.name != "posix", reason="files in use are deleted, sizes are limited")


def test_a_full_disk_stops_at_once_and_loses_nothing(place: FilePlace) -> None:
    lines = output("full_disk.py", place.where, 3_000_000).splitlines()
    written = {line.split()[1] for line in lines if line.startswith("written")}
    assert lines[-3] == "errors ['JournalError']"
    assert lines[-2].startswith(f"broken {place.where} cannot be written: ")
    assert lines[-1] == lines[-2].replace("broken", "again", 1)
    with Journal.open_readonly(place.where) as journal:
        keys = {entry.key for entry in journal.entries()}
    assert len(written) > 100
    assert written <= keys


def test_on_a_full_disk_no_journal_is_made_and_nothing_is_left(place: FilePlace) -> None:
    assert output("full_disk.py", place.where, 2_000).startswith("refused")
    assert list(place.folder.iterdir()) == []


async def broken_by_next_write(store: JournalStore, place: FilePlace, culprit: str) -> None:
    why = f"^{place.where} cannot be written: .*{culprit} was deleted or replaced"
    for result in await asyncio.gather(*(claim(store, f"new-{i}") for i in range(3)), return_exceptions=True):
        assert isinstance(result, JournalError)
    assert not store.may_send()
    with pytest.raises(JournalError, match=why):
        await store.look_up([asked("k")])
    store.withdraw_nowait(Withdrawal("k", 1))
    await asyncio.sleep(0)
    assert [type(fault) for fault in place.faults] == [JournalError] * 2  # when it broke, and this one


@pytest.mark.parametrize("suffix", ["", "-wal", "-lock"])
async def test_a_file_that_was_deleted_is_noticed(place: FilePlace, suffix: str) -> None:
    async with place.opened() as store:
        await complete(store, "k")
        os.unlink(f"{place.where}{suffix}")
        await broken_by_next_write(store, place, f"{place.where}{suffix}")


async def test_a_file_that_was_replaced_is_noticed_and_left_alone(place: FilePlace) -> None:
    async with place.opened() as store:
        await complete(store, "k")
        (place.folder / "other").write_text("another file")
        os.replace(place.folder / "other", place.where)
        await broken_by_next_write(store, place, place.where)
    assert Path(place.where).read_text() == "another file"


async def test_whatever_fails_in_the_thread_is_a_journal_error_for_all_who_wait(place: FilePlace) -> None:
    """In its group, in the one behind it, and in the one that was not handed over yet."""
    gate = threading.Event()

    def fail(_: Hold) -> None:
        gate.wait(10)
        raise OSError("the cable is out")

    store = await file_store(place)
    await complete(store, "k")
    first = asyncio.create_task(store.intend(intent("first")))
    await asyncio.sleep(0)
    fault = do(store, fail)
    await asyncio.sleep(0.01)
    second = do(store, lambda _: None)
    await asyncio.sleep(0)
    third = asyncio.create_task(store.intend(intent("third")))
    await asyncio.sleep(0)
    gate.set()
    results = await asyncio.wait_for(asyncio.gather(first, fault, second, third, return_exceptions=True), 10)
    assert [str(result) for result in results] == [f"{place.where} cannot be written: the cable is out"] * 4
    assert all(isinstance(result, JournalError) for result in results)
    await store.aclose()
    with Journal.open_readonly(place.where) as reader:
        assert [entry.key for entry in reader.entries()] == ["k"]


async def test_somebody_elses_write_lock_is_a_fault_in_the_end(
    place: FilePlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "_BUSY", 0.05)
    async with place.opened() as store:
        await complete(store, "k")
        with closing(sqlite3.connect(place.where, isolation_level=None)) as database:
            database.execute("BEGIN IMMEDIATE")
            for _ in range(2):
                with pytest.raises(JournalError, match="locked"):
                    await store.intend(intent("new"))


def test_a_resubmission_that_cannot_be_written_is_a_journal_error(
    place: FilePlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> int:
        raise sqlite3.OperationalError("database or disk is full")

    async def make() -> None:
        async with place.opened() as store:
            await claim(store, "air")

    asyncio.run(make())
    monkeypatch.setattr("wan_async._journal.sqlite.reads.requeue", full)
    with pytest.raises(JournalError, match="disk is full"):
        Journal.resubmit(place.where, unknown=True)
    monkeypatch.undo()
    assert Journal.resubmit(place.where, unknown=True) == 1


def test_an_interrupted_opening_lets_the_lock_go(place: FilePlace, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(_: sqlite3.Connection) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(hold, "_begin_run", interrupted)
    with pytest.raises(KeyboardInterrupt):
        Hold(place.where)
    monkeypatch.undo()
    Hold(place.where).close()


async def test_what_waits_for_its_group_is_not_lost_when_it_is_closed(
    place: FilePlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "SPACING", 60.0)
    async with place.opened() as store:
        await claim(store, "a")
        waiting = asyncio.create_task(claim(store, "b"))
        await asyncio.sleep(0)
    assert await asyncio.wait_for(waiting, 10) == 1


def test_a_forked_child_gets_an_error_at_once_and_can_exit(place: FilePlace) -> None:
    lines = output("fork.py", place.where).splitlines()
    assert lines == ["child ['JournalError'] False", "child ended 0", "parent went on"]
    with Journal.open_readonly(place.where) as journal:
        assert [entry.key for entry in journal.outcomes()] == ["a", "c"]
