"""What a shared limit costs, and what is used of it: ours on each storage, three libraries on Redis.

`python -m benchmarks.shared [--json] [--quick]`: five minutes, or one; the servers are children of this process, the
libraries come with `pip install 'wan-async[bench,test]'`.

Each way and 1, 2, 4, 8 processes with 32 callers each, two stretches:

- free: the limit is never reached and calls end at once. Permits a second of all processes, round trips a permit, and
  CPU a permit in microseconds: of the processes, and of the server.
- full: 40 calls a second, over HTTP, at a provider in a process of its own with its own clock. The used part of its
  window, and the rejected part of what was sent.

Then many accounts: 1,000 keys at 20 calls per 10 s each, in four processes with a caller for each key, on Redis.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Sequence
from typing import Any

from ._account import provider, used
from ._report import Row, show
from ._shared_ways import WAYS
from ._shared_worker import FULL, KEYS, MANY
from ._storages import Place, places

PROCESSES = (1, 2, 4, 8)
SETTLE = 1.5
"""Seconds of the full stretch that are not counted: all begin with an empty window."""


class Workers:
    """Processes that do what they are told, all at the same time."""

    def __init__(self, processes: Sequence[asyncio.subprocess.Process]) -> None:
        self._processes = processes

    @classmethod
    async def started(cls, count: int, *arguments: str) -> Workers:
        """So many, connected."""
        command = [sys.executable, "-m", "benchmarks._shared_worker", *arguments]
        pipe = asyncio.subprocess.PIPE
        processes = [await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe) for _ in range(count)]
        workers = cls(processes)
        await workers.told()
        return workers

    async def told(self) -> list[Any]:
        """The next line of each."""
        lines = [await process.stdout.readline() for process in self._processes if process.stdout is not None]
        return [json.loads(line) for line in lines]

    async def do(self, what: str) -> list[Any]:
        """All do it; what each tells afterwards."""
        for process in self._processes:
            assert process.stdin is not None
            process.stdin.write(f"{what}\n".encode())
        return await self.told()

    async def aclose(self) -> None:
        for process in self._processes:
            process.kill()
            await process.wait()


async def measured(way: str, place: Place, count: int, seconds: float) -> Row:
    """One way, so many processes."""
    async with provider(FULL.n, FULL.per) as counting:
        workers = await Workers.started(count, way, place.url, counting.url)
        try:
            before = place.cpu()
            free = await workers.do(f"free {seconds / 3}")
            spent = place.cpu() - before
            since = await counting.now()
            await workers.do(f"full {seconds}")
            log = await counting.log()
        finally:
            await workers.aclose()
    permits = sum(one["permits"] for one in free)
    calls = [call for call in log.calls if call.at >= since + SETTLE]
    accepted = [call.at for call in calls if call.ok]
    return {
        "way": way,
        "processes": count,
        "permits/s": round(permits / (seconds / 3)),
        "trips": round(sum(one["trips"] for one in free) / permits, 2),
        "CPU, µs": round(1e6 * sum(one["cpu"] for one in free) / permits),
        "of the server": round(1e6 * spent / permits),
        "used, %": round(100 * used(accepted, FULL.n, FULL.per), 1),
        "rejected, %": round(100 * (1 - len(accepted) / max(1, len(calls))), 1),
    }


async def many(place: Place, seconds: float) -> Row:
    """Many accounts on Redis, from the second window on."""
    workers = await Workers.started(4, "redis", place.url, "")
    try:
        before, memory = place.cpu(), place.memory()
        first = await workers.do(f"many {seconds}")
        spent, memory = place.cpu() - before, place.memory() - memory
    finally:
        await workers.aclose()
    permits = sum(one["permits"] for one in first)
    return {
        "keys": KEYS,
        "processes": 4,
        "permits/s": round(permits / seconds),
        "of": round(KEYS * MANY.n / MANY.per),
        "trips": round(sum(one["trips"] for one in first) / permits, 2),
        "CPU, µs": round(1e6 * sum(one["cpu"] for one in first) / permits),
        "of the server": round(1e6 * spent / permits),
        "bytes a key": round(memory / KEYS),
    }


async def main() -> None:
    """Runs all."""
    quick = "--quick" in sys.argv
    rows, missing = list[Row](), dict[str, str]()
    with places() as found:
        by_kind = {place.kind: place for place in found}
        for way, (kind, _) in WAYS.items():
            for count in (4,) if quick else PROCESSES:
                rows.append(await measured(way, by_kind[kind], count, 4.5 if quick else 6.0))
        accounts = await many(by_kind["redis"], MANY.per if quick else 2 * MANY.per)
    show(rows, as_json="--json" in sys.argv, missing=missing)
    show([accounts], as_json="--json" in sys.argv, missing={})


if __name__ == "__main__":
    asyncio.run(main())
