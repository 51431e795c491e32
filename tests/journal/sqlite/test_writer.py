"""What is asked together is one transaction; nobody is lost between the loop and the thread."""

from __future__ import annotations

import asyncio
import gc
import sqlite3
import threading
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import anyio
import pytest

from wan_async._journal import Journal, State, writer
from wan_async._journal.entries import JournalCounts
from wan_async._journal.sqlite.hold import Hold
from wan_async._journal.sqlite.store import SqliteStore
from wan_async._journal.store import Acceptance, Known, Withdrawal
from wan_async.errors import JournalError

from ..stores import FilePlace, asked, claim, complete, entries, intent, run


@pytest.fixture
def commits(monkeypatch: pytest.MonkeyPatch) -> list[None]:
    """One for each commit."""
    made: list[None] = []
    after_commit = Hold.after_commit

    def counted(hold: Hold) -> None:
        made.append(None)
        after_commit(hold)

    monkeypatch.setattr(Hold, "after_commit", counted)
    return made


async def file_store(place: FilePlace) -> SqliteStore:
    return await SqliteStore.open(place.where, place.faults.append)


def do(store: SqliteStore, work: Callable[[Hold], object]) -> asyncio.Future[object]:
    """Have the thread do something in its next transaction."""
    return store._writer.read(work)  # pyright: ignore[reportPrivateUsage]


def writers() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name.startswith("journal ")]


async def test_two_hundred_at_once_are_one_commit_each_step(place: FilePlace, commits: list[None]) -> None:
    async with place.opened() as store:
        await asyncio.gather(*[complete(store, f"k{number}") for number in range(200)])
        assert len(commits) == 2  # intents; ids and outcomes, which nobody waits between


async def test_what_is_asked_in_one_pass_of_the_loop_is_one_commit_however_long_it_takes(
    place: FilePlace, commits: list[None]
) -> None:
    async def block() -> None:
        time.sleep(0.02)  # the thread could run meanwhile

    async with place.opened() as store:
        claims = [claim(store, f"k{number}") for number in range(4)]
        await asyncio.gather(*claims[:2], block(), *claims[2:])
        assert len(commits) == 1


async def test_what_was_awaited_is_committed(place: FilePlace) -> None:
    async with place.opened() as store:
        with closing(sqlite3.connect(place.where)) as other:
            for number in range(50):
                await claim(store, f"k{number}")
                assert other.execute("SELECT max(id) FROM item").fetchone() == (number + 1,)


async def test_a_commit_waits_for_the_disk(place: FilePlace) -> None:
    store = await file_store(place)
    assert await do(store, lambda hold: hold.database.execute("PRAGMA synchronous").fetchone()) == (2,), "2 is FULL"
    await store.aclose()


async def test_what_queues_up_while_a_commit_runs_goes_into_the_next(place: FilePlace, commits: list[None]) -> None:
    store = await file_store(place)

    async def later(number: int) -> None:
        for _ in range(number % 10):
            await asyncio.sleep(0)
        await complete(store, f"k{number}")

    held = do(store, lambda _: time.sleep(0.05))
    await asyncio.gather(held, *[later(number) for number in range(100)])
    await store.aclose()
    assert len(commits) <= 8  # one held, then two steps; on a busy machine a step may come in parts


