"""`max_credits`: nothing is submitted that could bring the credits spent above it, in any run on a journal."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from wan_async import (
    BudgetExceededError,
    CustomInput,
    InvalidInputError,
    Outcome,
)
from wan_async.emulator import Fault

from .sites import Site
from .virtual import client, clip, clips, collect, emulator


def _seven(model: str, fields: Mapping[str, Any]) -> float:
    return 7.0


@pytest.mark.virtual_time
async def test_the_budget_stops_before_it_is_exceeded() -> None:
    provider = emulator()
    outcomes: list[Outcome] = []
    async with client(provider) as wan, wan.batch(clips(100), max_credits=1000.0) as results:
        with pytest.raises(BudgetExceededError) as caught:
            async for outcome in results:
                outcomes.append(outcome)
    assert len(outcomes) == provider.stats.created == 25  # of 40 credits each
    assert caught.value.max_credits == 1000.0
    assert results.stats.credits == 1000.0


@pytest.mark.virtual_time
async def test_what_failed_or_was_refused_is_not_held_against_the_budget() -> None:
    faults = [
        Fault("fail", match="fails"),
        Fault("refuse", call="createTask", code=422, match="refused"),
    ]
    inputs = [clip(prompt) for prompt in ("a", "fails", "refused", "b")]
    outcomes, stats = await collect(client(emulator(faults=faults)), inputs, max_credits=80.0, max_in_flight=1)
    assert [outcome.ok for outcome in outcomes] == [True, False, False, True]
    assert stats.credits == 80.0


@pytest.mark.virtual_time
async def test_an_unknown_submission_stays_committed() -> None:
    provider = emulator(faults=[Fault("drop_after", call="createTask", times=1)])
    async with client(provider) as wan, wan.batch(clips(5), max_credits=80.0, max_in_flight=1) as results:
        with pytest.raises(BudgetExceededError):
            async for _ in results:
                pass
    assert provider.stats.created == 2


@pytest.mark.virtual_time
async def test_a_model_without_a_price_needs_one_under_a_budget() -> None:
    provider = emulator(models={"wan/new": {"type": "object"}}, price=_seven)
    inputs = [CustomInput("wan/new", {"a": 1}), CustomInput("wan/new", {"a": 2}, price=7.0)]
    outcomes, stats = await collect(client(provider), inputs, max_credits=10.0)
    by_index = {outcome.index: outcome for outcome in outcomes}
    assert isinstance(by_index[0].error, InvalidInputError)
    assert by_index[0].error.field == "price"
    assert by_index[1].ok
    assert stats.credits == 7.0
    outcomes, _ = await collect(client(provider), inputs)
    assert all(outcome.ok for outcome in outcomes)


@pytest.mark.parametrize("affordable", [1, 2, 20])
async def test_what_the_budget_was_set_aside_for_is_sent(tmp_path: Path, affordable: int) -> None:
    site = Site(tmp_path)
    outcomes: list[Outcome] = []
    async with asyncio.timeout(20), site.client() as wan:
        inputs = [clip(number) for number in range(100)]
        async with wan.batch(inputs, journal=site.path, max_credits=40.0 * affordable) as results:
            with pytest.raises(BudgetExceededError):
                async for outcome in results:
                    outcomes.append(outcome)
    assert sum(outcome.ok for outcome in outcomes) == site.provider.stats.created == affordable


async def test_the_budget_counts_earlier_runs(tmp_path: Path) -> None:
    site = Site(tmp_path)
    await site.run([clip(number) for number in range(10)])
    with pytest.raises(BudgetExceededError):
        await site.run([clip(number) for number in range(100)], max_credits=800.0)
    assert site.provider.stats.created == 20
