"""One run per journal."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from pathlib import Path

import pytest

from wan_async._journal import Journal, State
from wan_async._journal.sqlite.lock import Lock
from wan_async.errors import JournalError

from ..stores import FilePlace, entries
from ..support import output, start

pytestmark = pytest.mark.skipif(os.name != "posix", reason="the programs fork and kill")


async def test_a_second_opener_is_told_the_holder_at_once(place: FilePlace) -> None:
    async with place.opened():
        holder = f"in use by process {os.getpid()} on {socket.gethostname()} since 20"
        with pytest.raises(JournalError, match=holder):
            await place.open()
        with pytest.raises(JournalError, match=holder):
            Journal.resubmit(place.where, failed=True)
        assert holder in output("hold.py", place.where)
    async with place.opened():
        pass


async def test_a_killed_holder_does_not_block(place: FilePlace) -> None:
    with start("hold.py", place.where) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "open\n"
        with pytest.raises(JournalError, match=f"process {process.pid} "):
            await place.open()
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert Path(f"{place.where}-lock").exists()
        async with place.opened() as store:
            assert list(await entries(store, State.UNKNOWN)) == ["held"]
    assert list(place.folder.iterdir()) == [Path(place.where)]


async def _opens(place: FilePlace) -> bool:
    try:
        async with place.opened():
            return True
    except JournalError:
        return False


async def test_a_child_of_a_killed_holder_does_not_block(place: FilePlace) -> None:
    with start("forks.py", place.where) as process:
        assert process.stdout is not None
        child = int(process.stdout.readline())
        process.wait()
    try:
        async with asyncio.timeout(10):
            while not await _opens(place):  # the child drops its copy as soon as it runs
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


async def test_a_lock_whose_file_cannot_be_removed_is_let_go(place: FilePlace, monkeypatch: pytest.MonkeyPatch) -> None:
    def read_only(path: str) -> None:
        raise PermissionError(13, "Permission denied", path)

    with monkeypatch.context() as patch:
        async with asyncio.timeout(5), place.opened():
            patch.setattr("wan_async._journal.sqlite.lock.os.unlink", read_only)
    async with place.opened():
        assert place.faults == []


async def test_a_lock_that_cannot_be_looked_at_is_not_held(place: FilePlace, monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(*_: object) -> bool:
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as patch:
        patch.setattr("wan_async._journal.sqlite.lock._stands_at", forbidden)
        with pytest.raises(JournalError, match=r"cannot be locked: .*: Permission denied"):
            await place.open()
    async with place.opened():
        pass
