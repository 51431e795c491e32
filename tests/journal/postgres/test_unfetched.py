"""Clips that a worker has not fetched: waited for while it lives, fetched by another when it is gone."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from wan_async import NotFoundError, Outcome, RateLimit, Wan22TextToVideoTurbo, WanClient
from wan_async._journal import State
from wan_async._journal.opening import Replay
from wan_async._journal.store import Elsewhere, EndedElsewhere, Known, TakenOver, Written
from wan_async.emulator import Emulator

from ..stores import PostgresPlace, asked, complete, end
from ..support import good

FAST = RateLimit(1000, per=1.0)


def dies(place: PostgresPlace, worker: int = 1) -> None:
    place.sql("UPDATE wan_async_worker SET expires_at = clock_timestamp() WHERE id = %s", worker)


@pytest.mark.parametrize("how", ["fetched", "failed", "seen"])
async def test_while_its_worker_fetches_it_an_item_has_not_ended(place: PostgresPlace, how: str) -> None:
    async with place.opened() as first, place.opened(fetches=True) as second, place.opened() as other:
        await complete(first, "k")
        assert await second.look_up([asked("k")]) == [Elsewhere("k")]
        assert isinstance((await other.look_up([asked("k")]))[0], EndedElsewhere)
        ended = asyncio.create_task(second.ended("k"))
        await asyncio.sleep(1.2)
        assert not ended.done()
        if how == "fetched":
            await first.save("k", "clips/k.mp4")
        elif how == "failed":
            await end(first, "k", good(), NotFoundError(404, "gone"))
        else:  # by a loop whose batch fetches nothing
            first.seen_nowait(["k"])
        for known in (await asyncio.wait_for(ended, 5), *await second.look_up([asked("k")])):
            assert isinstance(known, EndedElsewhere)
            assert known.entry.path == ("clips/k.mp4" if how == "fetched" else None)


@pytest.mark.parametrize("replay", [True, False, "unseen"])
async def test_a_dead_worker_s_is_fetched_by_one_of_those_who_wait(place: PostgresPlace, replay: Replay) -> None:
    async with place.opened() as first:
        await complete(first, "k")
        async with place.opened(replay, fetches=True) as second, place.opened(replay, fetches=True) as third:
            ended = [asyncio.create_task(store.ended("k")) for store in (second, third)]
            await asyncio.sleep(0.2)
            dies(place)
            (done,), (waits,) = await asyncio.wait(ended, return_when=asyncio.FIRST_COMPLETED)
            taken = done.result()
            assert isinstance(taken, TakenOver)
            assert (taken.entry.state, taken.entry.path) == (State.DONE, None)
            await asyncio.sleep(1.2)
            assert not waits.done()
            await (second if done is ended[0] else third).save("k", "k.mp4")
            known = await asyncio.wait_for(waits, 5)
            assert known == (EndedElsewhere(place.entries()["k"]) if replay is True else Known("k"))


async def test_what_dead_workers_left_is_fetched_once_and_again_where_it_failed(place: PostgresPlace) -> None:
    async with place.opened() as first:
        for key in ("left", "failed", "fetched"):
            await complete(first, key)
        await end(first, "failed", good(), NotFoundError(404, "gone"))
        await first.save("fetched", "k.mp4")
        first.seen_nowait(["failed", "fetched"])
    async with (
        place.opened(False) as other,
        place.opened(fetches=True) as replays,
        place.opened(False, fetches=True) as second,
        place.opened("unseen", fetches=True) as third,
    ):
        assert await other.take_over() == await other.unfetched() == await replays.unfetched() == []
        assert [entry.key for entry in await second.take_over()] == ["left"]
        assert await third.take_over() == []
        again = await third.unfetched()
        assert [(entry.key, entry.error, entry.seen) for entry in again] == [("failed", None, False)]
        assert await second.unfetched() == []


@pytest.mark.parametrize("replay", [True, False, "unseen"])
async def test_a_clip_that_another_fetched_meanwhile_is_handed_over_by_that_one(
    place: PostgresPlace, replay: Replay
) -> None:
    async with place.opened(replay, fetches=True) as first, place.opened("unseen", fetches=True) as second:
        await complete(first, "k")
        dies(place)  # it was stopped, and goes on
        assert [entry.key for entry in await second.take_over()] == ["k"]
        assert await second.save("k", "second.mp4") is Written.ON_DISK
        assert await first.save("k", "first.mp4") is (Written.ON_DISK if replay is True else Written.TOO_LATE)


@pytest.mark.parametrize("replay", [True, False, "unseen"])
async def test_a_batch_fetches_what_earlier_workers_did_not(
    place: PostgresPlace, tmp_path: Path, replay: Replay
) -> None:
    provider = Emulator(key="k", limit=None, query_limit=None, seconds=0.1)

    async def run(download_to: Path | None) -> list[Outcome]:
        inputs = [(f"k{number}", Wan22TextToVideoTurbo(prompt=f"clip {number}")) for number in range(3)]
        wan = WanClient("k", base_url=url, limit=FAST, query_limit=FAST)
        batch = wan.batch(inputs, journal=place.where, replay=replay, download_to=download_to)
        async with wan, batch as results:
            return [outcome async for outcome in results]

    async with provider.serve(port=0) as url:
        assert [outcome.path for outcome in await run(None)] == [None] * 3
        fetched = await run(tmp_path)
        assert sorted((outcome.key, outcome.replayed) for outcome in fetched) == [(f"k{n}", True) for n in range(3)]
        assert sorted(tmp_path.iterdir()) == sorted(Path(str(outcome.path)) for outcome in fetched)
        assert len(await run(tmp_path)) == (3 if replay is True else 0)
        assert len(provider.tasks) == 3
