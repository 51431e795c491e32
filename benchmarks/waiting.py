"""What a waiting task costs: bytes each, and µs to look at it and plan it again, with a million of them.

`python -m benchmarks.waiting [--quick] [--json] [--tasks N]`

Measured: resident memory per task while `--tasks` tasks are waited for by one poller (with and without the task's id);
CPU per cycle of taking the next due task from the agenda and planning it anew. For comparison (measured on CPython 3.11
at a million, with nothing but a sleep in each): an asyncio task 1,494 bytes, one in an anyio task group 4,746.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import random
import time
from pathlib import Path

from wan_async import Polling, RateLimit, TaskRecord, WanError
from wan_async._limiter import SlidingWindowLimiter
from wan_async._policy.agenda import Agenda, Entry
from wan_async._policy.polling import Planner
from wan_async._poller import Poller

from ._report import Row, show

_PAGE = 4096
_CYCLES = 200_000


def _resident() -> int:
    gc.collect()
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * _PAGE


async def _never(task_id: str) -> TaskRecord:
    raise WanError(task_id)


def _ignore(outcome: TaskRecord | WanError) -> None:
    pass


async def bytes_each(tasks: int) -> tuple[float, float]:
    """Bytes per waiting task: without its id, and with it."""
    poller = Poller(_never, SlidingWindowLimiter(RateLimit(10, per=1.0)), Polling(first=3600.0, interval=3600.0))
    before = _resident()
    ids = [f"{number:032x}" for number in range(tasks)]
    with_ids = _resident()
    for task_id in ids:
        poller.watch(task_id, _ignore)
    after = _resident()
    await poller.aclose()
    return (after - with_ids) / tasks, (after - before) / tasks


def reschedule(tasks: int) -> float:
    """CPU µs to take the next due task and plan it again, with so many planned over a minute."""
    chance = random.Random(7)
    schedule = Planner(Polling(first=10.0, interval=10.0)).schedule("")
    agenda: Agenda[Entry] = Agenda()
    for number in range(tasks):
        agenda.plan(Entry(str(number), schedule, -10.0), chance.uniform(0.0, 60.0))
    now, cpu = 0.0, time.process_time()
    for _ in range(_CYCLES):
        while (entry := agenda.take(now)) is None:
            now = max(now, agenda.next_due() or now) + 1e-3
        entry.failures = 1  # planned by hand, not by its schedule
        agenda.plan(entry, now + 60.0)
    return (time.process_time() - cpu) / _CYCLES * 1e6


def measure(tasks: int) -> tuple[list[Row], dict[str, float]]:
    """The table, and what `--check` compares: less is better."""
    plain, with_id = asyncio.run(bytes_each(tasks))
    rows: list[Row] = [
        {"what": f"a waiting task of {tasks}, bytes", "value": plain},
        {"what": "the same with its id, bytes", "value": with_id},
        {"what": "taken and planned again, CPU µs", "value": reschedule(tasks)},
    ]
    return rows, {"waiting task: bytes to an asyncio task's": plain / 1494}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.add_argument("--quick", action="store_true", help="100,000 tasks")
    parser.add_argument("--tasks", type=int, default=1_000_000)
    chosen = parser.parse_args()
    rows, _ = measure(100_000 if chosen.quick else chosen.tasks)
    show(rows, as_json=chosen.json, missing={})


if __name__ == "__main__":
    main()
