"""How late a client is: from an answer to the caller's next line, and from a poll's due time to its sending.

`python -m benchmarks.latency [--quick] [--json]`

Measured on the wall clock, medians and the 99th percentile:

- *resumed*: from the moment at which a task's final record is there to the line after `await poller.wait(…)`, one task
  at a time, whose poll is due at once.
- *sent*: from the moment at which a poll is due to the call that sends it; polls come in at a third of what the query
  limit allows, at random moments.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import statistics

from wan_async import Polling, RateLimit, TaskRecord, TaskState
from wan_async._limits.limiter import SlidingWindowLimiter
from wan_async._polling.poller import Poller

from ._report import Row, show

_FIRST = 0.5
_QUERIES = 300
_LINKS = ("https://clips.example/t.mp4",)


async def resumed(count: int) -> list[float]:
    """Seconds from a record to the caller, for each of so many tasks in turn."""
    clock = asyncio.get_running_loop().time
    read_at = 0.0

    async def read(task_id: str) -> TaskRecord:
        nonlocal read_at
        await asyncio.sleep(0)
        record = TaskRecord(task_id=task_id, state=TaskState.SUCCESS, urls=_LINKS)
        read_at = clock()
        return record

    poller = Poller(read, SlidingWindowLimiter(RateLimit(1_000_000, per=1.0)), Polling(first=0.001, interval=0.001))
    late: list[float] = []
    for number in range(count):
        await poller.wait(str(number))
        late.append(clock() - read_at)
    return late


async def sent(seconds: float) -> list[float]:
    """Seconds from due to sent, for polls at a third of the limit's rate."""
    clock = asyncio.get_running_loop().time
    due: dict[str, float] = {}
    late: list[float] = []

    async def read(task_id: str) -> TaskRecord:
        late.append(clock() - due[task_id])
        await asyncio.sleep(0.02)
        return TaskRecord(task_id=task_id, state=TaskState.SUCCESS, urls=_LINKS)

    poller = Poller(read, SlidingWindowLimiter(RateLimit(_QUERIES, per=1.0)), Polling(first=_FIRST, interval=_FIRST))
    chance = random.Random(7)
    count, rate = int(seconds * _QUERIES / 3), _QUERIES / 3
    waits: list[asyncio.Task[TaskRecord]] = []
    for number in range(count):
        due[str(number)] = clock() + _FIRST
        waits.append(asyncio.ensure_future(poller.wait(str(number))))
        await asyncio.sleep(chance.expovariate(rate))
    await asyncio.gather(*waits)
    return late


def measure(count: int, seconds: float) -> list[Row]:
    """Both, in µs."""
    return [
        _row("record there → caller resumed", asyncio.run(resumed(count))),
        _row("poll due → sent, a third of capacity", asyncio.run(sent(seconds))),
    ]


def _row(what: str, late: list[float]) -> Row:
    return {
        "what": what,
        "median_us": statistics.median(late) * 1e6,
        "p99_us": statistics.quantiles(late, n=100)[98] * 1e6,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.add_argument("--quick", action="store_true", help="a few seconds")
    chosen = parser.parse_args()
    show(measure(500, 2.0) if chosen.quick else measure(2000, 8.0), as_json=chosen.json, missing={})


if __name__ == "__main__":
    main()
