"""Steps that are told, not awaited: many as one statement, and as if they had been done one by one."""

from __future__ import annotations

import asyncio
import gc
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from wan_async._journal import Journal, OpenJournal, State, acceptance, ending, intent, steps, withdrawal
from wan_async._journal.store import Store
from wan_async.errors import JournalError, SubmissionUnknownError, WanError

from .support import FOX, MODEL, good, opened

if TYPE_CHECKING:
    from wan_async._journal.steps import Step


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "run.db"


def intended(number: int, key: str | None = None) -> Step:
    return intent(number, key or f"k{number}", MODEL, FOX, price=1.0, token=None)


def life(number: int) -> list[Step]:
    key = f"k{number}"
    return [intended(number), acceptance(key, f"t{number}"), ending(key, good(f"t{number}"), None, None)]


async def states(journal: OpenJournal) -> dict[str, State]:
    return {entry.key: entry.state for entry in await journal.page(tuple(State), limit=10_000)}


async def test_each_hears_when_its_step_is_on_the_disk(path: Path) -> None:
    heard: list[Any] = []
    async with opened(path) as journal:

        def hear(result: bool | JournalError) -> None:
            with Journal.open_readonly(path) as reader:
                heard.append((result, reader.counts().sending))

        for number in range(5):
            journal.tell(intended(number), hear)
        assert heard == []
        await journal.spent()
        assert heard == [(True, 5)] * 5


async def test_what_comes_too_late_is_told_so_and_harms_no_other(path: Path) -> None:
    heard: dict[str, bool | JournalError] = {}
    async with opened(path) as journal:
        for name, step in [("first", intended(0)), ("again", intended(0)), ("other", intended(1))]:
            journal.tell(step, lambda result, name=name: heard.update({name: result}))
        await journal.spent()
        assert heard == {"first": True, "again": False, "other": True}


async def test_a_failure_that_nobody_is_to_be_told_of_is_heard_once(path: Path) -> None:
    faults: list[Exception] = []
    journal = await OpenJournal.open(path, faults.append)
    journal.tell(acceptance("nobody", "t"))
    for step in life(0):
        journal.tell(step)
    assert (await states(journal)) == {"k0": State.DONE}
    await journal.aclose()
    assert [str(fault) for fault in faults] == [f"{path}: 'nobody' is not being sent or unknown"]


async def test_a_fault_in_who_is_told_is_heard_and_the_others_are_told(path: Path) -> None:
    faults: list[Exception] = []
    heard: list[bool | JournalError] = []
    bug = RuntimeError("what follows is broken")

    def broken(result: bool | JournalError) -> None:
        raise bug

    journal = await OpenJournal.open(path, faults.append)
    journal.tell(intended(0), broken)
    journal.tell(intended(1), heard.append)
    await journal.aclose()
    assert (faults, heard) == ([bug], [True])


async def test_closing_writes_what_those_who_are_told_have_to_write(path: Path) -> None:
    journal = await OpenJournal.open(path)
    for number in range(3):
        journal.tell(intended(number), lambda _, number=number: journal.tell(withdrawal(f"k{number}")))
    await journal.aclose()
    with Journal.open_readonly(path) as reader:
        assert reader.counts().queued == 3


