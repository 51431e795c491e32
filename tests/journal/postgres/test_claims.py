"""What workers see of each other: who has what, what ended, and what is left by who died."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Coroutine
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import pytest

from wan_async._journal import State
from wan_async._journal.opening import Replay
from wan_async._journal.store import (
    Acceptance,
    Claimed,
    Elsewhere,
    EndedElsewhere,
    Fresh,
    Intent,
    JournalStore,
    Known,
    LookedUp,
    OverBudget,
    Taken,
    TakenOver,
    Withdrawal,
    Written,
)
from wan_async.errors import SubmissionUnknownError

from ..stores import PostgresPlace, asked, claim, complete, end, intent, run
from ..support import FOX, MODEL, good

T = TypeVar("T")


@asynccontextmanager
async def two(place: PostgresPlace, replay: Replay = True) -> AsyncGenerator[tuple[JournalStore, JournalStore]]:
    async with place.opened(replay) as first, place.opened(replay) as second:
        yield first, second


def waiting(call: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
    return asyncio.create_task(call)


async def within(task: asyncio.Task[T], seconds: float = 5.0) -> T:
    return await asyncio.wait_for(task, seconds)


async def look_up(store: JournalStore, key: str, content: bytes = FOX) -> LookedUp:
    (found,) = await store.look_up([asked(key, content)])
    return found


def dies(place: PostgresPlace, worker: int = 1) -> None:
    """As it is when it has said nothing for the length of its lease."""
    place.sql("UPDATE wan_async_worker SET expires_at = clock_timestamp() WHERE id = %s", worker)


async def test_each_key_is_one_workers(place: PostgresPlace) -> None:
    async with two(place) as stores:
        keys = [f"k{number}" for number in range(60)]
        claims = await asyncio.gather(*(store.intend(intent(key)) for key in keys for store in stores))
        pairs = zip(claims[::2], claims[1::2], strict=True)
        assert all({type(first), type(second)} == {Claimed, Taken} for first, second in pairs)
        await asyncio.gather(*(store.intend(intent(key)) for store in stores for key in reversed(keys)))
        assert len(place.entries(State.SENDING)) == 60


async def test_a_key_with_another_input_is_a_conflict_of_whoever_comes_later(place: PostgresPlace) -> None:
    async with two(place) as (first, second):
        await claim(first, "k")
        assert repr(await second.intend(intent("k", b"{}"))) == "Conflict(key='k')"
        assert repr(await look_up(second, "k", b"{}")) == "Conflict(key='k')"


async def test_what_is_withdrawn_is_free(place: PostgresPlace) -> None:
    async with two(place) as (first, second):
        await claim(first, "k")
        assert await look_up(second, "k") == Elsewhere("k")
        ended = waiting(second.ended("k"))
        await asyncio.sleep(0.1)
        assert not ended.done()
        first.withdraw_nowait(Withdrawal("k", 1))
        assert await within(ended) == Fresh("k")
        assert await second.intend(intent("k")) == Claimed(2)
        assert await look_up(first, "k") == Elsewhere("k")


@pytest.mark.parametrize("replay", [True, False])
async def test_what_ended_elsewhere_is_handed_over_for_each_input_or_once(place: PostgresPlace, replay: Replay) -> None:
    async with two(place, replay) as (first, second):
        await run(first, "k", "t")
        ended = waiting(second.ended("k"))
        await asyncio.sleep(0.1)
        assert await end(first, "k", good("t"), path="clips/\udce9.mp4") is Written.ON_DISK
        entry = place.entries()["k"]
        assert await within(ended) == (EndedElsewhere(entry) if replay else Known("k"))
        assert await look_up(second, "k") == (EndedElsewhere(entry) if replay else Known("k"))
        assert await look_up(first, "k") == Known("k")
        assert entry.path == "clips/\udce9.mp4"


async def test_an_end_is_heard_at_once(place: PostgresPlace) -> None:
    async with two(place) as (first, second):
        await run(first, "warm up")
        other = waiting(second.ended("warm up"))
        await asyncio.sleep(4)  # the first worker has heard by its renewal that somebody waits
        for number in range(5):
            await run(first, f"k{number}")
            ended = waiting(second.ended(f"k{number}"))
            await asyncio.sleep(0.1)
            await end(first, f"k{number}", good())
            await within(ended, 0.5)
        other.cancel()


async def test_what_a_dead_worker_had_running_is_this_ones(place: PostgresPlace) -> None:
    async with two(place) as (first, second):
        await run(first, "k", "t")
        ended = waiting(second.ended("k"))
        await asyncio.sleep(0.1)
        dies(place)
        known = await within(ended)
        assert isinstance(known, TakenOver)
        assert (known.entry.state, known.entry.task_id, known.entry.attempt) == (State.RUNNING, "t", 1)
        assert await end(first, "k", good("t")) is Written.TOO_LATE
        assert await end(second, "k", good("t")) is Written.ON_DISK
        assert await look_up(first, "k") == EndedElsewhere(place.entries()["k"])
        assert await second.spent() == 60.0


async def test_what_a_dead_worker_had_in_the_air_is_unknown_and_sought_by_one(place: PostgresPlace) -> None:
    async with two(place) as (first, second), place.opened() as third:
        await claim(first, "k", token="secret")
        ended = [waiting(second.ended("k")), waiting(third.ended("k"))]
        await asyncio.sleep(0.1)
        dies(place)
        (done,), (other,) = await asyncio.wait(ended, return_when=asyncio.FIRST_COMPLETED)
        known = done.result()
        assert isinstance(known, TakenOver)
        assert (known.entry.state, known.entry.reported) == (State.UNKNOWN, False)
        assert isinstance(known.entry.error, SubmissionUnknownError)
        assert known.entry.error.sent_at is not None
        taker = second if done is ended[0] else third
        assert await taker.tokens(["k"]) == {"k": "secret"}
        await asyncio.sleep(1.2)
        assert not other.done(), "it is being sought"
        assert await end(taker, "k", error=known.entry.error) is Written.ON_DISK
        assert repr(await within(other)) == repr(EndedElsewhere(place.entries()["k"]))
        assert await taker.spent() == 80.0


async def test_an_id_that_comes_late_adopts_what_is_unknown(place: PostgresPlace) -> None:
    async with two(place) as (first, second):
        await claim(first, "k")
        dies(place)
        assert isinstance(await within(waiting(second.ended("k"))), TakenOver)
        first.withdraw_nowait(Withdrawal("k", 1))
        first.accept_nowait(Acceptance("k", 1, "t"))
        assert await first.spent() == 80.0
        entry = place.entries()["k"]
        assert (entry.state, entry.task_id) == (State.RUNNING, "t")
        assert await end(first, "k", good("t")) is Written.ON_DISK


async def test_an_id_of_an_attempt_that_was_given_up_and_not_sent_again_is_taken_up(place: PostgresPlace) -> None:
    async with two(place) as (first, second):
        await claim(first, "k", token="secret")
        dies(place)
        assert isinstance(await within(waiting(second.ended("k"))), TakenOver)
        await end(second, "k", error=SubmissionUnknownError("no answer"))
        assert await second.requeue([State.UNKNOWN]) == 1
        first.accept_nowait(Acceptance("k", 1, "t"))
        assert await first.spent() == 80.0
        entry = place.entries()["k"]
        assert (entry.state, entry.task_id, entry.credits) == (State.RUNNING, "t", 80.0)
        assert place.sql("SELECT count(*) FROM wan_async_earlier") == [(0,)]


@pytest.mark.parametrize("replay", [False, "unseen"])
async def test_what_dead_workers_left_is_taken_over_by_one(place: PostgresPlace, replay: Replay) -> None:
    async with place.opened() as first:
        await run(first, "running", "t")
        await claim(first, "air")
        await complete(first, "unseen")
        await complete(first, "seen")
        first.seen_nowait(["seen"])
        await claim(first, "queued")
        first.withdraw_nowait(Withdrawal("queued", 1))
        async with two(place, replay) as stores:
            assert await stores[0].take_over() == []
            dies(place)
            pages = await asyncio.gather(*(store.take_over() for store in stores))
            taken = {entry.key: entry.state for page in pages for entry in page}
            left = {"running": State.RUNNING, "air": State.UNKNOWN}
            assert taken == (left | {"unseen": State.DONE} if replay == "unseen" else left)
            assert sum(map(len, pages)) == len(taken)
            assert await stores[0].take_over() == []
            assert await look_up(stores[0], "queued") == Fresh("queued")


async def test_with_a_replay_for_each_input_nothing_else_is_taken_over(place: PostgresPlace) -> None:
    async with two(place) as (first, second):
        await run(first, "k", "t")
        dies(place)
        assert await second.take_over() == []


async def test_an_outcome_of_a_worker_that_lives_is_its_own_and_of_one_that_died_is_handed_over(
    place: PostgresPlace,
) -> None:
    async with two(place, "unseen") as (first, second):
        await complete(first, "k")
        assert await look_up(second, "k") == Elsewhere("k")
        assert await within(waiting(second.ended("k"))) == Known("k")  # once the first has renewed its lease
        await complete(first, "l")
        ended = waiting(second.ended("l"))
        await asyncio.sleep(0.1)
        dies(place)
        known = await within(ended)
        assert isinstance(known, TakenOver)
        assert known.entry.state is State.DONE
        second.seen_nowait(["l"])
        await second.spent()  # comes after it
        assert await look_up(first, "l") == Known("l")


async def test_workers_with_budgets_obey_theirs_against_the_sum_of_all(place: PostgresPlace) -> None:
    async with two(place) as (first, second), place.opened() as third:
        for number in range(3):
            await claim(third, f"free{number}", price=10.0)

        async def spend(store: JournalStore, name: str, most: float) -> int:
            claims = 0
            for number in range(20):
                one = await store.intend(Intent(0, f"{name}{number}", MODEL, FOX, 10.0, max_credits=most))
                claims += isinstance(one, Claimed)
                assert isinstance(one, (Claimed, OverBudget))
            return claims

        made = await asyncio.gather(spend(first, "a", 100.0), spend(second, "b", 200.0))
        assert sum(made) == 17
        assert await third.spent() == 200.0
        assert made[0] <= 7
        assert await end(third, "free0", good(cost=0.0)) is Written.ON_DISK
        assert await second.spent() == 190.0


async def test_what_waits_is_told_when_it_is_closed(place: PostgresPlace) -> None:
    async with two(place) as (first, second):
        await run(first, "k")
        ended = waiting(second.ended("k"))
        await asyncio.sleep(0.1)
        ended.cancel()
        await asyncio.sleep(0)
        again = waiting(second.ended("k"))
        await asyncio.sleep(0.1)
        await first.aclose()
        assert isinstance(await within(again), TakenOver)
