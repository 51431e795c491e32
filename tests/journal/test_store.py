"""What every kind of journal promises, an item's way call by call: `wan_async._journal.store`."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime

import pytest

from wan_async._journal import State
from wan_async._journal.store import (
    Acceptance,
    Claimed,
    Conflict,
    EndedElsewhere,
    Ending,
    Fresh,
    Intent,
    JournalStore,
    Known,
    OverBudget,
    Refused,
    Taken,
    Withdrawal,
    Written,
)
from wan_async._protocol import TaskRecord, TaskState
from wan_async.errors import (
    InvalidInputError,
    JournalError,
    NotFoundError,
    RejectedError,
    SubmissionUnknownError,
    TaskFailedError,
    TransportError,
    WanError,
)

from .stores import Place, asked, claim, complete, end, intent, made_key, run
from .support import FOX, MODEL, bad, good


async def test_each_step_is_there_with_its_time(place: Place) -> None:
    before = time.time()
    async with place.opened() as store:
        claimed = await store.intend(Intent(7, "k", MODEL, FOX, 80.0, "secret"))
        assert claimed == Claimed(1)
        store.accept_nowait(Acceptance("k", 1, "task"))
        assert await end(store, "k", good("task"), path="clips/k.mp4") is Written.ON_DISK
    found = place.entries()["k"]
    assert (found.index, found.key, found.model, found.input) == (7, "k", MODEL, FOX)
    assert (found.state, found.task_id, found.record, found.error) == (State.DONE, "task", good("task"), None)
    assert (found.path, found.credits, found.reported, found.attempt) == ("clips/k.mp4", 60.0, True, 1)
    times = [before, found.sent_at, found.accepted_at, found.finished_at, time.time()]
    assert times == sorted(time for time in times if time is not None)


async def test_keys_are_made_of_content_and_occurrence_and_do_not_depend_on_order(place: Place) -> None:
    async with place.opened() as store:
        first = [await made_key(store, content) for content in [FOX, b"{}", FOX, FOX]]
        other_model = await made_key(store, FOX, "other")
    async with place.opened() as store:
        second = [await made_key(store, content) for content in [b"{}", FOX, FOX, FOX]]
    assert sorted(first) == sorted(second)
    assert len({*first, other_model}) == 5
    assert [key.rpartition("-")[2] for key in first] == ["1", "1", "2", "3"]
    assert len(first[0].partition("-")[0]) == 32


async def test_what_is_looked_up_is_new_known_or_another_input(place: Place) -> None:
    async with place.opened() as store:
        assert await store.is_new() is not place.shared
        await complete(store, "k")
        found = await store.look_up([asked("k"), asked("new"), asked("k", b"{}"), asked("a\0b")])
        assert found[:3] == [Known("k"), Fresh("new"), Conflict("k")]
        assert isinstance(found[3], Refused if place.shared else Fresh)
    async with place.opened() as store:
        assert not await store.is_new()
        known, conflict = await store.look_up([asked("k"), asked("k", b"{}")])
        assert known == (EndedElsewhere(place.entries()["k"]) if place.shared else Known("k"))
        assert conflict == Conflict("k")


async def test_many_are_looked_up_at_once(place: Place) -> None:
    async with place.opened() as store:
        await asyncio.gather(*(claim(store, f"k{number}") for number in range(0, 1200, 2)))
        found = await store.look_up([asked(f"k{number}") for number in range(1200)])
    assert [type(one) for one in found] == [Known, Fresh] * 600


async def test_a_key_is_claimed_once(place: Place) -> None:
    async with place.opened() as store:
        claims = await asyncio.gather(*(store.intend(intent("k")) for _ in range(3)))
        assert sorted(map(repr, claims)) == ["Claimed(attempt=1)", "Taken()", "Taken()"]
        assert await store.intend(intent("k", b"{}")) == Conflict("k")
        store.withdraw_nowait(Withdrawal("k", 1))
        assert await store.intend(intent("k", b"{}")) == Conflict("k")
        assert await store.intend(intent("k")) == Claimed(2)
        store.accept_nowait(Acceptance("k", 2, "t"))
        assert await store.intend(intent("k")) == Taken()
        await end(store, "k", good(), attempt=2)
        assert await store.intend(intent("k")) == Taken()
    assert place.faults == []


async def test_what_is_withdrawn_costs_nothing_and_waits_to_be_sent(place: Place) -> None:
    async with place.opened() as store:
        await claim(store, "k", token="secret")
        assert await store.spent() == 80.0
        store.withdraw_nowait(Withdrawal("k", 1))
        assert await store.spent() == 0.0
        assert await store.tokens(["k"]) == {}
    queued = place.entries(State.QUEUED)["k"]
    assert (queued.sent_at, queued.credits) == (None, None)


async def test_only_the_attempt_that_is_being_sent_is_withdrawn(place: Place) -> None:
    async with place.opened() as store:
        await claim(store, "k")
        store.withdraw_nowait(Withdrawal("k", 1))
        assert await claim(store, "k") == 2
        store.withdraw_nowait(Withdrawal("k", 1))
        assert await store.spent() == 80.0
        store.accept_nowait(Acceptance("k", 2, "t"))
        store.withdraw_nowait(Withdrawal("k", 2))
        assert await store.spent() == 80.0
    assert place.faults == []


@pytest.mark.parametrize(
    ("record", "error", "state", "cost"),
    [
        (good(), None, State.DONE, 60.0),
        (good(cost=None), None, State.DONE, 80.0),
        (good(), TransportError("the download failed"), State.DONE, 60.0),
        (None, SubmissionUnknownError("no answer", datetime(2026, 1, 1, tzinfo=UTC)), State.UNKNOWN, 80.0),
        (bad(), TaskFailedError(bad()), State.FAILED, 0.0),
        (None, TaskFailedError(bad(cost=7.0)), State.FAILED, 7.0),
        (bad(cost=None), TaskFailedError(bad(cost=None)), State.FAILED, 0.0),
        (None, NotFoundError(404, "the record is gone"), State.FAILED, 80.0),
    ],
)
async def test_outcomes_and_what_they_cost(
    place: Place, record: TaskRecord | None, error: WanError | None, state: State, cost: float
) -> None:
    async with place.opened() as store:
        await run(store, "k")
        assert await end(store, "k", record, error) is Written.ON_DISK
        assert await store.spent() == cost
    found = place.entries()["k"]
    assert (found.state, found.credits, found.reported) == (state, cost, True)
    assert type(found.error) is type(error)
    assert str(found.error) == str(error)


async def test_a_submission_that_was_refused_costs_nothing(place: Place) -> None:
    async with place.opened() as store:
        await claim(store, "k")
        await end(store, "k", error=RejectedError(422, "no"))
        assert await store.spent() == 0.0


async def test_what_was_never_sent_has_no_outcome(place: Place) -> None:
    async with place.opened() as store:
        with pytest.raises(JournalError, match="'k' is not in the journal"):
            await end(store, "k", error=InvalidInputError("prompt", "", "text"))
    assert place.entries() == {}


async def test_a_final_outcome_stays_and_a_fresh_record_replaces_the_old(place: Place) -> None:
    async with place.opened() as store:
        await complete(store, "k")
        assert await end(store, "k", error=RejectedError(422, "no")) is Written.TOO_LATE
        assert await end(store, "k", good(cost=61.0)) is Written.ON_DISK
        assert await store.spent() == 61.0


async def test_an_outcome_of_another_attempt_is_too_late(place: Place) -> None:
    async with place.opened() as store:
        await claim(store, "k")
        await end(store, "k", error=SubmissionUnknownError("no answer"))
        assert await store.requeue([State.UNKNOWN]) == 1
        assert await claim(store, "k") == 2
        assert await end(store, "k", good(), attempt=1) is Written.TOO_LATE
        assert await end(store, "k", good(), attempt=2) is Written.ON_DISK


async def test_a_clip_saved_later(place: Place) -> None:
    async with place.opened() as store:
        await run(store, "k")
        await end(store, "k", good(), TransportError("the download failed"))
        await store.save("k", "clips/\udce9.mp4")
        await run(store, "running")
        with pytest.raises(JournalError, match="'running' is not done"):
            await store.save("running", "clips/x.mp4")
    found = place.entries()["k"]
    assert (found.path, found.error) == ("clips/\udce9.mp4", None)


async def test_an_unknown_submission_is_adopted_by_its_id(place: Place) -> None:
    async with place.opened() as store:
        await claim(store, "k", token="secret")
        await end(store, "k", error=SubmissionUnknownError("no answer"))
        assert await store.tokens(["k", "nobody"]) == {"k": "secret"}
        store.accept_nowait(Acceptance("k", 1, "found"))
    found = place.entries(State.RUNNING)["k"]
    assert (found.task_id, found.error, found.finished_at, found.credits) == ("found", None, None, 80.0)


async def test_an_id_of_an_attempt_that_was_given_up_is_kept_and_changes_nothing_else(place: Place) -> None:
    async with place.opened() as store:
        await claim(store, "k")
        await end(store, "k", error=SubmissionUnknownError("no answer"))
        await store.requeue([State.UNKNOWN])
        assert await run(store, "k", "second") == 2
        store.accept_nowait(Acceptance("k", 1, "first"))
        assert await store.spent() == 160.0
    assert place.entries()["k"].task_id == "second"
    assert place.faults == []


async def test_an_id_of_nothing_in_the_journal_is_a_fault(place: Place) -> None:
    async with place.opened() as store:
        store.accept_nowait(Acceptance("nobody", 1, "t"))
        await complete(store, "k")
    assert [type(fault) for fault in place.faults] == [JournalError]
    assert "task t of it was accepted" in str(place.faults[0])


@pytest.mark.parametrize("price", [1.0, 0.1])
async def test_a_budget_holds_for_all_that_was_and_may_be_charged(place: Place, price: float) -> None:
    def dear(key: str, times: int) -> Intent:
        return Intent(0, key, MODEL, FOX, price, None, max_credits=times * price)

    async with place.opened() as store:
        claims = await asyncio.gather(*(store.intend(dear(f"k{number}", 3)) for number in range(5)))
        assert claims[:3] == [Claimed(1)] * 3
        assert [type(one) for one in claims[3:]] == [OverBudget] * 2
        assert await store.intend(dear("k0", 3)) == Taken()
        store.withdraw_nowait(Withdrawal("k0", 1))
        assert await store.intend(dear("k3", 3)) == Claimed(1)
        assert await end(store, "k1", good(cost=0.0)) is Written.ON_DISK
        assert await store.intend(dear("k0", 3)) == Claimed(2)
        over = await store.intend(dear("k4", 3))
        assert isinstance(over, OverBudget)
        assert over.committed == pytest.approx(3 * price)
    async with place.opened() as store:
        assert isinstance(await store.intend(dear("k4", 3)), OverBudget)
        assert await store.intend(dear("k4", 4)) == Claimed(1)
        assert await store.spent() == pytest.approx(4 * price)


class Text(str):
    """As numpy's and markupsafe's texts are."""

    __slots__ = ()


async def test_texts_of_other_classes_are_texts(place: Place) -> None:
    async with place.opened() as store:
        assert await store.look_up([asked(Text("k"))]) == [Fresh("k")]
        assert await store.intend(Intent(0, Text("k"), Text(MODEL), FOX)) == Claimed(1)
        store.accept_nowait(Acceptance(Text("k"), 1, Text("t")))
        assert await end(store, Text("k"), good(), path=Text("clips/k.mp4")) is Written.ON_DISK
    async with place.opened() as store:
        (found,) = await store.look_up([asked(Text("k"))])
        assert isinstance(found, EndedElsewhere if place.shared else Known)
        await store.report([Text("k")])
        store.seen_nowait([Text("k")])
        assert await store.tokens([Text("k")]) == {}


async def test_what_no_row_can_hold_is_refused_alone(place: Place) -> None:
    async with place.opened() as store:
        refused, fresh = await store.look_up([asked("caf\udce9"), asked("good")])
        assert isinstance(refused, Refused)
        assert fresh == Fresh("good")
        intents = [intent("caf\udce9"), Intent(1 << 70, "k", MODEL, FOX), intent("k", b"\xff"), intent("good")]
        given = await asyncio.gather(*map(store.intend, intents))
        assert [type(one) for one in given] == [Refused, Refused, Refused, Claimed]
        await complete(store, "another")


def nested(depth: int) -> dict[str, object]:
    innermost: dict[str, object] = {}
    for _ in range(depth):
        innermost = {"a": innermost}
    return innermost


async def test_a_record_is_written_without_what_cannot_be_written(place: Place) -> None:
    strange = TaskRecord(
        task_id="t",
        state=TaskState.SUCCESS,
        urls=("http://127.0.0.1/x.mp4",),
        request=nested(50_000),
        fail_code="\ud83d",
    )
    async with place.opened() as store:
        await run(store, "k")
        assert await end(store, "k", strange) is Written.ON_DISK
    record = place.entries()["k"].record
    assert record is not None
    assert (record.task_id, record.urls, record.request) == ("t", strange.urls, None)
    assert record.fail_code == "\\ud83d"


async def test_what_was_asked_last_is_written_before_it_is_closed_and_nothing_after(place: Place) -> None:
    store = await place.open()
    await run(store, "k")
    store.seen_nowait(["k"])
    await asyncio.gather(store.aclose(), store.aclose())
    assert not store.may_send()
    with pytest.raises(JournalError, match="closed"):
        await store.finish(Ending("k", 1, good()))
    store.accept_nowait(Acceptance("k", 1, "t"))
    await asyncio.sleep(0)
    assert [type(fault) for fault in place.faults] == [JournalError]
    async with place.opened() as store:
        assert store.may_send()
    assert place.entries(State.RUNNING)["k"].task_id == "t"


async def test_a_token_is_given_once(place: Place) -> None:
    def fits(store: JournalStore) -> bool:
        return store.may_send()

    async with place.opened() as store:
        await claim(store, "a", token="secret")
        assert isinstance(await store.intend(intent("b", token="secret")), Refused)
        assert await claim(store, "b") == 1
        assert fits(store)