async def test_a_journal_that_is_lost_while_it_closes_is_closed(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    faults: list[Exception] = []
    journal = await OpenJournal.open(path, faults.append)
    path.unlink()
    journal.tell(intended(0))
    await asyncio.wait_for(journal.aclose(), 10)
    assert [type(fault) for fault in faults] == [JournalError]
    assert journal.broken is not None
    assert not Path(f"{path}-lock").exists()
    gc.collect()
    assert caplog.messages == []


async def test_what_json_cannot_hold_is_refused_alone(path: Path) -> None:
    heard: list[bool | JournalError] = []
    async with opened(path) as journal:
        nobody = steps.Step("intend", "k", b"{}", object(), MODEL, None, 1.0)  # pyright: ignore[reportArgumentType]
        for step in (intended(0), nobody, intended(1)):
            journal.tell(step, heard.append)
        await journal.spent()
    assert [type(result) for result in heard] == [bool, JournalError, bool]


async def test_after_the_end_they_are_told_later_that_nothing_is_written(path: Path) -> None:
    heard: list[bool | JournalError] = []
    journal = await OpenJournal.open(path)
    await journal.aclose()
    journal.tell(intended(0), heard.append)
    assert heard == []
    await asyncio.sleep(0)
    assert [str(result) for result in heard] == [f"{path} is closed"]


@pytest.mark.parametrize("sqlite_is_old", [False, True])
async def test_many_lives_in_one_commit(path: Path, sqlite_is_old: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(steps, "_TOGETHER", not sqlite_is_old)
    monkeypatch.setattr(steps, "DDL", "" if sqlite_is_old else steps.DDL)
    results: list[bool | JournalError] = []
    async with opened(path) as journal:
        lives = [life(number) for number in range(300)]
        for step in [step for several in zip(*lives, strict=True) for step in several]:
            journal.tell(step, results.append)
        assert set((await states(journal)).values()) == {State.DONE}
        assert (results, journal.commits) == ([True] * 900, 1)


@pytest.mark.parametrize("key", ["a\0b", "\\u0000", "'; drop table item; --", "ключ", '"', "\U0001f98a" * 50])
async def test_any_text_is_a_key_also_beside_others(path: Path, key: str) -> None:
    async with opened(path) as journal:
        for step in (*life(0), intended(1, key), intended(2, key + "\0"), acceptance(key, "t\0t"), *life(3)):
            journal.tell(step)
        assert await states(journal) == {
            "k0": State.DONE,
            key: State.RUNNING,
            key + "\0": State.SENDING,
            "k3": State.DONE,
        }
        (running,) = await journal.page([State.RUNNING])
        assert running.task_id == "t\0t"


async def test_a_path_that_is_no_text_stands_beside_others(path: Path) -> None:
    async with opened(path) as journal:
        for number, clip in enumerate(["a.mp4", "clips/\udce9.mp4", None]):
            journal.tell(intended(number))
            journal.tell(ending(f"k{number}", good(), None, clip))
        assert [entry.path for entry in await journal.page([State.DONE])] == ["a.mp4", "clips/\udce9.mp4", None]


@given(st.lists(st.tuples(st.text(), st.text(), st.floats(0, 1e9)), min_size=2, unique_by=lambda told: told[0]))
def test_what_was_told_as_json_stands_there_byte_for_byte(told: list[tuple[str, str, float]]) -> None:
    """A withdrawn item is only sent again if its input is the same."""
    asked = [
        intent(number, key, MODEL, text.encode(), price=price, token=None)
        for number, (key, text, price) in enumerate(told)
    ]
    row = steps.as_row(asked, 1.0)
    assume(row is not None)
    assert row is not None
    with tempfile.TemporaryDirectory() as folder:
        store = Store(f"{folder}/run.db")
        try:
            steps.do_together(store.database, row)
            rows = store.database.execute("SELECT key, input, credits FROM item ORDER BY position").fetchall()
        finally:
            store.close()
    assert [row[:2] for row in rows] == [one[:2] for one in told]
    assert [row[2] for row in rows] == pytest.approx([one[2] for one in told], rel=1e-14)


MOVES: dict[str, Callable[[str], Step]] = {
    "intend": lambda key: intent(0, key, MODEL, FOX, price=1.0, token=None),
    "intend another": lambda key: intent(1, key, MODEL, b"{}", price=2.0, token=None),
    "accept": lambda key: acceptance(key, f"task of {key}"),
    "done": lambda key: ending(key, good(), None, f"{key}.mp4"),
    "failed": lambda key: ending(key, None, WanError("no"), None),
    "unknown": lambda key: ending(key, None, SubmissionUnknownError("who knows"), None),
    "withdraw": withdrawal,
}
several_moves = st.lists(st.tuples(st.sampled_from(tuple(MOVES)), st.sampled_from("ab")), max_size=6)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    store = Store(str(tmp_path_factory.mktemp("journal") / "run.db"))
    yield store
    store.close()


@given(before=several_moves, moves=several_moves)
def test_together_is_as_one_by_one(store: Store, before: list[tuple[str, str]], moves: list[tuple[str, str]]) -> None:
    """Or it is not done at all: then nothing is written, and it was not as usual."""
    database = store.database

    def done(step: Step) -> bool:
        try:
            return steps.do_one(database, step, 1.0)
        except JournalError:
            return False

    def rows() -> list[Any]:
        return database.execute("SELECT * FROM item ORDER BY key").fetchall()

    asked = [MOVES[move](key) for move, key in moves]
    row = steps.as_row(asked, 1.0)
    database.execute("BEGIN")
    try:
        for move, key in before:
            done(MOVES[move](key))
        found = rows()
        database.execute("SAVEPOINT found")
        together = None
        if row is not None:
            try:
                steps.do_together(database, row)
                together = rows()
            except sqlite3.IntegrityError:
                assert rows() == found
        database.execute("ROLLBACK TO found")
        results = [done(step) for step in asked]
        if row is not None:
            assert (together is not None) is all(results)
        if together is not None:
            assert together == rows()
    finally:
        database.execute("ROLLBACK")


def test_what_is_done_together_is_told_in_the_order_of_a_life() -> None:
    assert steps.as_row([step for number in range(3) for step in life(number)], 1.0) is not None
    assert steps.as_row([intended(0), withdrawal("k0")], 1.0) is not None
    assert steps.as_row([withdrawal("k0"), intended(0)], 1.0) is None
    assert steps.as_row([intended(0), intended(0)], 1.0) is None
    assert steps.as_row([*life(0), acceptance("k0", "t")], 1.0) is None
