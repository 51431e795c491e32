"""What a file gives its next run."""

from __future__ import annotations

import time

from wan_async._journal import State
from wan_async._journal.store import Known
from wan_async.errors import SubmissionUnknownError

from ..stores import FilePlace, asked, claim, complete, end, entries, run
from ..support import good

FINAL = (State.DONE, State.FAILED, State.UNKNOWN)


async def test_what_was_in_the_air_at_a_kill_is_unknown(place: FilePlace) -> None:
    before = time.time()
    async with place.opened() as store:
        await claim(store, "air", token="secret")
        await complete(store, "k")
        await place.crash()
    async with place.opened() as store:
        found = await entries(store)
        assert await store.look_up([asked("air")]) == [Known("air")]
        assert await store.tokens(["air"]) == {"air": "secret"}
    error = found["air"].error
    assert isinstance(error, SubmissionUnknownError)
    assert error.sent_at is not None
    assert before <= error.sent_at.timestamp() <= time.time()
    assert (found["air"].state, found["air"].reported, found["air"].credits) == (State.UNKNOWN, False, 80.0)
    assert found["k"].state is State.DONE


async def test_pages_go_through_all_by_id(place: FilePlace) -> None:
    async with place.opened() as store:
        for number in range(25):
            await (complete if number % 3 else run)(store, f"k{number:02}")
    async with place.opened() as store:
        seen: list[str] = []
        last = 0
        while page := await store.page([State.DONE, State.RUNNING], last, limit=7):
            assert len(page) <= 7
            seen += [entry.key for entry in page]
            last = page[-1].id
        assert seen == [f"k{number:02}" for number in range(25)]
        assert [found.key for found in await store.page([State.RUNNING], 0, 2)] == ["k00", "k03"]
        assert await store.page([], 0) == []


async def test_pages_leave_out_what_this_run_wrote(place: FilePlace) -> None:
    async with place.opened() as store:
        await complete(store, "old")
        await run(store, "resumed")
        await claim(store, "air")
        assert await store.page(FINAL) == []
    async with place.opened() as store:
        await end(store, "resumed", good())
        await complete(store, "new")
        assert list(await entries(store, *FINAL)) == ["old", "air"]
        await store.report(["air"])
        assert list(await entries(store, *FINAL)) == ["old"]
    async with place.opened() as store:
        found = await entries(store, *FINAL)
        assert list(found) == ["old", "resumed", "air", "new"]
        assert all(entry.reported for entry in found.values())


async def test_running_tasks_are_taken_over_once_a_run(place: FilePlace) -> None:
    async with place.opened() as store:
        for number in range(5):
            await run(store, f"k{number}", f"t{number}")
        await complete(store, "done")
        assert await store.take_over() == []
    for _ in range(2):
        async with place.opened() as store:
            await run(store, "own", "own") if not await store.look_up([asked("own")]) else None
            first = await store.take_over(limit=3)
            rest = await store.take_over(first[-1].id, limit=3)
            assert [entry.task_id for entry in first + rest] == [f"t{number}" for number in range(5)]
            assert await store.take_over(rest[-1].id) == []
            assert await store.take_over() == []
    async with place.opened() as store:
        (first,) = await store.take_over(limit=1)
        await end(store, first.key, good(first.task_id or ""), attempt=first.attempt)
    async with place.opened() as store:
        assert len(await store.take_over()) == 4


async def test_what_the_loop_took_is_seen(place: FilePlace) -> None:
    async with place.opened() as store:
        await complete(store, "a")
        await complete(store, "b")
        store.seen_nowait(["a"])
    async with place.opened("unseen") as store:
        assert {key: entry.seen for key, entry in (await entries(store)).items()} == {"a": True, "b": False}
        store.seen_nowait(["b"])
    async with place.opened("unseen") as store:
        assert all(entry.seen for entry in (await entries(store)).values())
