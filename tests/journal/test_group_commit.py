"""What is asked together is one transaction; nobody is lost between the loop and the thread."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
import time
from contextlib import closing
from typing import TYPE_CHECKING, Any

import anyio
import pytest

from wan_async._journal import Journal, OpenJournal, State
from wan_async._journal.entries import JournalCounts
from wan_async.errors import JournalError

from .support import FOX, MODEL, done, good, look, opened

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "run.db"


async def write(journal: OpenJournal, number: int) -> None:
    key = f"k{number}"
    assert await journal.intend(number, key, MODEL, FOX, price=80.0)
    await journal.accepted(key, f"t{number}")
    assert await journal.finished(key, record=good())


async def test_two_hundred_at_once_are_one_commit_each_step(path: Path) -> None:
    async with opened(path) as journal:
        await asyncio.gather(*[write(journal, number) for number in range(200)])
        assert journal.commits == 3


async def test_what_is_asked_in_one_pass_of_the_loop_is_one_commit_however_long_it_takes(path: Path) -> None:
    async def block() -> None:
        time.sleep(0.02)  # the thread could run meanwhile

    async with opened(path) as journal:
        ask: list[asyncio.Future[Any]] = [journal.intend(i, f"k{i}", MODEL, FOX, price=1.0) for i in range(4)]
        await asyncio.gather(*ask[:2], block(), *ask[2:])
        assert journal.commits == 1


async def test_what_returned_is_committed(path: Path) -> None:
    async with opened(path) as journal:
        with closing(sqlite3.connect(path)) as other:
            for number in range(300):
                await journal.intend(number, f"k{number}", MODEL, FOX, price=1.0)
                assert other.execute("SELECT max(id) FROM item").fetchone() == (number + 1,)


async def test_a_commit_waits_for_the_disk(path: Path) -> None:
    async with opened(path) as journal:
        pragma = journal._writer.ask(  # pyright: ignore[reportPrivateUsage]
            lambda database: database.execute("PRAGMA synchronous").fetchone()
        )
        assert await pragma == (2,), "2 is FULL"


async def test_what_queues_up_while_a_commit_runs_goes_into_the_next(path: Path) -> None:
    async with opened(path) as journal:

        async def later(number: int) -> None:
            for _ in range(number % 10):
                await asyncio.sleep(0)
            await write(journal, number)

        held = journal._writer.ask(lambda _: time.sleep(0.05))  # pyright: ignore[reportPrivateUsage]
        await asyncio.gather(held, *[later(number) for number in range(100)])
        assert journal.commits <= 8  # one held, then three steps; on a busy machine a step may come in parts


async def test_reads_see_what_was_asked_before_them_in_the_same_group(path: Path) -> None:
    async with opened(path) as journal:

        async def intend() -> bool:
            return await journal.intend(0, "k", MODEL, FOX, price=1.0)

        reads = journal.known([("k", MODEL, FOX)]), journal.page([State.SENDING])
        _, (known,), page = await asyncio.gather(intend(), *reads)
        assert known.there
        assert [entry.key for entry in page] == ["k"]
        assert journal.commits == 1


async def test_a_reader_never_sees_half_a_group(path: Path) -> None:
    seen: set[int] = set()
    async with opened(path) as journal:

        def read(stop: threading.Event) -> None:
            with Journal.open_readonly(path) as reader:
                while not stop.is_set():
                    seen.add(reader.counts().sending)

        stop = threading.Event()
        reading = asyncio.create_task(asyncio.to_thread(read, stop))
        for start in range(0, 2000, 20):
            group = [journal.intend(start + i, f"k{start + i}", MODEL, FOX, price=1.0) for i in range(20)]
            await asyncio.gather(*group)
        stop.set()
        await reading
    assert len(seen) > 5, "the reader saw too little to tell"
    assert {count % 20 for count in seen} == {0}


async def test_what_a_cancelled_caller_asked_is_done(path: Path) -> None:
    async with opened(path) as journal:
        caller = journal.intend(0, "k", MODEL, FOX, price=1.0)
        await asyncio.sleep(0)
        caller.cancel()
        with pytest.raises(asyncio.CancelledError):
            await caller
        assert (await look(journal, "k", MODEL, FOX)).entry is not None


async def test_closing_waits_for_what_was_asked(path: Path) -> None:
    journal = await OpenJournal.open(path)
    asked: list[asyncio.Future[Any]] = [journal.intend(i, f"k{i}", MODEL, FOX, price=1.0) for i in range(50)]
    written = await asyncio.wait_for(asyncio.gather(*asked, journal.aclose(), journal.aclose()), 10)
    await journal.aclose()
    assert written == [True] * 50 + [None, None]
    with pytest.raises(JournalError, match="is closed"):
        await journal.withdraw("k0")
    with Journal.open_readonly(path) as reader:
        assert reader.counts() == JournalCounts(sending=50, credits=50.0)


def writers() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name.startswith("journal ")]


async def test_no_thread_and_no_file_is_left(path: Path) -> None:
    async with opened(path) as journal:
        await done(journal, "k")
        assert len(writers()) == 1
    assert writers() == []
    with pytest.raises(JournalError):
        await OpenJournal.open(path.parent)
    assert writers() == []
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("times", [1, 3])
async def test_a_cancelled_closing_closes_and_is_cancelled(path: Path, times: int) -> None:
    journal = await OpenJournal.open(path)
    held = journal._writer.ask(lambda _: time.sleep(0.05))  # pyright: ignore[reportPrivateUsage]
    closing = asyncio.create_task(journal.aclose())
    for _ in range(times):
        await asyncio.sleep(0.001)
        closing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await closing
    assert held.done()
    assert writers() == []


async def test_closing_does_not_wait_long_for_somebody_who_reads(path: Path) -> None:
    journal = await OpenJournal.open(path)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN")
        assert other.execute("SELECT count(*) FROM item").fetchone() == (0,)
        await done(journal, "k")
        start = time.perf_counter()
        await journal.aclose()
        assert time.perf_counter() - start < 5
    with Journal.open_readonly(path) as reader:
        assert reader.counts().done == 1


async def test_closing_in_a_cancelled_scope_closes(path: Path) -> None:
    journal = await OpenJournal.open(path)
    with anyio.CancelScope() as scope:
        scope.cancel()
        await journal.aclose()
    assert writers() == []


async def test_a_cancelled_opening_holds_nothing(path: Path) -> None:
    opening = asyncio.create_task(OpenJournal.open(path))
    await asyncio.sleep(0)
    opening.cancel()
    with pytest.raises(asyncio.CancelledError):
        await opening
    assert writers() == []
    async with opened(path):
        pass


def test_a_loop_that_ended_first_leaves_what_was_asked_on_disk(path: Path) -> None:
    async def leave() -> OpenJournal:
        journal = await OpenJournal.open(path)
        journal._writer.ask(lambda _: time.sleep(0.05))  # pyright: ignore[reportPrivateUsage]
        asking = journal.intend(0, "k", MODEL, FOX, price=1.0)
        await asyncio.sleep(0.01)
        asking.cancel()
        return journal

    writer = asyncio.run(leave())._writer  # pyright: ignore[reportPrivateUsage]
    writer.close()
    while not writer.gone:
        time.sleep(0.001)
    with Journal.open_readonly(path) as reader:
        assert reader.counts().sending == 1
