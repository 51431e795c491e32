"""Entering is all or nothing, and whatever way a batch is left, it lets go."""

from __future__ import annotations

import asyncio
import gc
import os
import sys
from pathlib import Path

import pytest

from wan_async import ConfigurationError, Outcome, WanError
from wan_async._batch import Batch

from .support import Provider, collect, keyed


async def entered(batch: Batch) -> None:
    async with batch:
        await asyncio.sleep(3600)


@pytest.mark.parametrize("passes", [*range(12), 20, 40, 80])
async def test_a_cancelled_entry_holds_nothing(passes: int, tmp_path: Path) -> None:
    provider, before = Provider(), asyncio.all_tasks()
    await collect(provider.batch(keyed("a", "b"), tmp_path / "run.db"))
    entering = asyncio.create_task(entered(provider.batch(keyed("a", "b", "c"), tmp_path / "run.db")))
    for _ in range(passes):
        await asyncio.sleep(0)
    entering.cancel()
    with pytest.raises(asyncio.CancelledError):
        await entering
    assert asyncio.all_tasks() == before
    outcomes = await collect(provider.batch(keyed("a", "b", "c"), tmp_path / "run.db"))
    assert len(outcomes) == 3
    assert set(provider.created.values()) == {1}


async def test_a_target_that_cannot_work_is_told_before_the_journal_is_opened(tmp_path: Path) -> None:
    provider = Provider()

    async def refuse() -> None:
        raise ConfigurationError("download_to: a file is in the way")

    batch = provider.batch(keyed("a"), tmp_path / "run.db", check_target=refuse)
    with pytest.raises(ConfigurationError, match="in the way"):
        await collect(batch)
    assert list(tmp_path.iterdir()) == []
    assert not provider.created


async def test_a_batch_that_nobody_holds_lets_go_of_its_journal(tmp_path: Path) -> None:
    provider, before = Provider(), asyncio.all_tasks()
    provider.gate.clear()
    batch: Batch | None = provider.batch(keyed("a", "b"), tmp_path / "run.db")
    await batch.__aenter__()
    while len(provider.created) < 2:
        await asyncio.sleep(0.001)
    del batch
    gc.collect()
    async with asyncio.timeout(5):
        while asyncio.all_tasks() != before:
            await asyncio.sleep(0.01)
    provider.gate.set()
    outcomes = await collect(provider.batch(keyed("a", "b"), tmp_path / "run.db"))
    assert [outcome.ok for outcome in outcomes] == [True, True]
    assert provider.created == {"a": 1, "b": 1}


async def test_somebody_who_cancels_an_item_ends_the_batch_with_an_error() -> None:
    provider = Provider()
    provider.gate.clear()
    outcomes: list[Outcome] = []
    before = asyncio.all_tasks()
    async with provider.batch(keyed("a", "b", "c")) as results:
        await asyncio.sleep(0.01)
        (asyncio.all_tasks() - before).pop().cancel()
        await asyncio.sleep(0.01)
        provider.gate.set()
        with pytest.raises(WanError, match="cancelled by somebody else"):
            async for outcome in results:
                outcomes.append(outcome)
    assert len(outcomes) == 2


async def test_two_readers_of_one_batch_both_end() -> None:
    provider = Provider()
    async with asyncio.timeout(5), provider.batch(keyed(*"abcdef")) as results:

        async def read() -> list[str]:
            return [outcome.key async for outcome in results]

        first, second = await asyncio.gather(read(), read())
    assert sorted([*first, *second]) == list("abcdef")


FORKED = """
import asyncio, os, sys
sys.path.insert(0, {root!r})
from pathlib import Path
from tests.batch.support import Provider, collect, keyed

async def main():
    provider = Provider()
    provider.gate.clear()
    async with provider.batch(keyed(*"abc"), Path({journal!r})) as results:
        while len(provider.created) < 3:
            await asyncio.sleep(0.001)
        child = os.fork()
        if child == 0:
            try:
                await anext(results)
            except Exception as error:
                print(type(error).__name__, flush=True)
            await results.__aexit__(None, None, None)
            os._exit(7)  # asyncio's own way out would take the parent's loop its self-pipe
        while True:
            done, status = os.waitpid(child, os.WNOHANG)
            if done:
                break
            await asyncio.sleep(0.01)
        print(os.waitstatus_to_exitcode(status), flush=True)
        provider.gate.set()
        print(len([outcome async for outcome in results]), flush=True)

asyncio.run(main())
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")
async def test_a_forked_child_gets_an_error_at_once_and_can_exit(tmp_path: Path) -> None:
    root = str(Path(__file__).parents[2])
    program = FORKED.format(root=root, journal=str(tmp_path / "run.db"))
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", program, stdout=asyncio.subprocess.PIPE)
    output, _ = await asyncio.wait_for(process.communicate(), 30)
    assert output.decode().split() == ["WanError", "7", "3"]


async def test_a_loop_whose_batch_is_left_by_another_task_does_not_end_as_if_all_were_done() -> None:
    provider = Provider()
    provider.gate.clear()
    batch = provider.batch(keyed("a", "b"))
    async with batch as results:
        waiting = asyncio.ensure_future(anext(results))
        await asyncio.sleep(0.01)
    with pytest.raises(WanError, match="the batch was left before it ended"):
        await waiting


async def test_a_batch_that_ended_and_was_left_ends_the_loop_once_more() -> None:
    provider = Provider()
    async with provider.batch(keyed("a")) as results:
        assert [outcome.key async for outcome in results] == ["a"]
    assert [outcome.key async for outcome in results] == []
