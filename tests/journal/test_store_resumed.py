"""What every kind of journal gives the next run: `wan_async._journal.store`."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import msgspec
import pytest

from wan_async._journal import Journal, State
from wan_async._journal.store import Claimed
from wan_async._protocol import TaskRecord, TaskState
from wan_async.errors import JournalError, NotFoundError, RejectedError, SubmissionUnknownError, TaskFailedError

from .stores import Place, claim, complete, end, intent, run
from .support import bad, good


async def test_reporting_what_is_not_there_is_an_error_of_that_call_alone(place: Place) -> None:
    async with place.opened() as store:
        with pytest.raises(JournalError, match=r"'nobody'.* is.* in the journal"):
            await store.report(["nobody"])
        await complete(store, "k")


@pytest.mark.parametrize("keys", [None, ["u"]])
async def test_requeued_items_are_sent_again_and_what_they_cost_counts(place: Place, keys: list[str] | None) -> None:
    async with place.opened() as store:
        await run(store, "f")
        await end(store, "f", error=TaskFailedError(bad(cost=5.0)))
        await claim(store, "u", token="secret")
        await end(store, "u", error=SubmissionUnknownError("no answer"))
    async with place.opened() as store:
        assert await store.requeue([State.UNKNOWN], keys) == 1
        assert await store.spent() == 85.0
        queued = place.entries(State.QUEUED)["u"]
        assert await store.intend(intent("u", price=70.0, token="secret")) == Claimed(2)
        assert await store.spent() == 155.0
        assert await store.requeue([State.UNKNOWN, State.FAILED], ["f", "nobody"]) == 1
    blank = (queued.task_id, queued.sent_at, queued.error, queued.finished_at, queued.credits)
    assert (queued.reported, queued.seen, blank) == (False, False, (None,) * 5)


async def test_only_what_is_unknown_or_failed_is_requeued(place: Place) -> None:
    async with place.opened() as store:
        await complete(store, "k")
        with pytest.raises(JournalError, match="unknown or failed"):
            await store.requeue([State.DONE])
        assert await store.requeue([State.UNKNOWN, State.FAILED], ["k", "nobody"]) == 0
        assert await store.requeue([], None) == 0


async def test_what_may_not_have_ended_is_waited_for_again(place: Place) -> None:
    linkless = TaskRecord(task_id="t", state=TaskState.SUCCESS, completed_at=datetime(2026, 1, 1, tzinfo=UTC))
    doubtful = TaskRecord(task_id="t", state=TaskState.FAIL, fail_message="busy", provider_state="waiting")
    asked = msgspec.structs.replace(bad(), request={"prompt": '"provider_state":"a"'})
    async with place.opened() as store:
        for key in ("lost", "linkless", "doubtful", "done", "refused", "failed"):
            await run(store, key, key)
        await end(store, "lost", error=NotFoundError(404, "a page"))
        await end(store, "linkless", linkless)
        await end(store, "done", good())
        await end(store, "refused", error=RejectedError(422, "no"))
        await end(store, "doubtful", error=TaskFailedError(doubtful))
        await end(store, "failed", error=TaskFailedError(asked))
        await claim(store, "never accepted")
        await end(store, "never accepted", error=NotFoundError(404, "no such model"))
    async with place.opened() as store:
        assert await store.wait_again(time.time() + 1) == 0
        assert await store.wait_again(time.time() - 60) == 3
        assert list(place.entries(State.RUNNING)) == ["lost", "linkless", "doubtful"]
        assert await store.spent() == 80 + 80 + 80 + 60
    async with place.opened(replay=False) as store:
        assert [entry.key for entry in await store.take_over()] == ["lost", "linkless", "doubtful"]
        assert await store.take_over() == []


async def test_when_intents_were_written(place: Place) -> None:
    before = time.time()
    async with place.opened() as store:
        await run(store, "a")
        await claim(store, "b")
        await end(store, "b", error=SubmissionUnknownError("no answer"))
        await store.requeue([State.UNKNOWN])
        await claim(store, "c")
    async with place.opened() as store:
        await store.set_limit(20, 10.0)
        sent = await store.sent_since(before)
        assert len(sent) == 3
        assert sent == sorted(sent)
        assert before <= sent[0] <= sent[-1] <= time.time()
        assert await store.sent_since(sent[0]) == sent[1:]
        assert await store.sent_since(time.time()) == []


async def test_what_the_loop_took_is_seen(place: Place) -> None:
    async with place.opened() as store:
        await complete(store, "a")
        await complete(store, "b")
        store.seen_nowait(["a"])
        store.seen_nowait(["a"])
    assert {key: entry.seen for key, entry in place.entries().items()} == {"a": True, "b": False}


async def test_the_limit_stands_in_the_journal(place: Place) -> None:
    async with place.opened() as store:
        await complete(store, "k")
        with Journal.open_readonly(place.where) as reader:
            assert reader.limit() is None
        await store.set_limit(20, 10.0)
    with Journal.open_readonly(place.where) as reader:
        assert reader.limit() == (20, 10.0)
        assert reader.counts().done == 1