async def test_reads_see_what_was_asked_before_them_and_do_not_wait(
    place: FilePlace, commits: list[None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "SPACING", 60.0)
    async with place.opened() as store:
        await claim(store, "first")
        begun = asyncio.create_task(store.intend(intent("k")))
        await asyncio.sleep(0)
        assert not begun.done()
        assert await store.look_up([asked("k")]) == [Known("k")]
        assert begun.done()
        assert len(commits) == 2


async def test_a_reader_never_sees_half_a_group(place: FilePlace) -> None:
    seen: set[int] = set()

    def read(stop: threading.Event) -> None:
        with Journal.open_readonly(place.where) as reader:
            while not stop.is_set():
                seen.add(reader.counts().sending)

    async with place.opened() as store:
        stop = threading.Event()
        reading = asyncio.create_task(asyncio.to_thread(read, stop))
        for start in range(0, 1000, 20):
            await asyncio.gather(*(claim(store, f"k{start + number}") for number in range(20)))
        stop.set()
        await reading
    assert len(seen) > 5, "the reader saw too little to tell"
    assert {count % 20 for count in seen} == {0}


async def test_what_a_cancelled_caller_asked_is_done(place: FilePlace) -> None:
    async with place.opened() as store:
        caller = asyncio.create_task(store.intend(intent("k")))
        await asyncio.sleep(0)
        caller.cancel()
        with pytest.raises(asyncio.CancelledError):
            await caller
        assert await store.look_up([asked("k")]) == [Known("k")]


async def test_closing_waits_for_what_was_asked(place: FilePlace) -> None:
    store = await place.open()
    claims = asyncio.gather(*(claim(store, f"k{number}") for number in range(50)))
    await asyncio.sleep(0)
    await asyncio.wait_for(store.aclose(), 10)
    await store.aclose()
    assert await claims == [1] * 50
    with Journal.open_readonly(place.where) as reader:
        assert reader.counts() == JournalCounts(sending=50, credits=4000.0)


async def test_no_thread_and_no_file_is_left(place: FilePlace) -> None:
    async with place.opened() as store:
        await complete(store, "k")
        assert len(writers()) == 1
    assert writers() == []
    with pytest.raises(JournalError):
        await SqliteStore.open(place.folder, place.faults.append)
    assert writers() == []
    assert list(place.folder.iterdir()) == [Path(place.where)]


@pytest.mark.parametrize("times", [1, 3])
async def test_a_cancelled_closing_closes_and_is_cancelled(place: FilePlace, times: int) -> None:
    store = await file_store(place)
    held = do(store, lambda _: time.sleep(0.05))
    closing = asyncio.create_task(store.aclose())
    for _ in range(times):
        await asyncio.sleep(0.001)
        closing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await closing
    assert held.done()
    assert writers() == []


async def test_closing_in_a_cancelled_scope_closes(place: FilePlace) -> None:
    store = await place.open()
    with anyio.CancelScope() as scope:
        scope.cancel()
        await store.aclose()
    assert writers() == []


async def test_closing_does_not_wait_long_for_somebody_who_reads(place: FilePlace) -> None:
    store = await place.open()
    with closing(sqlite3.connect(place.where, isolation_level=None)) as other:
        other.execute("BEGIN")
        assert other.execute("SELECT count(*) FROM item").fetchone() == (0,)
        await complete(store, "k")
        start = time.perf_counter()
        await store.aclose()
        assert time.perf_counter() - start < 5
    with Journal.open_readonly(place.where) as reader:
        assert reader.counts().done == 1


@pytest.mark.parametrize("after", [0.0, 0.001, 0.003, 0.01, 0.03])
async def test_a_cancelled_opening_holds_nothing(place: FilePlace, after: float) -> None:
    opening = asyncio.create_task(place.open())
    await asyncio.sleep(after)
    if opening.cancel():
        with pytest.raises(asyncio.CancelledError):
            await opening
    else:  # a fast machine had it open already
        await (await opening).aclose()
    assert writers() == []
    async with place.opened() as store:
        await complete(store, "k")


async def test_a_store_that_nobody_holds_any_more_is_closed(place: FilePlace) -> None:
    store = await place.open()
    await claim(store, "k")
    store.accept_nowait(Acceptance("k", 1, "t"))
    (thread,) = writers()
    await asyncio.sleep(0.05)  # what was asked is on its way
    del store
    gc.collect()
    await asyncio.to_thread(thread.join, 10)
    async with place.opened() as store:
        assert list(await entries(store, State.RUNNING)) == ["k"]


async def test_whoever_holds_a_store_in_a_circle_lets_go_of_it_too(place: FilePlace) -> None:
    class Batch:
        def failed(self, fault: Exception) -> None:
            raise fault

        async def begin(self) -> None:
            self.store = await SqliteStore.open(place.where, self.failed)

    batch = Batch()
    await batch.begin()
    (thread,) = writers()
    del batch
    gc.collect()
    await asyncio.to_thread(thread.join, 10)
    assert not thread.is_alive()


def test_a_loop_that_ended_first_leaves_what_was_asked_on_disk(place: FilePlace) -> None:
    async def leave() -> SqliteStore:
        store = await file_store(place)
        do(store, lambda _: time.sleep(0.05))
        asking = asyncio.create_task(store.intend(intent("k")))
        await asyncio.sleep(0.01)
        asking.cancel()
        return store

    store = asyncio.run(leave())
    (thread,) = writers()
    del store
    gc.collect()
    thread.join(10)
    with Journal.open_readonly(place.where) as reader:
        assert reader.counts().sending == 1


async def test_what_is_asked_and_goes_wrong_where_nobody_waits_is_told_and_harms_nothing_else(
    place: FilePlace,
) -> None:
    async with place.opened() as store:
        await claim(store, "k")
        store.accept_nowait(Acceptance("nobody", 1, "t"))
        store.withdraw_nowait(Withdrawal("\udce9", 1))
        await run(store, "another")
    assert [type(fault) for fault in place.faults] == [JournalError, JournalError]


@pytest.mark.parametrize("name", ["close", "wait"])
async def test_a_desk_that_fails_leaves_nobody_waiting(
    place: FilePlace, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    close = Hold.close

    def broken(hold: Hold, *_: object) -> None:
        if name == "close":
            close(hold)
        raise MemoryError("no room")

    monkeypatch.setattr(Hold, name, broken)
    async with asyncio.timeout(5):
        store = await file_store(place)
        await store.aclose()
    assert [str(fault) for fault in place.faults] == [f"{place.where} was lost: no room"]


async def test_a_thread_that_dies_leaves_nobody_waiting(place: FilePlace, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise MemoryError("no room")

    async with asyncio.timeout(5):
        store = await file_store(place)
        with monkeypatch.context() as patch:
            patch.setattr(writer, "_results", broken)
            with pytest.raises(JournalError, match="was lost: no room"):
                await claim(store, "k")
        with pytest.raises(JournalError, match="was lost: no room"):
            await claim(store, "l")
        await store.aclose()
        async with place.opened():
            pass
