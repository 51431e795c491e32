"""A real process, killed at random instants, against a provider that counts, over real HTTP."""

from __future__ import annotations

import asyncio
import os
import random
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import msgspec

from wan_async.emulator import Emulator

JOB = Path(__file__).with_name("job.py")
KILLS = int(os.environ.get("WAN_TEST_KILLS", "12"))
COUNT = int(os.environ.get("WAN_TEST_ITEMS", "400"))


async def run_job(url: str, folder: Path, kill_after: float | None) -> bool:
    """True if the job came to its end before it was killed."""
    arguments = [str(JOB), url, str(folder / "run.db"), str(COUNT), str(folder / "out.jsonl")]
    process = await asyncio.create_subprocess_exec(sys.executable, *arguments)
    try:
        async with asyncio.timeout(kill_after):
            code = await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()
        return False
    assert code == 0
    return True


def read(path: Path) -> list[dict[str, Any]]:
    lines = path.read_bytes().splitlines() if path.exists() else []
    outcomes: list[dict[str, Any]] = []
    for line in lines:
        try:
            outcomes.append(msgspec.json.decode(line))
        except msgspec.DecodeError:  # cut by the kill
            continue
    return outcomes


async def test_a_batch_killed_at_random_instants_repeats_and_loses_nothing(tmp_path: Path) -> None:
    dice = random.Random(11)
    provider = Emulator(limit=None, query_limit=None, seconds=(0.5, 0.2), render=False)
    async with provider.serve() as url:
        kills = 0
        for _ in range(KILLS):
            if await run_job(url, tmp_path, dice.uniform(0.25, 1.2)):
                break
            kills += 1
        while not await run_job(url, tmp_path, 60.0):
            pass
        (tmp_path / "out.jsonl").unlink()
        assert await run_job(url, tmp_path, 60.0)
    created = Counter(task.prompt for task in provider.tasks.values())
    assert max(created.values()) == 1, "a prompt was paid twice"
    final = read(tmp_path / "out.jsonl")
    assert Counter(outcome["key"] for outcome in final) == {f"key-{number}": 1 for number in range(COUNT)}
    unknown = {outcome["key"] for outcome in final if outcome["unknown"]}
    # what was in the air at a kill: the workers at most
    assert len(unknown) <= 50 * kills
    told = {outcome["task"] for outcome in final}
    lost = {task.prompt.replace("clip ", "key-") for task_id, task in provider.tasks.items() if task_id not in told}
    assert lost <= unknown, "a paid task was forgotten"
    assert all(outcome["ok"] for outcome in final if not outcome["unknown"])
    assert kills > 0
    print(f"{kills} kills, {len(unknown)} unknown of {COUNT}, {len(lost)} of them were created")
