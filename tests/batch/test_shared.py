"""A batch whose journal has many writers: each key is sent by one of them, and each hands over what it is asked to."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from wan_async import JournalError, Outcome
from wan_async._batch import Batch
from wan_async._batch.run import TAKE_OVER_EVERY

from .memory_store import MemoryJournal, MemoryStore
from .support import Provider, clip, collect, keyed

DATABASE = Path("postgresql://host/batch")
pytestmark = pytest.mark.virtual_time


@pytest.fixture
def journal(monkeypatch: pytest.MonkeyPatch) -> MemoryJournal:
    journal = MemoryJournal()
    monkeypatch.setattr("wan_async._journal.open_store", journal.join, raising=False)
    return journal


async def once(condition: Callable[[], object]) -> None:
    while not condition():
        await asyncio.sleep(0.01)


async def together(*batches: Batch) -> list[list[Outcome]]:
    async with asyncio.timeout(60):
        return list(await asyncio.gather(*(collect(one) for one in batches)))


@pytest.mark.parametrize("workers", [2, 3])
async def test_each_worker_has_an_outcome_for_each_of_its_inputs_and_each_is_paid_once(
    journal: MemoryJournal, workers: int
) -> None:
    provider, keys = Provider(), [f"k{number}" for number in range(50)]
    handed = await together(*(provider.batch(keyed(*keys), DATABASE, most=10) for _ in range(workers)))
    for outcomes in handed:
        assert sorted(outcome.key for outcome in outcomes) == sorted(keys)
        assert all(outcome.ok for outcome in outcomes)
    assert provider.created == dict.fromkeys(keys, 1)
    made = [outcome for outcomes in handed for outcome in outcomes if not outcome.replayed]
    assert sorted(outcome.key for outcome in made) == sorted(keys)


async def test_without_replay_each_outcome_is_handed_over_once_among_all(journal: MemoryJournal) -> None:
    provider, keys = Provider(), [f"k{number}" for number in range(50)]
    handed = await together(*(provider.batch(keyed(*keys), DATABASE, most=10, replay=False) for _ in range(3)))
    assert sorted(outcome.key for outcomes in handed for outcome in outcomes) == sorted(keys)
    assert provider.created == dict.fromkeys(keys, 1)


async def test_what_ended_elsewhere_is_handed_over_as_this_workers_item(journal: MemoryJournal) -> None:
    provider = Provider()
    await collect(provider.batch(keyed("a", "b"), DATABASE))
    (outcome,) = await collect(provider.batch(keyed("b"), DATABASE))
    assert (outcome.index, outcome.key, outcome.ok, outcome.replayed) == (0, "b", True, True)
    assert provider.created == {"a": 1, "b": 1}


async def test_another_workers_key_with_another_input_is_that_items_error(journal: MemoryJournal) -> None:
    provider = Provider()
    provider.gate.clear()
    first = asyncio.create_task(collect(provider.batch(keyed("a"), DATABASE)))
    await once(lambda: provider.created)
    second = await collect(provider.batch([("a", clip("other"))], DATABASE))
    assert isinstance(second[0].error, JournalError)
    provider.gate.set()
    assert (await first)[0].ok
    assert provider.created == {"a": 1}


async def test_what_a_dead_worker_had_running_is_taken_over_while_the_batch_runs(
    journal: MemoryJournal, monkeypatch: pytest.MonkeyPatch
) -> None:
    provider = Provider()
    provider.gate.clear()
    dead = provider.batch(keyed("a", "b"), DATABASE)
    async with dead:
        await once(lambda: len(provider.created) == 2)
        await asyncio.sleep(0.01)
        living = asyncio.create_task(collect(provider.batch(keyed("a", "b", "c"), DATABASE)))
        await once(lambda: len(provider.created) == 3)
    provider.gate.set()  # it left: what it had is free
    outcomes = await asyncio.wait_for(living, TAKE_OVER_EVERY * 3)
    assert {outcome.key for outcome in outcomes if outcome.ok} == {"a", "b", "c"}
    assert provider.created == {"a": 1, "b": 1, "c": 1}


async def test_what_another_worker_took_back_is_sent_by_this_one(journal: MemoryJournal) -> None:
    provider = Provider()
    provider.held = asyncio.Event()
    first = provider.batch(keyed("a"), DATABASE)
    async with first:
        await once(lambda: provider.under_way)
        second = asyncio.create_task(collect(provider.batch(keyed("a"), DATABASE)))
        await asyncio.sleep(0.1)
        provider.refuse_next = True
        first.stop()
        provider.held.set()
        with pytest.raises(StopAsyncIteration):
            await anext(first)
    await asyncio.sleep(0.1)
    async with journal.changed:
        journal.changed.notify_all()
    assert [outcome.ok for outcome in await asyncio.wait_for(second, 10)] == [True]
    assert provider.created == {"a": 1}


async def test_a_worker_whose_lease_is_gone_sends_nothing(
    journal: MemoryJournal, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = iter([False, False, True])

    def may_send(store: MemoryStore, key: str | None = None) -> bool:
        return next(answers)

    monkeypatch.setattr(MemoryStore, "may_send", may_send)
    provider = Provider()
    outcomes = await collect(provider.batch(keyed("a"), DATABASE))
    assert [outcome.ok for outcome in outcomes] == [True]
    assert [row.entry.attempt for row in journal.rows.values()] == [3]


async def test_an_outcome_that_comes_too_late_is_replaced_by_the_one_that_stands(journal: MemoryJournal) -> None:
    provider = Provider()
    provider.gate.clear()
    late = asyncio.create_task(collect(provider.batch(keyed("a"), DATABASE)))
    await once(lambda: provider.created)
    await asyncio.sleep(0.01)
    journal.rows["a"].worker.alive = False  # a long pause
    taken = asyncio.create_task(collect(provider.batch([], DATABASE)))
    await asyncio.sleep(0.01)
    provider.gate.set()
    assert [outcome.ok for outcome in await taken] == [True]
    assert [(outcome.ok, outcome.replayed) for outcome in await late] == [(True, True)]


async def test_the_budget_is_the_batchs(journal: MemoryJournal) -> None:
    provider = Provider()
    keys = [[f"{worker}{number}" for number in range(10)] for worker in "ab"]
    batches = [provider.batch(keyed(*its), DATABASE, max_credits=400.0) for its in keys]
    await asyncio.gather(*(collect(one) for one in batches), return_exceptions=True)
    assert sum(provider.created.values()) == 10
