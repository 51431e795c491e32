"""What a batch costs beside its requests, and whether its memory grows.

`python -m benchmarks.batch [--quick] [--json] [--rounds N] [--items N]`

Measured: CPU per item of a batch (createTask, one poll that finds it done, its outcome handed over; 1,000 in flight, no
journal) beside two bare requests with aiohttp tuned by hand, from 64 workers, against a server in a process of its own.
Each arm runs in a fresh process in every round; the ratio is the median of the rounds'.

Memory: how much the process grows after the first 10,000 of `--items` items that pass through a window of 5,000.
`--items 1000000` is the full million; it takes minutes.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from wan_async import Polling, RateLimit, Wan22TextToVideoTurbo, WanClient

from ._arms import WORKERS
from ._report import Row, show
from ._rivals import tuned
from ._server import serving

_UNLIMITED = RateLimit(1_000_000, per=1.0)
_PAGE = 4096
_SETTLED = 10_000
"""Items after which memory may grow no more."""


class Cost(NamedTuple):
    """CPU µs per item, and by how many MB the process grew after the first 10,000."""

    cpu_us: float
    grown_mb: float = 0.0


def inputs(count: int) -> Iterator[Wan22TextToVideoTurbo]:
    return (Wan22TextToVideoTurbo(prompt=f"a fox, take {number}") for number in range(count))


async def ours(url: str, count: int, in_flight: int) -> Cost:
    """One batch, after a small one that warms everything up."""
    polling = Polling(first=0.05, interval=0.05)
    async with WanClient("k", base_url=url, limit=_UNLIMITED, query_limit=_UNLIMITED, polling=polling) as wan:

        async def run(items: int) -> list[int]:
            sizes: list[int] = []
            async with wan.batch(inputs(items), max_in_flight=in_flight) as results:
                async for outcome in results:
                    outcome.unwrap()
                    if outcome.index % 1000 == 0:
                        sizes.append(_resident())
            return sizes

        await run(1000)
        cpu = time.process_time()
        sizes = await run(count)
        cpu = time.process_time() - cpu
    after = sizes[_SETTLED // 1000 :]
    return Cost(cpu / count * 1e6, (max(after) - after[0]) / 1e6 if after else 0.0)


async def bare(url: str, count: int, in_flight: int) -> Cost:
    """The same requests, two an item, with nothing around them."""
    async with tuned(url) as calls:

        async def both(items: int) -> None:
            left = items

            async def worker() -> None:
                nonlocal left
                while left > 0:
                    left -= 1
                    await calls["submit"]()
                    await calls["poll"]()

            await asyncio.gather(*(worker() for _ in range(WORKERS)))

        await both(1000)
        cpu = time.process_time()
        await both(count)
        return Cost((time.process_time() - cpu) / count * 1e6)


ARMS: dict[str, Callable[[str, int, int], Awaitable[Cost]]] = {"batch": ours, "bare": bare}


def _resident() -> int:
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * _PAGE


def one(arm: str, url: str, count: int, in_flight: int) -> Cost:
    """One arm in a fresh process."""
    command = [sys.executable, "-m", "benchmarks.batch", "--arm", arm, url, str(count), str(in_flight)]
    return Cost(**json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout))


def measure(rounds: int, count: int, items: int) -> tuple[list[Row], dict[str, float]]:
    """The table, and what `--check` compares: less is better."""
    chance = random.Random(7)
    costs: dict[str, list[Cost]] = {arm: [] for arm in ARMS}
    with serving() as url:
        for _ in range(rounds):
            for arm in chance.sample(list(ARMS), len(ARMS)):
                costs[arm].append(one(arm, url, count, 1000))
        grown = one("batch", url, items, 5000).grown_mb
    pairs = zip(costs["batch"], costs["bare"], strict=True)
    ratio = statistics.median(batch.cpu_us / bare.cpu_us for batch, bare in pairs)
    middle = {arm: statistics.median(cost.cpu_us for cost in costs[arm]) for arm in ARMS}
    rows: list[Row] = [
        {"what": "an item of a batch, CPU µs", "value": middle["batch"]},
        {"what": "two bare requests, CPU µs", "value": middle["bare"]},
        {"what": "ratio", "value": ratio},
        {"what": f"growth from item {_SETTLED} to {items}, MB", "value": grown},
    ]
    return rows, {"batch item: CPU to two bare requests": ratio}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.add_argument("--quick", action="store_true", help="few items, 3 rounds")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--items", type=int, default=60_000, help="items for the growth of memory")
    parser.add_argument("--arm", nargs=4, metavar=("ARM", "URL", "COUNT", "IN_FLIGHT"), help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.arm:
        arm, url, count, in_flight = chosen.arm
        bytes(8 << 20)  # lifts glibc's threshold for mmap, in both arms
        print(json.dumps(asyncio.run(_run(ARMS[arm](url, int(count), int(in_flight))))._asdict()))
        return
    rows, _ = measure(3, 1000, 15_000) if chosen.quick else measure(chosen.rounds, 5000, chosen.items)
    show(rows, as_json=chosen.json, missing={})


async def _run(arm: Awaitable[Cost]) -> Cost:
    return await arm


if __name__ == "__main__":
    main()
