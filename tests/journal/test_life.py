"""An item's way through the journal, call by call."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from contextlib import closing
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from wan_async._journal import State
from wan_async.errors import (
    InvalidInputError,
    JournalError,
    RejectedError,
    SubmissionUnknownError,
    TaskFailedError,
    TransportError,
)

from .support import FOX, MODEL, bad, done, good, look, opened, running

if TYPE_CHECKING:
    from pathlib import Path

    from wan_async._journal import Entry, OpenJournal
    from wan_async._protocol import TaskRecord
    from wan_async.errors import WanError


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "run.db"


async def entry(journal: OpenJournal, key: str) -> Entry:
    found = (await look(journal, key, MODEL, FOX)).entry
    assert found is not None
    return found


async def test_each_step_is_there_with_its_time(path: Path) -> None:
    before = time.time()
    async with opened(path) as journal:
        assert await journal.intend(7, "k", MODEL, FOX, price=80.0, token="secret")
        sending = await entry(journal, "k")
        await journal.accepted("k", "task")
        accepted = await entry(journal, "k")
        assert await journal.finished("k", record=good("task"), path="clips/k.mp4")
        finished = await entry(journal, "k")
    assert (sending.index, sending.key, sending.model, sending.input) == (7, "k", MODEL, FOX)
    assert (sending.state, sending.token, sending.credits, sending.reported) == (State.SENDING, "secret", 80.0, False)
    assert (accepted.state, accepted.task_id, accepted.finished_at) == (State.RUNNING, "task", None)
    assert (finished.state, finished.record, finished.error) == (State.DONE, good("task"), None)
    assert (finished.path, finished.credits, finished.reported) == ("clips/k.mp4", 60.0, True)
    times = [before, finished.sent_at, finished.accepted_at, finished.finished_at, time.time()]
    assert times == sorted(time for time in times if time is not None)


async def test_keys_are_made_of_content_and_occurrence_and_do_not_depend_on_order(path: Path) -> None:
    async with opened(path) as journal:
        first = [(await look(journal, None, MODEL, text)).key for text in [FOX, b"{}", FOX, FOX]]
        other_model = (await look(journal, None, "other", FOX)).key
    async with opened(path) as journal:
        second = [(await look(journal, None, MODEL, text)).key for text in [b"{}", FOX, FOX, FOX]]
    assert sorted(first) == sorted(second)
    assert len({*first, other_model}) == 5
    assert [key.rpartition("-")[2] for key in first] == ["1", "1", "2", "3"]
    assert len(first[0].partition("-")[0]) == 32


async def test_a_look_tells_whether_the_input_is_the_same(path: Path) -> None:
    async with opened(path) as journal:
        new = await look(journal, "k", MODEL, FOX)
        assert new.key == "k"
        assert new.entry is None
        assert new.same_input
        await done(journal, "k")
        assert (await look(journal, "k", MODEL, FOX)).same_input
        assert not (await look(journal, "k", MODEL, b"{}")).same_input
        assert not (await look(journal, "k", "other", FOX)).same_input


async def test_a_key_is_begun_once(path: Path) -> None:
    async with opened(path) as journal:
        begun = [journal.intend(i, "k", MODEL, FOX, price=1.0) for i in range(3)]
        assert sorted(await asyncio.gather(*begun)) == [False, False, True]
        await journal.withdraw("k")
        assert await journal.intend(5, "k", MODEL, FOX, price=2.0)
        assert (await entry(journal, "k")).index == 0
        await journal.accepted("k", "t")
        assert not await journal.intend(6, "k", MODEL, FOX, price=3.0)
        await journal.finished("k", record=good())
        assert not await journal.intend(7, "k", MODEL, FOX, price=3.0)


async def test_what_is_withdrawn_costs_nothing_and_waits_to_be_sent(path: Path) -> None:
    async with opened(path) as journal:
        await journal.intend(0, "k", MODEL, FOX, price=80.0, token="secret")
        assert await journal.spent() == 80.0
        await journal.withdraw("k")
        queued = await entry(journal, "k")
        assert await journal.spent() == 0.0
    assert (queued.state, queued.sent_at, queued.token, queued.credits) == (State.QUEUED, None, None, None)


@pytest.mark.parametrize(
    ("record", "error", "state", "cost"),
    [
        (good(), None, State.DONE, 60.0),
        (good(cost=None), None, State.DONE, 80.0),
        (good(), TransportError("the download failed"), State.DONE, 60.0),
        (None, SubmissionUnknownError("no answer"), State.UNKNOWN, 80.0),
        (bad(), TaskFailedError(bad()), State.FAILED, 0.0),
        (None, TaskFailedError(bad(cost=7.0)), State.FAILED, 7.0),
        (bad(cost=None), TaskFailedError(bad(cost=None)), State.FAILED, 0.0),
        (None, RejectedError(404, "the record is gone"), State.FAILED, 80.0),
    ],
)
async def test_outcomes_and_what_they_cost(
    path: Path, record: TaskRecord | None, error: WanError | None, state: State, cost: float
) -> None:
    async with opened(path) as journal:
        await running(journal, "k", price=80.0)
        assert await journal.finished("k", record=record, error=error)
        found = await entry(journal, "k")
        assert await journal.spent() == cost
    assert (found.state, found.credits, found.reported) == (state, cost, True)
    assert type(found.error) is type(error)
    assert str(found.error) == str(error)


async def test_a_submission_that_was_refused_cost_nothing(path: Path) -> None:
    async with opened(path) as journal:
        await journal.intend(0, "k", MODEL, FOX, price=80.0)
        await journal.finished("k", error=RejectedError(422, "no"))
        assert await journal.spent() == 0.0


async def test_what_was_never_sent_has_no_outcome(path: Path) -> None:
    async with opened(path) as journal:
        with pytest.raises(JournalError, match="'k' is not in the journal"):
            await journal.finished("k", error=InvalidInputError("prompt", "", "text"))
        assert await journal.page(tuple(State)) == []


async def test_a_final_outcome_stays(path: Path) -> None:
    error = RejectedError(422, "the key is taken")
    async with opened(path) as journal:
        await done(journal, "k")
        assert not await journal.finished("k", error=error)
        assert (await entry(journal, "k")).state is State.DONE
        assert await journal.finished("k", record=good(cost=61.0))
        assert (await entry(journal, "k")).credits == 61.0


async def test_a_clip_saved_later(path: Path) -> None:
    async with opened(path) as journal:
        await running(journal, "k")
        await journal.finished("k", record=good(), error=TransportError("the download failed"))
        await journal.saved("k", "clips/\udce9.mp4")
        found = await entry(journal, "k")
    assert (found.path, found.error) == ("clips/\udce9.mp4", None)


async def test_what_was_in_the_air_at_the_end_of_a_run_is_unknown_in_the_next(path: Path) -> None:
    async with opened(path) as journal:
        await journal.intend(0, "air", MODEL, FOX, price=80.0)
        sent_at = (await entry(journal, "air")).sent_at
        assert await journal.orphans() == 0
    async with opened(path) as journal:
        assert await journal.orphans() == 1
        found = await entry(journal, "air")
        await journal.reported("air")
        assert await journal.orphans() == 0
    assert sent_at is not None
    assert isinstance(found.error, SubmissionUnknownError)
    assert found.error.sent_at == datetime.fromtimestamp(sent_at, UTC)
    assert (found.state, found.reported, found.credits) == (State.UNKNOWN, False, 80.0)


async def test_an_unknown_submission_can_be_adopted_by_its_token(path: Path) -> None:
    async with opened(path) as journal:
        await journal.intend(0, "air", MODEL, FOX, price=80.0, token="secret")
    async with opened(path) as journal:
        adopted = await journal.by_token("secret")
        assert adopted is not None
        await journal.accepted(adopted.key, "found")
        found = await entry(journal, "air")
        assert await journal.by_token("another") is None
    assert (found.state, found.task_id, found.error, found.finished_at) == (State.RUNNING, "found", None, None)


async def test_a_token_is_given_once(path: Path) -> None:
    async with opened(path) as journal:
        await journal.intend(0, "a", MODEL, FOX, price=80.0, token="secret")
        with pytest.raises(JournalError, match="token"):
            await journal.intend(1, "b", MODEL, FOX, price=80.0, token="secret")
        assert journal.broken is None
        assert await journal.intend(1, "b", MODEL, FOX, price=80.0)


@pytest.mark.parametrize("keys", [None, ["u"]])
async def test_requeued_items_can_be_sent_again_and_what_they_cost_counts(path: Path, keys: list[str] | None) -> None:
    async with opened(path) as journal:
        await running(journal, "f")
        await journal.finished("f", error=TaskFailedError(bad(cost=5.0)))
        await journal.intend(1, "u", MODEL, FOX, price=80.0, token="secret")
        await journal.finished("u", error=SubmissionUnknownError("no answer"))
        assert await journal.requeue([State.UNKNOWN], keys) == 1
        queued = await entry(journal, "u")
        assert await journal.spent() == 85.0
        assert await journal.intend(0, "u", MODEL, FOX, price=70.0, token="secret")
        assert not await journal.intend(0, "f", MODEL, FOX, price=70.0)
        assert await journal.spent() == 155.0
    blank = (queued.token, queued.task_id, queued.sent_at, queued.error, queued.finished_at, queued.credits)
    assert (queued.state, queued.reported, blank) == (State.QUEUED, False, (None,) * 6)
    with closing(sqlite3.connect(path)) as database:
        past = database.execute(
            "SELECT key, earlier.state, earlier.credits, earlier.token FROM earlier JOIN item ON id = item"
        )
        assert past.fetchall() == [("u", "unknown", 80.0, "secret")]


async def test_only_what_is_unknown_or_failed_is_requeued(path: Path) -> None:
    async with opened(path) as journal:
        await done(journal, "k")
        with pytest.raises(JournalError, match="unknown or failed"):
            await journal.requeue([State.DONE])
        assert await journal.requeue([State.UNKNOWN, State.FAILED], ["k", "nobody"]) == 0
        assert await journal.requeue([], None) == 0


async def test_pages_go_through_all_by_id(path: Path) -> None:
    async with opened(path) as journal:
        for number in range(25):
            await (done if number % 3 else running)(journal, f"k{number:02}")
        seen: list[str] = []
        last = 0
        while page := await journal.page([State.DONE, State.RUNNING], last, limit=7):
            assert len(page) <= 7
            seen += [entry.key for entry in page]
            last = page[-1].id
        assert seen == [f"k{number:02}" for number in range(25)]
        assert [found.key for found in await journal.page([State.RUNNING], 0, 2)] == ["k00", "k03"]
        assert await journal.page([], 0) == []


async def test_earlier_pages_leave_out_what_this_run_wrote(path: Path) -> None:
    finals = [State.DONE, State.FAILED, State.UNKNOWN]
    async with opened(path) as journal:
        await done(journal, "old")
        await running(journal, "resumed")
        await journal.intend(0, "air", MODEL, FOX, price=1.0)
        assert await journal.page(finals, earlier=True) == []
    async with opened(path) as journal:
        await journal.finished("resumed", record=good())
        await done(journal, "new")
        assert [found.key for found in await journal.page(finals, earlier=True)] == ["old", "air"]
        await journal.reported("air")
        assert [found.key for found in await journal.page(finals, earlier=True)] == ["old"]
        assert [found.key for found in await journal.page(finals)] == ["old", "resumed", "air", "new"]


@pytest.mark.parametrize("call", ["withdraw", "accepted", "saved", "reported"])
async def test_a_key_that_is_not_there_is_an_error_of_that_call_alone(path: Path, call: str) -> None:
    arguments = {"accepted": ("t",), "saved": ("p",)}.get(call, ())
    async with opened(path) as journal:
        with pytest.raises(JournalError, match="'nobody' is not"):
            await getattr(journal, call)("nobody", *arguments)
        await done(journal, "k")


async def test_arguments_that_cannot_be_stored_are_an_error_of_that_call_alone(path: Path) -> None:
    async with opened(path) as journal:
        calls = [
            journal.intend(0, "\udce9", MODEL, FOX, price=1.0),
            journal.intend(1 << 70, "k", MODEL, FOX, price=1.0),
            journal.intend(0, "k", MODEL, b"\xff", price=1.0),
            journal.intend(0, "good", MODEL, FOX, price=1.0),
        ]
        results = await asyncio.gather(*calls, return_exceptions=True)
        assert [type(result) for result in results] == [JournalError, JournalError, JournalError, bool]
        assert (journal.broken, journal.commits) == (None, 1)


async def test_a_row_that_somebody_spoilt_is_named(path: Path) -> None:
    async with opened(path) as journal:
        await done(journal, "k")
        with closing(sqlite3.connect(path, isolation_level=None)) as database:
            database.execute("UPDATE item SET record = 'x'")
        with pytest.raises(JournalError, match="row 1"):
            await journal.page([State.DONE])
        assert journal.broken is None
