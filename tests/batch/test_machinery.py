"""Whatever goes wrong inside a batch, its loop ends: each of its own steps is made to fail once."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from wan_async import Outcome, WanError
from wan_async._batch.batch import Run
from wan_async._batch.earlier import Earlier
from wan_async._batch.feeder import Feeder
from wan_async._batch.item import Items
from wan_async._batch.ledger import Ledger
from wan_async._batch.outbox import Outbox
from wan_async._batch.submission import Submission
from wan_async._journal.entries import State

from .memory_store import MemoryJournal, MemoryStore
from .support import Provider, collect, keyed

KEYS = [f"k{number}" for number in range(12)]
INSIDE: tuple[type[Any], ...] = (Run, Feeder, Items, Submission, Ledger, Earlier, Outbox, MemoryStore, Provider)
PLAIN = (Submission, Ledger, MemoryStore, Provider)
"""Of them not only the coroutines are made to fail."""


class Broken(Exception):
    """What is raised inside."""


def steps() -> Iterator[tuple[type[Any], str]]:
    for cls in INSIDE:
        for name, member in vars(cls).items():
            made_of_steps = name.startswith("__") or name in {"service", "batch"}
            if inspect.iscoroutinefunction(member) or (
                cls in PLAIN and inspect.isfunction(member) and not made_of_steps
            ):
                yield cls, name


def breaking(function: Callable[..., Any], nth: int) -> Callable[..., Any]:
    """The function, which raises at its n-th call."""
    calls = iter(range(1, 1_000_000))

    async def coroutine(*args: Any, **options: Any) -> Any:
        if next(calls) == nth:
            raise Broken
        return await function(*args, **options)

    def plain(*args: Any, **options: Any) -> Any:
        if next(calls) == nth:
            raise Broken
        return function(*args, **options)

    return coroutine if inspect.iscoroutinefunction(function) else plain


def left_behind(provider: Provider) -> None:
    """What the run that breaks finds in its journal comes from lost, throttled and unfetched items."""
    provider.lost = {"k1", "k2"}
    provider.throttled = {"k3", "k8"}


async def run(provider: Provider, journal: Path | None, stop_after: int | None = None, **options: Any) -> list[Outcome]:
    outcomes: list[Outcome] = []
    async with asyncio.timeout(2), provider.batch(keyed(*KEYS), journal, adopt=True, most=4, **options) as results:
        async for outcome in results:
            outcomes.append(outcome)
            if len(outcomes) == stop_after:
                break
    return outcomes


@pytest.mark.parametrize("nth", [1, 3])
@pytest.mark.parametrize("journalled", [True, False])
@pytest.mark.parametrize(("cls", "name"), list(steps()), ids=lambda one: getattr(one, "__name__", one))
async def test_the_loop_ends_and_the_next_run_has_everything(
    monkeypatch: pytest.MonkeyPatch, cls: type[Any], name: str, journalled: bool, nth: int
) -> None:
    provider, before = Provider(), asyncio.all_tasks()
    left_behind(provider)
    monkeypatch.setattr("wan_async._journal.open_store", MemoryJournal().open, raising=False)
    journal = Path("run.db") if journalled else None
    await run(provider, journal, stop_after=3)
    with monkeypatch.context() as patch:
        patch.setattr(cls, name, breaking(getattr(cls, name), nth))
        try:
            await run(provider, journal, fetch=True)
        except (Broken, WanError):
            pass
    await asyncio.sleep(0.01)
    assert asyncio.all_tasks() == before
    if journal is not None:
        provider.lost.clear()
        outcomes = await run(provider, journal, fetch=True)
        assert {outcome.key for outcome in outcomes} == set(KEYS)
        assert [outcome.error for outcome in outcomes if not outcome.ok and not outcome.unknown] == []
        assert max(provider.created.values()) == 1


async def test_what_fails_between_the_intent_and_the_post_is_known_not_to_be_sent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    journal, provider = MemoryJournal(), Provider()
    monkeypatch.setattr("wan_async._journal.open_store", journal.open, raising=False)
    monkeypatch.setattr(MemoryStore, "may_send", breaking(MemoryStore.may_send, 1))
    (outcome,) = await collect(provider.batch(keyed("a"), Path("run.db")))
    assert not outcome.unknown
    assert [row.entry.state for row in journal.rows.values()] == [State.QUEUED]
    assert not provider.created


@pytest.mark.parametrize("journalled", [True, False])
async def test_a_stop_that_fails_hangs_nothing(monkeypatch: pytest.MonkeyPatch, journalled: bool) -> None:
    monkeypatch.setattr("wan_async._journal.open_store", MemoryJournal().open, raising=False)
    monkeypatch.setattr(Outbox, "put", breaking(Outbox.put, 3))
    monkeypatch.setattr(Run, "stop", breaking(Run.stop, 1))
    with pytest.raises(Broken):
        await run(Provider(), Path("run.db") if journalled else None, fetch=True)
