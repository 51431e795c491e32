"""The journal read by others."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from wan_async._journal import Journal, State
from wan_async._journal.entries import JournalCounts
from wan_async.errors import JournalError, RejectedError, SubmissionUnknownError

from .support import FOX, MODEL, bad, done, opened, running

if TYPE_CHECKING:
    import sqlite3
    from pathlib import Path

    from wan_async._journal import OpenJournal


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "run.db"


async def one_of_each(journal: OpenJournal) -> None:
    await done(journal, "done")
    await running(journal, "failed")
    await journal.finished("failed", record=bad(), error=RejectedError(501, "no"))
    await running(journal, "running")
    await journal.intend(3, "unknown", MODEL, FOX, price=80.0)
    await journal.finished("unknown", error=SubmissionUnknownError("no answer"))
    await journal.intend(4, "queued", MODEL, FOX, price=80.0)
    await journal.withdraw("queued")
    await journal.intend(5, "sending", MODEL, FOX, price=80.0)


async def test_counts_and_iterators_while_a_run_writes(path: Path) -> None:
    async with opened(path) as journal:
        with Journal.open_readonly(path) as reader:
            assert reader.counts() == JournalCounts()
            assert list(reader.entries()) == []
            await one_of_each(journal)
            assert reader.counts() == JournalCounts(1, 1, 1, 1, 1, 1, 60.0 + 0.0 + 80.0 * 3)
            assert [entry.key for entry in reader.entries()] == [
                "done", "failed", "running", "unknown", "queued", "sending",
            ]  # fmt: skip
            assert [entry.key for entry in reader.outcomes()] == ["done", "failed", "unknown"]
            assert [entry.key for entry in reader.entries(State.QUEUED, State.RUNNING)] == ["running", "queued"]
    with Journal.open_readonly(path) as reader:
        assert reader.counts().sending == 1


async def test_an_iteration_goes_on_over_many_pages_while_rows_are_added(path: Path) -> None:
    async with opened(path) as journal:
        await asyncio.gather(*[done(journal, f"k{i}") for i in range(1200)])
        with Journal.open_readonly(path) as reader:
            entries = reader.outcomes()
            first = next(entries)
            await asyncio.gather(*[done(journal, f"late{i}") for i in range(300)])
            keys = [first.key, *[entry.key for entry in entries]]
    assert len(keys) == len(set(keys)) == 1500


async def test_an_iteration_under_way_does_not_keep_the_log_from_being_put_back(path: Path) -> None:
    def put_back(database: sqlite3.Connection) -> tuple[int, int, int]:
        database.execute("COMMIT")
        result = database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        database.execute("BEGIN")
        return result

    async with opened(path) as journal:
        await asyncio.gather(*[done(journal, f"k{i}") for i in range(1200)])
        with Journal.open_readonly(path) as reader:
            next(reader.outcomes())
            assert await journal._writer.ask(put_back) == (0, 0, 0)  # pyright: ignore[reportPrivateUsage]


async def test_a_closed_reader_is_a_journal_error(path: Path) -> None:
    async with opened(path):
        pass
    reader = Journal.open_readonly(path)
    reader.close()
    reader.close()
    with pytest.raises(JournalError, match="cannot be read"):
        reader.counts()


@pytest.mark.parametrize(
    ("unknown", "failed", "keys", "queued"),
    [
        (True, False, None, ["unknown", "queued", "sending"]),
        (False, True, None, ["failed", "queued"]),
        (True, True, None, ["failed", "unknown", "queued", "sending"]),
        (True, True, ["failed", "done", "nobody"], ["failed", "queued"]),
        (False, False, ["failed", "unknown", "done"], ["failed", "unknown", "queued"]),
        (False, True, ["unknown"], ["queued"]),
        (False, False, None, ["queued"]),
    ],
)
async def test_resubmit(path: Path, unknown: bool, failed: bool, keys: list[str] | None, queued: list[str]) -> None:
    async with opened(path) as journal:
        await one_of_each(journal)
    number = Journal.resubmit(str(path), unknown=unknown, failed=failed, keys=keys)
    assert number == len(queued) - 1
    with Journal.open_readonly(path) as reader:
        assert [entry.key for entry in reader.entries(State.QUEUED)] == queued
        assert reader.counts().credits == 300.0  # what was given up counts
