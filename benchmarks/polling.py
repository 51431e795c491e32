"""Looks per task, how late tasks are found done, and queries a second: ours against fixed intervals, in virtual time.

`python -m benchmarks.polling [--json] [--plot FILE] [--tasks N]`

Measured: one provider whose tasks take their time by a mix of durations, a round trip of 60 ms, a query limit that
counts a sliding window; tasks are submitted at 2 a second. The rivals' ways: fal looks every 0.1 s and replicate every
0.5 s, openai every 1 s, runway every 6 s with a jitter of ±1.5 s; each of their tasks looks for itself, and a rejected
query is tried again at its next look. Ours, cold: with nothing learnt at the start. Ours, warm: after as many tasks
before. Ours, plain: `Polling(interval=6)`. The last mix puts more tasks in than its query limit can find in time.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import sys
from collections import deque
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from wan_async._limiter import SlidingWindowLimiter
from wan_async._policy.settings import Polling, RateLimit
from wan_async._poller import Poller
from wan_async._protocol import TaskRecord, TaskState
from wan_async.emulator.virtual_time import VirtualTimeLoop
from wan_async.errors import RateLimitError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

ROUND_TRIP = 0.06
_EPOCH = datetime(2026, 1, 1, tzinfo=UTC)


class Mix(NamedTuple):
    """Tasks to be waited for: how long they take, how many a second are submitted, how many queries are allowed."""

    name: str
    draw: Callable[[random.Random, float], float]
    rate: float = 2.0
    queries: int = 1000

    def durations(self, count: int) -> list[float]:
        draw = random.Random(7)
        return [max(0.5, self.draw(draw, number / count)) for number in range(count)]


MIXES = (
    Mix("4 s ± 12 %", lambda draw, part: draw.gauss(4, 0.48)),
    Mix("60 s ± 12 %", lambda draw, part: draw.gauss(60, 7.2)),
    Mix("240 s ± 12 %", lambda draw, part: draw.gauss(240, 28.8)),
    Mix("60 s, heavy tail", lambda draw, part: 60 * draw.lognormvariate(0, 0.4)),
    Mix("10 s or 200 s", lambda draw, part: draw.gauss(10, 1) if draw.random() < 0.7 else draw.gauss(200, 20)),
    Mix("60 s, then 30 s", lambda draw, part: (60 if part < 0.5 else 30) * draw.gauss(1, 0.12)),
    Mix("all at once, 10 queries/s", lambda draw, part: draw.gauss(60, 7.2), rate=1e6, queries=10),
)


class Result(NamedTuple):
    """What one way did on one mix."""

    mix: str
    way: str
    looks: float
    late_percent: float
    latest_percent: float
    most_per_second: int
    rejected_percent: float


class Provider:
    """Ends each task after its time, counts all queries, rejects what exceeds the limit."""

    def __init__(self, limit: int) -> None:
        self.tasks: dict[str, tuple[float, float]] = {}
        self.queries: list[float] = []
        self.rejected = 0
        self._limit = limit
        self._window: deque[float] = deque()

    async def read(self, task_id: str) -> TaskRecord:
        await asyncio.sleep(ROUND_TRIP / 2)
        now = asyncio.get_running_loop().time()
        admitted = self._admit(now)
        await asyncio.sleep(ROUND_TRIP / 2)
        if not admitted:
            raise RateLimitError(429, "too many")
        created, seconds = self.tasks[task_id]
        if now < created + seconds:
            return TaskRecord(task_id=task_id, state=TaskState.WAITING)
        start = _EPOCH + timedelta(seconds=created)
        end = start + timedelta(seconds=seconds)
        return TaskRecord(task_id=task_id, state=TaskState.SUCCESS, created_at=start, completed_at=end)

    def _admit(self, now: float) -> bool:
        self.queries.append(now)
        while self._window and self._window[0] <= now - 1.0:
            self._window.popleft()
        if len(self._window) >= self._limit:
            self.rejected += 1
            return False
        self._window.append(now)
        return True

    def most_per_second(self) -> int:
        """Most queries in any second."""
        times, first, most = sorted(self.queries), 0, 0
        for last, time in enumerate(times):
            while times[first] <= time - 1.0:
                first += 1
            most = max(most, last - first + 1)
        return most


class Way(NamedTuple):
    """A way to wait: given a provider, what awaits one task."""

    name: str
    waiter: Callable[[Provider, Mix, int], Callable[[str], Awaitable[object]]]


def fixed(interval: float, jitter: float = 0.0) -> Callable[[Provider, Mix, int], Callable[[str], Awaitable[object]]]:
    """Each task looks for itself, every `interval` ± `jitter` seconds."""

    def waiter(provider: Provider, mix: Mix, count: int) -> Callable[[str], Awaitable[object]]:
        draw = random.Random(3)

        async def wait(task_id: str) -> None:
            while True:
                await asyncio.sleep(interval + draw.uniform(-jitter, jitter))
                try:
                    record = await provider.read(task_id)
                except RateLimitError:
                    continue
                if record.state.is_final:
                    return

        return wait

    return waiter


def ours(polling: Polling, *, warm: bool) -> Callable[[Provider, Mix, int], Callable[[str], Awaitable[object]]]:
    """One poller for all, inside the query limit."""

    def waiter(provider: Provider, mix: Mix, count: int) -> Callable[[str], Awaitable[object]]:
        poller = Poller(provider.read, SlidingWindowLimiter(RateLimit(mix.queries, per=1.0)), polling)
        if warm:
            draw = random.Random(11)
            for _ in range(count):
                poller.observe("", max(0.5, mix.draw(draw, 0.0)))
        return poller.wait

    return waiter


WAYS = (
    Way("fal: every 0.1 s", fixed(0.1)),
    Way("replicate: every 0.5 s", fixed(0.5)),
    Way("openai: every 1 s", fixed(1.0)),
    Way("runway: every 6 ± 1.5 s", fixed(6.0, 1.5)),
    Way("ours, Polling(interval=6)", ours(Polling(interval=6.0), warm=False)),
    Way("ours, cold", ours(Polling(), warm=False)),
    Way("ours, warm", ours(Polling(), warm=True)),
)


async def run(way: Way, mix: Mix, count: int) -> Result:
    """Submit all tasks of the mix and wait for them."""
    loop = asyncio.get_running_loop()
    provider = Provider(mix.queries)
    wait = way.waiter(provider, mix, count)

    async def one(task_id: str, seconds: float) -> float:
        created = loop.time()
        provider.tasks[task_id] = (created, seconds)
        await asyncio.sleep(ROUND_TRIP / 2)
        await wait(task_id)
        return 100 * (loop.time() - created - seconds) / seconds

    running: list[asyncio.Task[float]] = []
    for number, seconds in enumerate(mix.durations(count)):
        running.append(loop.create_task(one(str(number), seconds)))
        await asyncio.sleep(1 / mix.rate)
    late = await asyncio.gather(*running)
    asked = len(provider.queries)
    return Result(
        mix.name,
        way.name,
        asked / count,
        sum(late) / count,
        max(late),
        provider.most_per_second(),
        100 * provider.rejected / asked,
    )


def measure(count: int) -> list[Result]:
    """Every way on every mix, each in an event loop of its own."""
    results: list[Result] = []
    for mix in MIXES:
        for way in WAYS:
            if way.name.startswith("fal") and mix.queries < 1000:
                continue  # 2000 tasks at 10 looks a second each: minutes of simulation for a table of rejections
            with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
                results.append(runner.run(run(way, mix, count)))
    return results


def show(results: list[Result]) -> None:
    """The results as a table."""
    print(f"{'mix':26} {'way':26} {'looks':>7} {'late %':>7} {'latest %':>9} {'max/s':>6} {'rejected %':>10}")
    for before, result in pairwise([None, *results]):
        assert result is not None
        mix = "" if before is not None and before.mix == result.mix else result.mix
        print(
            f"{mix:26} {result.way:26} {result.looks:7.1f} {result.late_percent:7.1f} {result.latest_percent:9.0f}"
            f" {result.most_per_second:6} {result.rejected_percent:10.1f}"
        )


def plot(results: list[Result], file: Path) -> None:
    """Lateness by looks per task, a panel per mix; needs matplotlib."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4 * len(MIXES), 4), layout="constrained")
    for axes, mix in zip(figure.subplots(1, len(MIXES)), MIXES, strict=True):
        for result in results:
            if result.mix == mix.name:
                axes.loglog(result.looks, max(result.late_percent, 0.1), "o", label=result.way)
        axes.set(title=mix.name, xlabel="looks per task", ylabel="found late, % of the duration")
    figure.axes[0].legend(fontsize="small")
    figure.savefig(file)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="write a plot: .png or .svg; needs matplotlib")
    parser.add_argument("--tasks", type=int, default=600, help="tasks of each mix")
    arguments = parser.parse_args()
    results = measure(arguments.tasks)
    if arguments.json:
        json.dump([result._asdict() for result in results], sys.stdout, indent=1)
    else:
        show(results)
    if arguments.plot:
        plot(results, arguments.plot)


if __name__ == "__main__":
    main()
