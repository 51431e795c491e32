"""Batches with a journal: stopped anywhere and started again, nothing is paid twice or lost."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest

from wan_async import (
    CustomInput,
    InsufficientCreditsError,
    JournalError,
    Outcome,
    SubmissionUnknownError,
    TaskFailedError,
    WanInput,
)
from wan_async._journal import Journal, writer
from wan_async.emulator import Fault

from .sites import Site
from .virtual import clip


def _quick_or_slow(model: str, fields: Mapping[str, Any]) -> float:
    return 0.1 if fields["prompt"] == "quick" else 1.0


def _one(model: str, fields: Mapping[str, Any]) -> float:
    return 1.0


@pytest.mark.parametrize("stop_after", [1, 7, 50])
async def test_a_batch_left_early_and_run_again_creates_and_delivers_each_item_once(
    tmp_path: Path, stop_after: int
) -> None:
    site = Site(tmp_path)
    inputs = [clip(number) for number in range(100)]
    delivered: Counter[str] = Counter()
    for _ in range(100):
        outcomes = await site.run(inputs, stop_after=stop_after, replay=False, max_in_flight=20)
        delivered.update(outcome.key for outcome in outcomes)
        if len(outcomes) < stop_after:
            break
    assert set(site.created().values()) == {1}
    assert site.provider.stats.created == 100
    # what was written as finished and not handed over when the loop was left is only replayed
    replayed = await site.run(inputs)
    assert set(delivered.values()) == {1}
    assert {outcome.key for outcome in replayed} >= set(delivered)
    assert len(replayed) == 100


async def test_finished_outcomes_come_again_first_and_marked(tmp_path: Path) -> None:
    site = Site(tmp_path, faults=[Fault("fail", match="bad")])
    first = await site.run([("a", clip("a")), ("b", clip("bad")), ("c", clip("c"))])
    again = await site.run([("d", clip("d")), ("a", clip("a")), ("b", clip("bad")), ("c", clip("c"))])
    assert [outcome.replayed for outcome in again] == [True, True, True, False]
    assert again[3].key == "d"
    by_key = {outcome.key: outcome for outcome in again}
    for before in first:
        after = by_key[before.key]
        assert (after.index, after.input, after.task_id, after.record) == (
            before.index,
            before.input,
            before.task_id,
            before.record,
        )
        assert after.ok == before.ok
    assert isinstance(by_key["b"].error, TaskFailedError)
    assert site.provider.stats.created == 4


async def test_replay_false_skips_what_is_finished(tmp_path: Path) -> None:
    site = Site(tmp_path)
    await site.run([clip("a"), clip("b")])
    assert await site.run([clip("a"), clip("b")], replay=False) == []


async def test_keys_are_content_and_occurrence_so_order_does_not_matter(tmp_path: Path) -> None:
    site = Site(tmp_path)
    inputs = [clip("same"), clip("same"), clip("x"), clip("y"), clip("same")]
    first = await site.run(inputs)
    assert len({outcome.key for outcome in first}) == 5
    random.Random(1).shuffle(inputs)
    again = await site.run([*inputs, clip("same")])
    assert sum(outcome.replayed for outcome in again) == 5
    assert site.created() == {"same": 4, "x": 1, "y": 1}


async def test_running_tasks_are_collected_without_their_input_being_given_again(tmp_path: Path) -> None:
    site = Site(tmp_path, seconds=_quick_or_slow)
    assert len(await site.run([clip("quick"), *(clip(n) for n in range(30))], stop_after=1)) == 1
    assert site.rows("select count(*) from item where state = 'running'") == [(30,)]
    outcomes = await site.run([])
    assert sum(outcome.replayed for outcome in outcomes) == 1
    assert len(outcomes) == 31
    assert all(outcome.ok for outcome in outcomes)
    assert site.provider.stats.created == 31


async def test_more_running_tasks_than_slots_are_collected_all(tmp_path: Path) -> None:
    site = Site(tmp_path, seconds=_quick_or_slow)
    await site.run([clip("quick"), *(clip(n) for n in range(30))], stop_after=1)
    outcomes = await site.run([clip("new")], max_in_flight=3, replay=False)
    assert len(outcomes) == 31


async def test_a_key_whose_input_changed_is_an_error_and_nothing_is_sent(tmp_path: Path) -> None:
    site = Site(tmp_path)
    await site.run([("a", clip("before"))])
    outcomes = await site.run([("a", clip("after")), ("b", clip("b"))])
    changed = [outcome for outcome in outcomes if isinstance(outcome.error, JournalError)]
    assert [outcome.key for outcome in changed] == ["a"]
    assert site.created() == {"before": 1, "b": 1}
    assert [outcome.ok for outcome in await site.run([])] == [True, True]


async def test_a_key_given_twice_in_one_run_is_sent_once(tmp_path: Path) -> None:
    site = Site(tmp_path)
    outcomes = await site.run([("a", clip("x")) for _ in range(50)])
    assert site.created() == {"x": 1}
    assert len(outcomes) == 1


async def test_an_unknown_submission_is_told_in_every_run_until_it_is_sent_again(tmp_path: Path) -> None:
    site = Site(tmp_path, faults=[Fault("drop_after", call="createTask", times=1)])
    inputs = [("a", clip("a"))]
    for replayed in (False, True, True):
        (outcome,) = await site.run(inputs, replay=False)
        assert isinstance(outcome.error, SubmissionUnknownError)
        assert outcome.error.sent_at is not None
        assert outcome.replayed is replayed
    assert site.provider.stats.created == 1
    (outcome,) = await site.run(inputs, resubmit_unknown=True)
    assert outcome.ok
    assert site.provider.stats.created == 2
    assert [outcome.replayed for outcome in await site.run(inputs)] == [True]


async def test_a_stop_by_402_leaves_nothing_marked_as_done(tmp_path: Path) -> None:
    site = Site(tmp_path, credits=400.0)
    inputs = [clip(number) for number in range(100)]
    outcomes: list[Outcome] = []
    async with site.client() as wan, wan.batch(inputs, journal=site.path) as results:
        with pytest.raises(InsufficientCreditsError):
            async for outcome in results:
                outcomes.append(outcome)
    assert len(outcomes) == 10
    assert site.rows("select distinct state from item order by state") in ([("done",)], [("done",), ("queued",)])
    site.provider.credits = 1e9
    assert len(await site.run(inputs)) == 100
    assert set(site.created().values()) == {1}


async def test_who_is_told_of_the_end_reads_in_the_journal_that_nothing_was_charged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "SPACING", 0.3)  # withdrawals are asked for, and wait to be written
    site = Site(tmp_path, credits=0.0)
    async with site.client() as wan, wan.batch([clip(number) for number in range(3)], journal=site.path) as results:
        with pytest.raises(InsufficientCreditsError):
            await anext(results)
        with Journal.open_readonly(site.path) as journal:
            assert (journal.counts().credits, journal.counts().sending) == (0.0, 0)


async def test_a_batch_ends_whose_last_items_have_keys_that_others_have(tmp_path: Path) -> None:
    site = Site(tmp_path)
    keys = ["a", "b", "c", "a", "b", "c"]
    inputs = [(key, clip(f"{key}{number > 3}")) for number, key in enumerate(keys)]
    outcomes = await asyncio.wait_for(site.run(inputs), 20)
    assert sorted((outcome.key, outcome.index) for outcome in outcomes if outcome.ok) == [("a", 0), ("b", 1), ("c", 2)]
    refused = [outcome for outcome in outcomes if not outcome.ok]  # "a" again, with the same input, is the same item
    assert sorted((outcome.key, outcome.index) for outcome in refused) == [("b", 4), ("c", 5)]
    assert {type(outcome.error) for outcome in refused} == {JournalError}
    assert site.provider.stats.created == 3


async def test_inputs_that_raise_stop_the_batch_and_the_next_run_sends_what_was_not_sent(tmp_path: Path) -> None:
    site = Site(tmp_path)
    outcomes: list[Outcome] = []

    def inputs() -> Iterable[WanInput]:
        for number in range(5):
            yield clip(number)
        raise RuntimeError("the source broke")

    async with site.client() as wan, wan.batch(inputs(), journal=site.path) as results:
        with pytest.raises(RuntimeError, match="the source broke"):
            async for outcome in results:
                outcomes.append(outcome)
    again = await site.run([clip(number) for number in range(5)], replay=False)
    assert len(outcomes) + len(again) == site.provider.stats.created == 5


async def test_two_batches_on_one_journal_at_once(tmp_path: Path) -> None:
    site = Site(tmp_path)
    async with site.client() as wan, wan.batch([clip("a")], journal=site.path):
        with pytest.raises(JournalError, match=r"in use|held|holds"):
            await site.run([clip("b")])
    assert len(await site.run([clip("a")])) == 1


async def test_a_journal_that_vanishes_stops_before_the_next_post_and_collects_what_runs(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    site = Site(tmp_path)
    outcomes: list[Outcome] = []
    created = 0
    async with site.client() as wan, wan.batch((clip(n) for n in range(10_000)), journal=site.path) as results:
        with pytest.raises(JournalError):
            async for outcome in results:
                outcomes.append(outcome)
                if len(outcomes) == 10:
                    site.path.unlink()
                    created = site.provider.stats.created
    # at most one POST a worker was in the air
    assert site.provider.stats.created <= created + 128
    delivered = {outcome.task_id for outcome in outcomes}
    assert delivered == set(site.provider.tasks)
    (line,) = [record for record in caplog.records if record.name == "wan_async.journal"]
    assert (line.levelname, str(site.path) in line.getMessage()) == ("WARNING", True)


async def test_custom_and_extended_inputs_come_back_as_they_were(tmp_path: Path) -> None:
    site = Site(tmp_path, models={"wan/new": {"type": "object"}}, price=_one)
    inputs = [CustomInput("wan/new", {"b": 1, "a": [1, {"x": None}]}), clip("é \U0001f98a")]
    first = {outcome.key: outcome.input for outcome in await site.run(inputs)}
    again = {outcome.key: outcome.input for outcome in await site.run(inputs)}
    assert again == first


async def test_random_stops_and_faults_lose_and_repeat_nothing(tmp_path: Path) -> None:
    dice = random.Random(7)
    site = Site(
        tmp_path,
        max_elapsed=10.0,  # two connections in a row that are dropped are not an unreachable service
        seconds=(0.2, 0.08),
        faults=[
            Fault("drop_after", call="createTask", rate=0.05),
            Fault("html", call="createTask", rate=0.05),
            Fault("refuse", call="createTask", code=429, rate=0.1),
            Fault("drop_before", call="createTask", rate=0.05),
            Fault("drop_after", call="recordInfo", rate=0.1),
            Fault("fail", rate=0.1),
        ],
    )
    inputs = [(f"key-{number}", clip(number)) for number in range(150)]
    for _ in range(30):
        task = asyncio.create_task(site.run(inputs, stop_after=dice.choice([None, 5, 40]), max_in_flight=25))
        done, _ = await asyncio.wait([task], timeout=dice.uniform(0.01, 0.4))
        if done and len(task.result()) == 150:
            break
        task.cancel()
        await asyncio.wait([task])
    final = await site.run(inputs)
    assert Counter(outcome.key for outcome in final) == {key: 1 for key, _ in inputs}
    assert max(site.created().values()) == 1
    known = {outcome.task_id for outcome in final if outcome.task_id}
    unknown = {outcome.key for outcome in final if isinstance(outcome.error, SubmissionUnknownError)}
    lost = {f"key-{task.prompt}" for task_id, task in site.provider.tasks.items() if task_id not in known}
    assert lost <= unknown
