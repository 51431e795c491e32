"""A real process, killed while it downloads, again and again: nothing is paid twice, every clip is there and whole."""

from __future__ import annotations

import asyncio
import os
import random
import sys
from collections import Counter
from pathlib import Path

import msgspec

from wan_async.emulator import Emulator, Fault

from .hosts import CLIP, MediaHost, serving
from .support import names

JOB = Path(__file__).with_name("job.py")
KILLS = int(os.environ.get("WAN_TEST_KILLS", "4"))
COUNT = 120


class Line(msgspec.Struct):
    key: str
    unknown: bool
    path: str | None


async def run_job(url: str, folder: Path, kill_after: float | None = None) -> bool:
    """True if the job came to its end before it was killed, so many seconds after it began to download."""
    places = [str(folder / name) for name in ("run.db", "clips")]
    arguments = [str(JOB), url, *places, str(COUNT), str(folder / "out.jsonl")]
    process = await asyncio.create_subprocess_exec(sys.executable, *arguments)
    begun, end = set(names(folder / "clips")), asyncio.create_task(process.wait())
    while kill_after is not None and not end.done() and not set(names(folder / "clips")) - begun:
        await asyncio.sleep(0.01)
    await asyncio.wait([end], timeout=30.0 if kill_after is None else kill_after)
    if end.done():
        assert end.result() == 0
        return True
    process.kill()
    await end
    assert kill_after is not None, "the job hangs"
    return False


async def test_clips_survive_kills(tmp_path: Path) -> None:
    dice = random.Random(3)
    host = MediaHost()
    host.break_every, host.pause = 100_000, 0.02
    provider = Emulator(limit=None, query_limit=None, seconds=(0.3, 0.1), render=False)
    left_over = 0
    async with provider.serve() as url, serving(host):
        provider.faults = [Fault("redirect", message=f"{host.url}/clip.mp4")]
        for _ in range(KILLS):
            if await run_job(url, tmp_path, dice.uniform(0.0, 0.4)):
                break
            left_over += sum(name.endswith(".part") for name in names(tmp_path / "clips"))
        assert await run_job(url, tmp_path)
        (tmp_path / "out.jsonl").unlink()
        fetched = len(host.asked)
        assert await run_job(url, tmp_path)
        assert len(host.asked) == fetched
    assert left_over, "no kill came during a download"
    assert all(name.endswith(".mp4") and not name.startswith(".") for name in names(tmp_path / "clips"))
    created = Counter(task.prompt for task in provider.tasks.values())
    assert max(created.values()) == 1
    lines = [msgspec.json.decode(line, type=Line) for line in (tmp_path / "out.jsonl").read_bytes().splitlines()]
    assert Counter(line.key for line in lines) == {f"Clip {number}": 1 for number in range(COUNT)}
    whole = [line for line in lines if not line.unknown]
    assert len(whole) > COUNT / 2
    assert all(Path(line.path or "").read_bytes() == CLIP for line in whole)
