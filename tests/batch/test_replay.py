"""What a run hands over again: all, nothing, or what no caller's loop came back from."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any, Literal, TypeAlias

import pytest

from wan_async import ConfigurationError, NotFoundError, TaskRecord, TaskState, WanInput
from wan_async._batch.earlier import Earlier
from wan_async._batch.outcome import Outcome

from .support import Provider, clip, collect, keyed

Replay: TypeAlias = bool | Literal["unseen"]


async def replayed(provider: Provider, journal: Path, replay: Replay = "unseen") -> list[str]:
    return sorted(one.key for one in await collect(provider.batch([], journal, replay=replay)) if one.replayed)


async def test_a_loop_that_came_back_or_left_normally_has_seen_its_outcome(tmp_path: Path) -> None:
    provider, journal = Provider(), tmp_path / "run.db"
    await collect(provider.batch(keyed(*"ab"), journal), stop_after=2)  # the last one by `break`
    assert await replayed(provider, journal) == []


async def test_what_an_error_in_the_loop_was_about_is_handed_over_again(tmp_path: Path) -> None:
    provider, journal = Provider(), tmp_path / "run.db"
    handed: list[str] = []
    with pytest.raises(ZeroDivisionError):
        async with provider.batch(keyed(*"abcd"), journal, most=1) as results:
            async for outcome in results:
                handed.append(outcome.key)
                _ = len(handed) < 3 or 1 / 0
    assert await replayed(provider, journal) == [handed[-1]]
    assert await replayed(provider, journal) == []
    assert await replayed(provider, journal, replay=True) == sorted(handed)


async def test_what_was_finished_and_not_taken_is_handed_over_again(tmp_path: Path) -> None:
    provider, journal = Provider(), tmp_path / "run.db"
    async with provider.batch(keyed(*"abcd"), journal) as results:
        taken = (await anext(results)).key
        while results.stats.succeeded < 4:
            await asyncio.sleep(0.001)
    assert await replayed(provider, journal) == sorted(set("abcd") - {taken})


async def test_what_ran_and_fills_all_slots_is_handed_over_when_the_replay_ends_after_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    provider, journal = Provider(), tmp_path / "run.db"
    await collect(provider.batch(keyed("a"), journal))
    provider.gate.clear()
    async with provider.batch(keyed(*"bc"), journal, most=2) as results:
        while results.stats.running < 2:
            await asyncio.sleep(0.001)
    provider.gate.set()
    replays = Earlier.replays

    async def late_end(earlier: Earlier) -> list[Outcome]:
        if not (page := await replays(earlier)):
            await asyncio.sleep(0.05)  # b and c have both slots by now
        return page

    monkeypatch.setattr(Earlier, "replays", late_end)
    async with asyncio.timeout(5):
        outcomes = await collect(provider.batch(keyed(*"abcd"), journal, most=2))
    assert [outcome.key for outcome in outcomes] == list("abcd")


@pytest.mark.parametrize("replay", ["all", 1, None])
async def test_what_is_no_way_to_replay_is_refused(replay: Any, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="replay"):
        Provider().batch([], tmp_path / "run.db", replay=replay)


class Deployed(Provider):
    """First it knows no task, or has no link yet."""

    def __init__(self, answer: TaskRecord | NotFoundError) -> None:
        super().__init__()
        self.answer: TaskRecord | NotFoundError | None = answer

    async def wait(self, task_id: str, task_input: WanInput, age: float, max_wait: float | None) -> TaskRecord:
        if isinstance(self.answer, NotFoundError):
            raise self.answer
        return self.answer or await super().wait(task_id, task_input, age, max_wait)


@pytest.mark.parametrize(
    "answer", [TaskRecord(task_id="task-a", state=TaskState.SUCCESS), NotFoundError(422, "recordInfo is null")]
)
@pytest.mark.parametrize("fetch", [False, True])
async def test_the_next_run_waits_again_for_what_may_not_have_ended(
    answer: TaskRecord | NotFoundError, fetch: bool, tmp_path: Path
) -> None:
    provider, journal = Deployed(answer), tmp_path / "run.db"
    (first,) = await collect(provider.batch(keyed("a"), journal))
    assert first.record is None or first.record.url is None
    provider.answer = None
    (again,) = await collect(provider.batch(keyed("a"), journal, fetch=fetch))
    assert again.unwrap().url == "https://host/clip.mp4"
    assert (again.path is not None) is fetch
    assert provider.created == {"a": 1}
    (third,) = await collect(provider.batch([("a", clip("a"))], journal, fetch=fetch))
    assert third.replayed
