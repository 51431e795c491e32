"""A log that was cut after a kill: the lock's file knows how long it was."""

from __future__ import annotations

import os
import shutil
import sqlite3
import struct
from contextlib import closing
from pathlib import Path

import pytest

from wan_async._journal import Journal, State
from wan_async._journal.sqlite import hold
from wan_async._journal.sqlite.schema import VERSION
from wan_async.errors import JournalError

from ..stores import FilePlace, complete, entries

CUT = "which was cut: it was longer when .*-lock was written"
FRAME = 24 + 4096


async def killed(place: FilePlace, rows: int, name: str = "k") -> Path:
    """A run that is killed, with the file of its lock; the log."""
    async with place.opened() as store:
        for number in range(rows):
            await complete(store, f"{name}{number}")
        lock = f"{place.where}-lock"
        await place.crash()
        shutil.copy(lock, f"{place.where}-lock")
    return Path(f"{place.where}-wal")


@pytest.mark.parametrize("checkpoint", [16 << 20, 1 << 16])
async def test_a_log_that_was_cut_anywhere_is_refused(
    place: FilePlace, monkeypatch: pytest.MonkeyPatch, checkpoint: int
) -> None:
    monkeypatch.setattr(hold, "_CHECKPOINT", checkpoint)
    log = await killed(place, 30)
    whole, lock = log.read_bytes(), Path(f"{place.where}-lock").read_bytes()
    assert len(whole) > 32 + 3 * FRAME
    for length in (32 + FRAME, len(whole) // 2, len(whole) - FRAME, len(whole) - 1):
        log.write_bytes(whole[:length])
        with pytest.raises(JournalError, match=CUT):
            await place.open()
        with pytest.raises(JournalError, match=CUT):
            Journal.open_readonly(place.where)
        assert log.read_bytes() == whole[:length]
        assert Path(f"{place.where}-lock").read_bytes() == lock
    log.write_bytes(whole)
    async with place.opened() as store:
        assert len(await entries(store, State.DONE)) == 30
    assert not os.path.exists(f"{place.where}-lock")


async def test_the_note_of_another_log_says_nothing(place: FilePlace) -> None:
    await killed(place, 30)
    stale = Path(f"{place.where}-lock").read_bytes()
    await killed(place, 2, "l")
    Path(f"{place.where}-lock").write_bytes(stale)
    async with place.opened() as store:
        assert len(await entries(store, State.DONE)) == 32


@pytest.mark.parametrize("words", [b"", b"\xff" * 2000, b"{}", b"\0" * 1024 + b"00 x", b"\0" * 1024 + b"99"])
async def test_a_lock_of_whatever_kind_keeps_no_run_from_beginning(place: FilePlace, words: bytes) -> None:
    await killed(place, 2)
    Path(f"{place.where}-lock").write_bytes(words)
    async with place.opened() as store:
        assert len(await entries(store, State.DONE)) == 2


async def test_who_reads_a_run_that_puts_its_log_back_is_not_refused(
    place: FilePlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hold, "_CHECKPOINT", 1 << 15)
    async with place.opened() as store:
        for number in range(40):
            await complete(store, f"k{number}")
            with Journal.open_readonly(place.where) as journal:
                assert journal.counts().done == number + 1
            with pytest.raises(JournalError, match=f"in use by process {os.getpid()} on"):
                await place.open()


def begun_anew(log: bytes) -> bytes:
    """The log as a process leaves it that is killed when it has synced the header of the next one, and no commit."""
    magic, version, page_size, sequence, salt, *_ = struct.unpack(">8I", log[:32])
    header = struct.pack(">7I", magic, version, page_size, sequence + 1, salt + 1 & 0xFFFFFFFF, 7, 0)[:24]
    even = odd = 0
    for one, other in struct.iter_unpack(">2I" if magic & 1 else "<2I", header):
        even = even + one + odd & 0xFFFFFFFF
        odd = odd + other + even & 0xFFFFFFFF
    return header + struct.pack(">2I", even, odd) + log[32:]


async def put_back(place: FilePlace) -> Path:
    """A run that is killed when all of its log is in the file, and still stands beside it; the log."""
    log = await killed(place, 30)
    kept = Path(f"{log}-kept")
    with closing(sqlite3.connect(place.where)) as database:
        database.execute(f"PRAGMA user_version = {-VERSION}")
        assert database.execute("PRAGMA wal_checkpoint(RESTART)").fetchone()[0] == 0
        shutil.copy(log, kept)
        shutil.copy(place.where, f"{place.where}-kept")
    os.replace(f"{place.where}-kept", place.where)
    os.replace(kept, log)
    Path(f"{place.where}-shm").unlink(missing_ok=True)
    Path(f"{place.where}-lock").write_bytes(b"{}")  # as it is while a log is put back
    return log


async def test_a_run_that_is_killed_as_it_begins_its_log_anew_is_gone_on_with(place: FilePlace) -> None:
    log = await put_back(place)
    log.write_bytes(begun_anew(log.read_bytes()))
    with Journal.open_readonly(place.where) as journal:
        assert journal.counts().done == 30
    for _ in range(2):
        async with place.opened() as store:
            assert len(await entries(store, State.DONE)) == 30


@pytest.mark.parametrize("at", [32 + 16, 32 + 24 + 1000])
async def test_a_log_that_is_begun_anew_and_spoilt_is_refused(place: FilePlace, at: int) -> None:
    log = await put_back(place)
    spoilt = bytearray(begun_anew(log.read_bytes()))
    spoilt[at] ^= 1
    for text in (bytes(spoilt), bytes(spoilt[:32]), bytes(spoilt[:40])):
        log.write_bytes(text)
        with pytest.raises(JournalError, match="which is missing, empty or spoilt"):
            await place.open()


def frame_begun(log: bytes, pages: int) -> bytes:
    """The same log when the head of its first frame is there too, and none of its page."""
    header, frame = log[:32], struct.pack(">2I", 1, pages) + log[16:24] + b"its sums"
    return header + frame + log[56:]


@pytest.mark.parametrize("rest", [None, 32 + FRAME])
async def test_a_run_that_is_killed_in_the_first_frame_of_a_new_log_is_gone_on_with(
    place: FilePlace, rest: int | None
) -> None:
    log = await put_back(place)
    log.write_bytes(frame_begun(begun_anew(log.read_bytes()), pages=40)[:rest])
    with Journal.open_readonly(place.where) as journal:
        assert journal.counts().done == 30
    for _ in range(2):
        async with place.opened() as store:
            assert len(await entries(store, State.DONE)) == 30


async def test_a_first_frame_that_is_not_the_mark_s_or_that_others_follow_is_refused(place: FilePlace) -> None:
    log = await put_back(place)
    anew = begun_anew(log.read_bytes())
    begun = frame_begun(anew, pages=40)
    followed = begun[: 32 + FRAME + 8] + begun[16:24] + begun[32 + FRAME + 16 :]
    for text in (frame_begun(anew, pages=0), followed, begun[: 32 + FRAME - 1], begun[: 32 + FRAME + 8]):
        log.write_bytes(text)
        with pytest.raises(JournalError, match="which is missing, empty or spoilt"):
            await place.open()


async def test_a_log_that_is_begun_anew_gets_its_mark_with_the_next_run(place: FilePlace) -> None:
    log = await put_back(place)
    log.write_bytes(begun_anew(log.read_bytes()))
    async with place.opened() as store:
        await complete(store, "later")
        await place.crash()
    with closing(sqlite3.connect(place.where)) as other:  # the last to leave: it puts the log back
        assert other.execute("SELECT count(*) FROM item").fetchone() == (31,)
    assert not os.path.exists(f"{place.where}-wal")
    async with place.opened() as store:
        assert len(await entries(store, State.DONE)) == 31
