"""One run per journal."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import socket
from typing import TYPE_CHECKING

import pytest

from wan_async._journal import Journal, OpenJournal, State
from wan_async._journal.lock import Lock
from wan_async.errors import JournalError

from .support import FOX, MODEL, opened, output, start

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.skipif(os.name != "posix", reason="the programs fork and kill")


async def test_a_second_opener_is_told_the_holder_at_once(tmp_path: Path) -> None:
    path = tmp_path / "run.db"
    async with opened(path):
        holder = f"in use by process {os.getpid()} on {socket.gethostname()} since 20"
        with pytest.raises(JournalError, match=holder):
            await OpenJournal.open(path)
        with pytest.raises(JournalError, match=holder):
            Journal.resubmit(path, failed=True)
        assert holder in output("hold.py", path)
    async with opened(path):
        pass


async def test_a_killed_holder_does_not_block(tmp_path: Path) -> None:
    path = tmp_path / "run.db"
    with start("hold.py", path) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "open\n"
        with pytest.raises(JournalError, match=f"process {process.pid} "):
            await OpenJournal.open(path)
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert (tmp_path / "run.db-lock").exists()
        async with opened(path) as journal:
            assert [entry.key for entry in await journal.page([State.UNKNOWN])] == ["held"]
    assert [file.name for file in tmp_path.iterdir()] == ["run.db"]


async def _opens(path: Path) -> bool:
    try:
        async with opened(path):
            return True
    except JournalError:
        return False


async def test_a_child_of_a_killed_holder_does_not_block(tmp_path: Path) -> None:
    with start("forks.py", tmp_path / "run.db") as process:
        assert process.stdout is not None
        child = int(process.stdout.readline())
        process.wait()
    try:
        async with asyncio.timeout(10):
            while not await _opens(tmp_path / "run.db"):  # the child drops its copy as soon as it runs
                await asyncio.sleep(0.01)
        os.kill(child, 0)  # it lives
    finally:
        os.kill(child, signal.SIGKILL)


def test_a_lock_whose_file_was_removed_meanwhile_is_not_taken_for_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file is opened, then its holder releases it, which removes it: what we lock then guards nothing."""
    path = str(tmp_path / "run.db")
    holder = Lock(path)
    flock = __import__("fcntl").flock

    def release_first(fd: int, how: int) -> None:
        holder.release()
        flock(fd, how)

    monkeypatch.setattr("fcntl.flock", release_first)
    lock = Lock(path)
    with pytest.raises(JournalError, match="in use"):
        Lock(path)
    lock.release()
    lock.release()
    assert list(tmp_path.iterdir()) == []


def test_where_no_lock_can_be_made_there_is_no_journal(tmp_path: Path) -> None:
    (tmp_path / "run.db-lock").mkdir()
    with pytest.raises(JournalError, match="cannot be locked"):
        Lock(str(tmp_path / "run.db"))


@pytest.mark.parametrize("told", [b"", b"[]", b"{}", b"{"])
def test_a_holder_that_has_not_signed_is_another_process(tmp_path: Path, told: bytes) -> None:
    lock = Lock(str(tmp_path / "run.db"))
    (tmp_path / "run.db-lock").write_bytes(told)
    with pytest.raises(JournalError, match="in use by another process"):
        Lock(str(tmp_path / "run.db"))
    lock.release()


async def test_a_journal_that_was_dropped_is_let_go(tmp_path: Path) -> None:
    path = tmp_path / "run.db"
    journal = await OpenJournal.open(path)
    await journal.intend(0, "k", MODEL, FOX, price=1.0)
    thread = journal._writer._thread  # pyright: ignore[reportPrivateUsage]
    del journal
    gc.collect()
    thread.join(10)
    async with opened(path) as journal:
        assert await journal.orphans() == 1
