"""What a journal costs: items a second and CPU per item of one batch, with `journal=` and without.

`python -m benchmarks.journal [--json] [--items N] [--rounds N] [--known N] [--only file|shared]`; what is shared needs
PostgreSQL from `pip install 'wan-async[test]'`, its rivals come with `wan-async[bench]`.

Measured: a batch over real HTTP against a server in a process of its own; each item is one createTask, five polls of
which the last finds it done, and its outcome handed over; 5,000 in flight, 64 connections. Each arm runs in a fresh
process, after a batch of 500 that loads its modules, arms interleaved, medians over the rounds. Ratios and differences
are those of the two arms of a round, which are seconds apart: what else a machine does changes within minutes by more
than a journal costs. With the journal every intent, id and outcome is on the disk (`synchronous=FULL`) before it
counts. CPU is that of the whole process, the journal's thread included.

The goal: at up to 1,000 items a second, with answers after 5 ms or more, at least 0.95 of the items a second without a
journal, and at most 80 µs of CPU an item more. There is none for the last row, where answers come at once and only the
interpreter holds a batch up: an account's own limit is 2 items a second. A task of a minute is polled 4.5 times where
durations are learnt, 6.9 times where they are not (`python -m benchmarks.polling`).
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from wan_async import Polling, RateLimit, Wan22TextToVideoTurbo, WanClient, WanInput

from . import _shared_journal
from ._report import Row, show
from ._server import serving

UNLIMITED = RateLimit(1_000_000, per=1.0)


def inputs(count: int) -> Iterator[tuple[str, WanInput]]:
    """Inputs with keys, as a journalled batch has them."""
    return ((f"key-{number}", Wan22TextToVideoTurbo(prompt=f"a fox, take {number}")) for number in range(count))


async def run(url: str, count: int, journal: Path | None, rate: int | None) -> dict[str, float]:
    """One batch; items a second, and CPU µs per item."""
    limit = UNLIMITED if rate is None else RateLimit(rate, per=1.0)
    wan = WanClient("k", base_url=url, limit=limit, query_limit=UNLIMITED, polling=Polling(first=0.05, interval=0.05))
    done = 0
    async with wan:
        first = None if journal is None else journal.with_name("first.db")
        async with wan.batch(inputs(500), journal=first, max_in_flight=500) as warm_up:
            async for outcome in warm_up:
                outcome.unwrap()
        began, cpu = time.perf_counter(), time.process_time()
        async with wan.batch(inputs(count), journal=journal, max_in_flight=5000) as results:
            async for outcome in results:
                outcome.unwrap()
                done += 1
        seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
    if done != count:
        raise RuntimeError(f"{done} outcomes of {count}")
    return {"items_per_s": count / seconds, "cpu_us": cpu / count * 1e6}


def one(url: str, count: int, *, journalled: bool, rate: int | None) -> dict[str, float]:
    """One arm in a fresh process."""
    with tempfile.TemporaryDirectory() as folder:
        journal = str(Path(folder, "run.db")) if journalled else ""
        command = [sys.executable, "-m", "benchmarks.journal", "--arm", url, journal]
        command += ["--items", str(count), "--rate", str(rate or 0)]
        return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


class Pace(NamedTuple):
    """What holds a batch up."""

    name: str
    delay: float = 0.0
    """Seconds until the server answers."""
    rate: int | None = None
    """Submissions a second, where they are limited."""
    times: int = 1
    """That many times the items: opening and closing a journal takes 0.1 s, which would count as much as the writes."""


POLLS = 5
PACES = (
    Pace("1,000 a second, answers after 5 ms", delay=0.005, rate=1000),
    Pace("answers after 50 ms", delay=0.05),
    Pace("answers after 5 ms", delay=0.005),
    Pace("answers at once", times=6),
)


def measure(count: int, rounds: int) -> list[Row]:
    """Both arms, at each pace, interleaved."""
    rows: list[Row] = []
    for pace in PACES:
        with serving(pace.delay, POLLS) as url:
            arms = _arms(url, count * pace.times, rounds, pace)
        for journalled in (False, True):
            row: dict[str, str | float] = {"batch": f"{pace.name}, {'with' if journalled else 'without'} journal"}
            for column in ("items_per_s", "cpu_us"):
                row[column] = statistics.median(result[column] for result in arms[journalled])
                in_rounds = zip(arms[journalled], arms[False], strict=True)
                row[f"{column}_ratio"] = statistics.median(one[column] / base[column] for one, base in in_rounds)
            more = (one["cpu_us"] - base["cpu_us"] for one, base in zip(arms[journalled], arms[False], strict=True))
            row["cpu_us_more"] = statistics.median(more)
            rows.append(row)
    return rows


def _arms(url: str, count: int, rounds: int, pace: Pace) -> dict[bool, list[dict[str, float]]]:
    arms: dict[bool, list[dict[str, float]]] = {False: [], True: []}
    for turn in range(rounds):
        for journalled in (False, True) if turn % 2 else (True, False):
            arms[journalled].append(one(url, count, journalled=journalled, rate=pace.rate))
    return arms


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.add_argument("--items", type=int, default=5000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--known", type=int, default=1_000_000, help="items of the shared journal that is resumed")
    parser.add_argument("--only", choices=("file", "shared"), help="one of the two kinds of journal")
    parser.add_argument("--rate", type=int, default=0, help=argparse.SUPPRESS)
    parser.add_argument("--arm", nargs=2, metavar=("URL", "JOURNAL"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.arm:
        bytes(8 << 20)  # lifts glibc's threshold for mmap, in both arms
        url, journal = arguments.arm
        result = asyncio.run(run(url, arguments.items, Path(journal) if journal else None, arguments.rate or None))
        print(json.dumps(result))
        return
    if arguments.only != "shared":
        show(measure(arguments.items, arguments.rounds), as_json=arguments.json, missing={})
    if arguments.only != "file":
        rows, missing = _shared_journal.measure(arguments.items, arguments.known)
        show(rows, as_json=arguments.json, missing=missing)


if __name__ == "__main__":
    main()
