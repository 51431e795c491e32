"""What a waiting task costs: bytes each, and µs to reschedule it, with a million of them.

`python -m benchmarks.waiting [--quick] [--json] [--tasks N]`

Measured: resident memory per task while `--tasks` tasks are waited for by one poller (with and without the task's id);
CPU per poll that finds its task undone, of all but the HTTP exchange and asyncio: what the workers and the poller ask
of queue and schedule. That is whether anything is to be planned anew, whether any task is due, taking one out, whether
more are due, noting that it is undone, asking its schedule for the next poll, planning it. It is the median of five
rounds of 200,000 polls after one more, with the schedule learnt of tasks of 300 s ± 12 % and with
`Polling(first=10, interval=60)`: 15,000 polls a second at a million tasks. The clock goes on to the next that is due,
by a millisecond at least; a task older than all that was learnt begins anew.

For comparison (measured on CPython 3.11 at a million, with nothing but a sleep in each): an asyncio task 1,494 bytes,
one in an anyio task group 4,746.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import multiprocessing
import random
import statistics
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from wan_async import Polling, RateLimit, TaskRecord, WanError
from wan_async._limits.limiter import SlidingWindowLimiter
from wan_async._policy.planner import Planner
from wan_async._policy.poll_queue import PollQueue
from wan_async._policy.schedules import Schedule
from wan_async._policy.waiting_task import WaitingTask
from wan_async._polling.poller import Poller

from ._report import Row, show

_PAGE = 4096
_POLLS = 200_000
_ROUNDS = 5
_OLDEST = 400.0


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


def reschedule(tasks: int, polling: Polling) -> float:
    """CPU µs to take a due task, see it undone and plan it again, with so many of all ages waiting."""
    chance = random.Random(7)
    schedule = Planner(polling).schedule("")
    for _ in range(128):
        schedule.observe(chance.gauss(300.0, 36.0))
    queue = _queue(tasks, schedule, chance)
    now = poll_next(queue, 0.0)
    rounds: list[float] = []
    for _ in range(_ROUNDS):
        cpu = time.process_time()
        now = poll_next(queue, now)
        rounds.append(time.process_time() - cpu)
    return statistics.median(rounds) / _POLLS * 1e6


def _queue(tasks: int, schedule: Schedule, chance: random.Random) -> PollQueue[WaitingTask]:
    """Tasks of all ages, each polled until now as its schedule says."""
    queue: PollQueue[WaitingTask] = PollQueue()
    for number in range(tasks):
        task = WaitingTask(str(number), schedule, -chance.uniform(0.0, _OLDEST))
        while (due := task.planned()) < 0.0:
            task.undone_at = due
        queue.plan(task, due)
    return queue


def poll_next(queue: PollQueue[WaitingTask], now: float) -> float:
    """Poll the next so many tasks; gives the clock after it."""
    for _ in range(_POLLS):
        queue.replan()
        while not queue.any_due(now) or (task := queue.take(now)) is None:
            now = max(now + 1e-3, queue.next_due() or now)
        queue.any_due(now)
        if now - task.since > _OLDEST:
            task.since = now
        task.undone(now)
        queue.plan(task, task.next_due(now))
    return now


def measure(tasks: int) -> tuple[list[Row], dict[str, float]]:
    """The table, and what `--check` compares: less is better.

    Measured in a process of its own: memory that was used before and is free would be filled first.
    """
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as fresh:
        return fresh.submit(_measure, tasks).result()


def _measure(tasks: int) -> tuple[list[Row], dict[str, float]]:
    plain, with_id = asyncio.run(bytes_each(tasks))
    rows: list[Row] = [
        {"what": f"a waiting task of {tasks}, bytes", "value": plain},
        {"what": "the same with its id, bytes", "value": with_id},
        {"what": "rescheduled as learnt, CPU µs", "value": reschedule(tasks, Polling())},
        {"what": "rescheduled as given, CPU µs", "value": reschedule(tasks, Polling(first=10.0, interval=60.0))},
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
