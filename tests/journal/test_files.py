"""What is refused, and that it is left as it is."""

from __future__ import annotations

import os
import shutil
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from wan_async._journal import Journal, OpenJournal, State
from wan_async._journal.schema import APPLICATION_ID
from wan_async.errors import JournalError

from .support import done, opened, output

if TYPE_CHECKING:
    from collections.abc import Callable


def foreign(path: Path) -> None:
    with closing(sqlite3.connect(path)) as database:
        database.executescript("PRAGMA journal_mode = WAL; CREATE TABLE mine (a); INSERT INTO mine VALUES (1);")


def newer(path: Path) -> None:
    with closing(sqlite3.connect(path)) as database:
        database.executescript(
            f"PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = 2; CREATE TABLE item (a);"
        )


def text(path: Path) -> None:
    path.write_text('{"prompt": "a fox"}\n' * 100)


def short(path: Path) -> None:
    path.write_bytes(b"SQLite format 3\0")


def folder(path: Path) -> None:
    path.mkdir()


def fifo(path: Path) -> None:
    os.mkfifo(path)


def contents(folder: Path) -> dict[str, bytes | None]:
    return {path.name: path.read_bytes() if path.is_file() else None for path in folder.iterdir()}


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (foreign, "another program's database"),
        (newer, "a journal of version 2, this wan_async reads version 1"),
        (text, "is not a journal"),
        (short, "is not a journal"),
        (folder, "is not a file"),
        (fifo, "is not a file"),
    ],
)
async def test_what_is_no_journal_is_refused_untouched(tmp_path: Path, make: Callable[[Path], None], why: str) -> None:
    path = tmp_path / "run.db"
    make(path)
    before = contents(tmp_path)
    with pytest.raises(JournalError, match=why):
        await OpenJournal.open(path)
    with pytest.raises(JournalError, match=why):
        Journal.open_readonly(path)
    with pytest.raises(JournalError, match=why):
        Journal.resubmit(path, failed=True)
    assert contents(tmp_path) == before


async def test_a_path_that_cannot_be_is_refused(tmp_path: Path) -> None:
    with pytest.raises(JournalError, match="there is no folder"):
        await OpenJournal.open(tmp_path / "none" / "run.db")
    with pytest.raises(JournalError, match="cannot be opened"):
        await OpenJournal.open(f"{tmp_path}/run\0.db")
    assert contents(tmp_path) == {}


@pytest.mark.parametrize("empty", [False, True])
async def test_nothing_and_an_empty_file_become_a_journal_of_one_file(tmp_path: Path, empty: bool) -> None:
    path = tmp_path / "a run, 100% ünïcode?#.db"
    if empty:
        path.touch()
    with pytest.raises(JournalError, match="empty or not there"):
        Journal.open_readonly(path)
    with pytest.raises(JournalError, match="empty or not there"):
        Journal.resubmit(path, failed=True)
    async with opened(path) as journal:
        assert journal.path == str(path)
        await done(journal, "k")
    assert list(contents(tmp_path)) == [path.name]
    with closing(sqlite3.connect(path)) as database:
        assert database.execute("PRAGMA journal_mode").fetchone() == ("wal",)


async def test_a_creation_that_was_killed_is_done_anew(tmp_path: Path) -> None:
    (tmp_path / "run.db-new").write_bytes(b"half")
    (tmp_path / "run.db-new-journal").write_bytes(b"half")
    async with opened(tmp_path / "run.db") as journal:
        await done(journal, "k")
    assert list(contents(tmp_path)) == ["run.db"]


async def test_a_log_without_its_journal_is_not_thrown_away(tmp_path: Path) -> None:
    (tmp_path / "run.db-wal").write_bytes(b"committed rows")
    with pytest.raises(JournalError, match=r"run\.db-wal, a part of it"):
        await OpenJournal.open(tmp_path / "run.db")
    assert contents(tmp_path) == {"run.db-wal": b"committed rows"}


async def test_a_spoilt_journal_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "run.db"
    async with opened(path) as journal:
        await done(journal, "k")
    path.write_bytes(path.read_bytes()[:100] + b"\xff" * 5000)
    before = contents(tmp_path)
    with pytest.raises(JournalError, match="cannot be opened"):
        await OpenJournal.open(path)
    assert contents(tmp_path) == before
    with pytest.raises(JournalError, match="cannot be read"):
        Journal.open_readonly(path)


async def test_a_link_and_its_target_are_one_journal(tmp_path: Path) -> None:
    (tmp_path / "link.db").symlink_to(tmp_path / "run.db")
    async with opened(tmp_path / "link.db"):
        with pytest.raises(JournalError, match="in use"):
            await OpenJournal.open(tmp_path / "run.db")


@pytest.mark.skipif(os.name != "posix", reason="permissions are POSIX's")
async def test_in_a_folder_that_is_only_readable_it_is_read() -> None:
    folder = Path(tempfile.mkdtemp())  # pytest's own are closed to others, and root may write everywhere
    try:
        async with opened(folder / "run.db") as journal:
            await done(journal, "k")
        (folder / "run.db").chmod(0o444)
        folder.chmod(0o555)
        lines = output("unprivileged.py", folder / "run.db").splitlines()
        assert lines[0] == "counts 1 ['k']"
        assert "refused" in lines[1]
        assert "Permission denied" in lines[1]
        folder.chmod(0o755)
        (folder / "run.db-wal").write_bytes(b"rows that cannot be read without writing")
        folder.chmod(0o555)
        assert "cannot be read" in output("unprivileged.py", folder / "run.db").splitlines()[0]
    finally:
        folder.chmod(0o755)
        shutil.rmtree(folder)


async def test_the_documented_queries_work(tmp_path: Path) -> None:
    async with opened(tmp_path / "run.db") as journal:
        await done(journal, "k")
        with closing(sqlite3.connect(tmp_path / "run.db")) as database:
            rows = database.execute("select key, state, task_id, json_extract(record, '$.state') from item").fetchall()
            assert rows == [("k", "done", "t", "success")]
            assert database.execute("select count(*) from run where pid = ?", (os.getpid(),)).fetchone() == (1,)
    assert State.DONE == "done"
