"""The journal read by others."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path

import pytest

from wan_async._journal import Journal, State
from wan_async._journal.entries import JournalCounts
from wan_async._journal.store import JournalStore, Withdrawal
from wan_async.errors import JournalError, RejectedError, SubmissionUnknownError

from ..stores import FilePlace, claim, complete, end, run
from ..support import bad, output


async def one_of_each(store: JournalStore) -> None:
    await complete(store, "done")
    await run(store, "failed")
    await end(store, "failed", bad(), RejectedError(501, "no"))
    await run(store, "running")
    await claim(store, "unknown")
    await end(store, "unknown", error=SubmissionUnknownError("no answer"))
    await claim(store, "queued")
    store.withdraw_nowait(Withdrawal("queued", 1))
    await claim(store, "sending")


async def test_counts_and_iterators_while_a_run_writes(place: FilePlace) -> None:
    async with place.opened() as store:
        with Journal.open_readonly(place.where) as reader:
            assert reader.counts() == JournalCounts()
            assert list(reader.entries()) == []
            await one_of_each(store)
            assert reader.counts() == JournalCounts(1, 1, 1, 1, 1, 1, 60.0 + 0.0 + 80.0 * 3)
            assert [entry.key for entry in reader.entries()] == [
                "done", "failed", "running", "unknown", "queued", "sending",
            ]  # fmt: skip
            assert [entry.key for entry in reader.outcomes()] == ["done", "failed", "unknown"]
            assert [entry.key for entry in reader.entries(State.QUEUED, State.RUNNING)] == ["running", "queued"]
    with Journal.open_readonly(place.where) as reader:
        assert reader.counts().sending == 1


async def test_an_iteration_goes_on_over_many_pages_while_rows_are_added(place: FilePlace) -> None:
    async with place.opened() as store:
        await asyncio.gather(*[complete(store, f"k{i}") for i in range(1200)])
        with Journal.open_readonly(place.where) as reader:
            entries = reader.outcomes()
            first = next(entries)
            await asyncio.gather(*[complete(store, f"late{i}") for i in range(300)])
            keys = [first.key, *[entry.key for entry in entries]]
    assert len(keys) == len(set(keys)) == 1500


async def test_an_iteration_under_way_does_not_keep_the_log_from_being_put_back(place: FilePlace) -> None:
    async with place.opened() as store:
        await asyncio.gather(*[complete(store, f"k{i}") for i in range(1200)])
        with Journal.open_readonly(place.where) as reader:
            next(reader.outcomes())
            with closing(sqlite3.connect(place.where)) as other:
                assert other.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone() == (0, 0, 0)


async def test_a_closed_reader_is_a_journal_error(place: FilePlace) -> None:
    async with place.opened():
        pass
    reader = Journal.open_readonly(place.where)
    reader.close()
    reader.close()
    with pytest.raises(JournalError, match="cannot be read"):
        reader.counts()


def test_nothing_and_an_empty_file_are_no_journal(place: FilePlace) -> None:
    for _ in range(2):
        with pytest.raises(JournalError, match="empty or not there"):
            Journal.open_readonly(place.where)
        with pytest.raises(JournalError, match="empty or not there"):
            Journal.resubmit(place.where, failed=True)
        Path(place.where).touch()


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
async def test_resubmit(
    place: FilePlace, unknown: bool, failed: bool, keys: list[str] | None, queued: list[str]
) -> None:
    async with place.opened() as store:
        await one_of_each(store)
    number = Journal.resubmit(place.where, unknown=unknown, failed=failed, keys=keys)
    assert number == len(queued) - 1
    with Journal.open_readonly(place.where) as reader:
        assert [entry.key for entry in reader.entries(State.QUEUED)] == queued
        assert reader.counts().credits == 300.0  # what was given up counts


@pytest.mark.skipif(os.name != "posix", reason="permissions are POSIX's")
async def test_in_a_folder_that_is_only_readable_it_is_read() -> None:
    with tempfile.TemporaryDirectory() as name:  # pytest's own are closed to others, and root may write everywhere
        folder = Path(name)
        place = FilePlace(folder)
        path = Path(place.where)
        async with place.opened() as store:
            await complete(store, "k")
        path.chmod(0o444)
        folder.chmod(0o555)
        lines = output("unprivileged.py", path).splitlines()
        assert lines[0] == "counts 1 ['k']"
        assert "refused" in lines[1]
        assert "Permission denied" in lines[1]
        folder.chmod(0o755)
        Path(f"{path}-wal").write_bytes(b"rows that cannot be read without writing")
        folder.chmod(0o555)
        assert "cannot be read" in output("unprivileged.py", path).splitlines()[0]
        folder.chmod(0o755)


async def test_the_documented_queries_work(place: FilePlace) -> None:
    async with place.opened() as store:
        await complete(store, "k")
        with closing(sqlite3.connect(place.where)) as database:
            rows = database.execute("select key, state, task_id, json_extract(record, '$.state') from item").fetchall()
            assert rows == [("k", "done", "t", "success")]
            assert database.execute("select count(*) from run where pid = ?", (os.getpid(),)).fetchone() == (1,)
