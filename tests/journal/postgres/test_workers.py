"""Real processes on a real PostgreSQL, killed and stopped, against a provider that counts, over real HTTP."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import sys
from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from wan_async._journal import State
from wan_async.emulator import Emulator

from ..stores import PostgresPlace
from ..support import PROGRAMS

pytestmark = pytest.mark.skipif(os.name != "posix", reason="processes are killed and stopped")

COUNT = 150


def provider(seconds: float = 0.4) -> Emulator:
    return Emulator(limit=None, query_limit=None, seconds=(seconds, 0.2), render=False)


class Workers:
    """Workers of one batch, and what they were handed."""

    def __init__(self, url: str, place: PostgresPlace, output: Path, replay: str, count: int, together: int) -> None:
        self._arguments = [str(PROGRAMS / "worker.py"), url, place.where, str(count), replay, str(together)]
        self._output = output
        self.outputs: list[Path] = []

    async def start(self) -> asyncio.subprocess.Process:
        self.outputs.append(self._output / f"{len(self.outputs)}.jsonl")
        self.outputs[-1].touch()
        return await asyncio.create_subprocess_exec(sys.executable, *self._arguments, str(self.outputs[-1]))

    def handed(self, number: int) -> list[dict[str, Any]]:
        """The whole lines of one worker's output: a kill may cut the last."""
        lines = self.outputs[number].read_bytes().split(b"\n")[:-1]
        return [msgspec.json.decode(line) for line in lines]


@asynccontextmanager
async def working(
    place: PostgresPlace, folder: Path, replay: str, seconds: float = 0.4, count: int = COUNT, together: int = 1
) -> AsyncGenerator[tuple[Workers, Emulator]]:
    emulator = provider(seconds)
    async with emulator.serve() as url:
        yield Workers(url, place, folder, replay, count, together), emulator


async def done(*processes: asyncio.subprocess.Process) -> None:
    async with asyncio.timeout(120):
        assert [await process.wait() for process in processes] == [0] * len(processes)


def created(emulator: Emulator) -> Counter[str]:
    """How often each prompt was paid for, by its key."""
    return Counter(task.prompt.replace("clip ", "key-") for task in emulator.tasks.values())


@pytest.mark.parametrize("replay", ["True", "False"])
async def test_two_workers_with_the_same_inputs(place: PostgresPlace, tmp_path: Path, replay: str) -> None:
    async with working(place, tmp_path, replay, together=2) as (workers, emulator):
        await done(await workers.start(), await workers.start())
    assert set(created(emulator).values()) == {1}
    handed = [Counter(one["key"] for one in workers.handed(number)) for number in range(2)]
    keys = {f"key-{number}": 1 for number in range(COUNT)}
    if replay == "True":
        assert handed == [keys, keys]
    else:
        assert handed[0] + handed[1] == keys
        assert min(map(len, handed)) > COUNT // 10, "one of them did nearly all"


async def test_workers_killed_again_and_again_pay_nothing_twice_and_lose_nothing(
    place: PostgresPlace, tmp_path: Path
) -> None:
    dice = random.Random(5)
    kills = int(os.environ.get("WAN_TEST_KILLS", "8"))
    async with working(place, tmp_path, "unseen", count=400) as (workers, emulator):
        running = [await workers.start() for _ in range(3)]
        for _ in range(kills):
            await asyncio.sleep(dice.uniform(0.4, 1.2))
            number = dice.randrange(3)
            if running[number].returncode is None:
                running[number].kill()
            await running[number].wait()
            running[number] = await workers.start()
        await done(*running)
        await done(await workers.start())
    assert max(created(emulator).values()) == 1
    outcomes = [one for number in range(len(workers.outputs)) for one in workers.handed(number)]
    assert {one["key"] for one in outcomes} == {f"key-{number}" for number in range(400)}
    unknown = {one["key"] for one in outcomes if one["unknown"]}
    assert all(one["ok"] for one in outcomes if one["key"] not in unknown)
    told = {one["task"] for one in outcomes}
    lost = {emulator.tasks[task].prompt.replace("clip ", "key-") for task in emulator.tasks.keys() - told}
    assert lost <= unknown
    assert len(unknown) <= 40 * kills
    assert set(place.entries(State.UNKNOWN)) == unknown


async def test_what_a_dead_worker_had_running_is_taken_over_and_not_paid_again(
    place: PostgresPlace, tmp_path: Path
) -> None:
    async with working(place, tmp_path, "True", seconds=6.0, count=20) as (workers, emulator):
        first = await workers.start()
        while len(emulator.tasks) < 20:
            await asyncio.sleep(0.05)
        await asyncio.sleep(0.5)  # their ids are on disk
        first.kill()
        await first.wait()
        await done(await workers.start())
    assert set(created(emulator).values()) == {1}
    assert Counter(one["ok"] for one in workers.handed(1)) == {True: 20}


async def test_a_worker_that_was_stopped_for_longer_than_its_lease_pays_for_nothing(
    place: PostgresPlace, tmp_path: Path
) -> None:
    async with working(place, tmp_path, "True", count=400) as (workers, emulator):
        first = await workers.start()
        while len(emulator.tasks) < 60:
            await asyncio.sleep(0.02)
        first.send_signal(signal.SIGSTOP)
        second = await workers.start()
        await asyncio.sleep(7)  # over twice its lease
        first.send_signal(signal.SIGCONT)
        await done(first, second)
    assert max(created(emulator).values()) == 1
    for number in range(2):
        assert Counter(one["key"] for one in workers.handed(number)) == {f"key-{number}": 1 for number in range(400)}
