"""`max_wait`: one task that never ends holds up no batch, and is collected by a later run."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from wan_async import ConfigurationError, Outcome, Polling, RateLimit, TaskTimeoutError, WanClient
from wan_async.emulator import Emulator

from .support import clip

FAST = RateLimit(1000, per=1.0)


def orphan_or_not(model: str, fields: Mapping[str, Any]) -> float:
    return 1.2 if fields["prompt"] == "orphan" else 0.1


def client(emulator: Emulator) -> WanClient:
    polling = Polling(first=0.05, interval=0.05)
    return WanClient("k", pool=emulator.transport(), limit=FAST, query_limit=FAST, polling=polling)


async def run(emulator: Emulator, prompts: list[str], **options: Any) -> list[Outcome]:
    async with client(emulator) as wan, wan.batch([clip(prompt) for prompt in prompts], **options) as results:
        return [outcome async for outcome in results]


@pytest.mark.parametrize("journalled", [False, True])
async def test_a_task_that_does_not_end_in_time_is_told_with_its_id(tmp_path: Path, journalled: bool) -> None:
    emulator = Emulator(limit=None, query_limit=None, seconds=orphan_or_not)
    journal = tmp_path / "run.db" if journalled else None
    outcomes = await run(emulator, ["a", "b", "orphan"], journal=journal, max_wait=0.6)
    by_index = {outcome.index: outcome for outcome in outcomes}
    assert [by_index[index].ok for index in range(3)] == [True, True, False]
    error = by_index[2].error
    assert isinstance(error, TaskTimeoutError)
    assert by_index[2].task_id == error.task_id in emulator.tasks
    assert by_index[2].record is None


async def test_the_journal_says_that_it_runs_and_the_next_run_collects_it(tmp_path: Path) -> None:
    emulator = Emulator(limit=None, query_limit=None, seconds=orphan_or_not)
    journal = tmp_path / "run.db"
    await run(emulator, ["a", "orphan"], journal=journal, max_wait=0.4)
    database = sqlite3.connect(journal)
    assert database.execute("select state, count(*) from item group by state").fetchall() == [
        ("done", 1),
        ("running", 1),
    ]
    database.close()
    await asyncio.sleep(0.6)
    outcomes = await run(emulator, ["a", "orphan"], journal=journal, max_wait=0.4, replay=False)
    assert [outcome.ok for outcome in outcomes] == [True]
    assert emulator.stats.created == 2


@pytest.mark.parametrize("max_wait", [-1, "5", True, float("nan"), float("inf")])
async def test_what_is_no_number_of_seconds_is_refused(max_wait: Any) -> None:
    with pytest.raises(ConfigurationError, match="max_wait"):
        client(Emulator()).batch([], max_wait=max_wait)
