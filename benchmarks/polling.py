"""Looks per task, how late tasks are found done, and queries a second: ours against fixed intervals, in virtual time.

`python -m benchmarks.polling [--json] [--plot PATH]`

Columns: looks per task; `late` and `latest`, the mean and the most in percent of the task's duration; the most queries
in a second; the percentage of queries that were rejected.

Measured: one provider whose tasks take their time by a mix of durations, a round trip of 60 ms, a query limit that
counts a sliding window; tasks are submitted at 2 a second. The rivals' ways: fal looks every 0.1 s and replicate every
0.5 s, openai every 1 s, runway every 6 s with a jitter of ±1.5 s; each of their tasks looks for itself, and a rejected
query is tried again at its next look. Ours, cold: with nothing learnt at the start. Ours, warm: after as many tasks
before. Ours, plain: `Polling(interval=6)`. The last mix puts more tasks in than its query limit can find in time.
"""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from wan_async._limiter import SlidingWindowLimiter
from wan_async._policy.settings import Polling, RateLimit
from wan_async._poller import Poller
from wan_async._protocol import TaskRecord, TaskState
from wan_async.emulator.virtual_time import VirtualTimeLoop
from wan_async.errors import RateLimitError

from ._report import Figure, new_figure, options, panels, save, show

TASKS = 200
ROUND_TRIP = 0.06
_EPOCH = datetime(2026, 1, 1, tzinfo=UTC)


Draw = Callable[[random.Random, float], float]
"""How long a task takes, by chance and by how much of the batch came before it."""


class Mix(NamedTuple):
    """Tasks to be waited for: how long they take, how many a second are submitted, how many queries are allowed."""

    name: str
    draw: Draw
    rate: float = 2.0
    queries: int = 1000

    def durations(self, count: int) -> list[float]:
        chance = random.Random(7)
        return [max(0.5, self.draw(chance, number / count)) for number in range(count)]


def around(middle: float) -> Draw:
    """Spread by 12 %."""
    return lambda chance, part: chance.gauss(middle, 0.12 * middle)


def heavy_tail(chance: random.Random, part: float) -> float:
    return 60 * chance.lognormvariate(0, 0.4)


def two_humps(chance: random.Random, part: float) -> float:
    return chance.gauss(10, 1) if chance.random() < 0.7 else chance.gauss(200, 20)


def faster_from_half_on(chance: random.Random, part: float) -> float:
    return (60 if part < 0.5 else 30) * chance.gauss(1, 0.12)


MIXES = (
    Mix("4 s ± 12 %", around(4)),
    Mix("60 s ± 12 %", around(60)),
    Mix("240 s ± 12 %", around(240)),
    Mix("60 s, heavy tail", heavy_tail),
    Mix("10 s or 200 s", two_humps),
    Mix("60 s, then 30 s", faster_from_half_on),
    Mix("all at once, 10 queries/s", around(60), rate=1e6, queries=10),
)


class Result(NamedTuple):
    """What one way did on one mix."""

    mix: str
    way: str
    looks: float
    late: float
    latest: float
    most_per_second: int
    rejected: float


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


Wait = Callable[[str], Awaitable[object]]
Waiter = Callable[[Provider, Mix, int], Wait]


class Way(NamedTuple):
    """A way to wait: given a provider, a mix and a number of tasks, what awaits one of them."""

    name: str
    waiter: Waiter


def fixed(interval: float, jitter: float = 0.0) -> Waiter:
    """Each task looks for itself, every `interval` ± `jitter` seconds."""

    def waiter(provider: Provider, mix: Mix, count: int) -> Wait:
        chance = random.Random(3)

        async def wait(task_id: str) -> None:
            while True:
                await asyncio.sleep(interval + chance.uniform(-jitter, jitter))
                try:
                    record = await provider.read(task_id)
                except RateLimitError:
                    continue
                if record.state.is_final:
                    return

        return wait

    return waiter


def ours(polling: Polling, *, warm: bool) -> Waiter:
    """One poller for all, inside the query limit."""

    def waiter(provider: Provider, mix: Mix, count: int) -> Wait:
        poller = Poller(provider.read, SlidingWindowLimiter(RateLimit(mix.queries, per=1.0)), polling)
        if warm:
            chance = random.Random(11)
            for _ in range(count):
                poller.observe("", max(0.5, mix.draw(chance, 0.0)))
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
            with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
                results.append(runner.run(run(way, mix, count)))
    return results


def draw(results: list[Result]) -> Figure:
    """Lateness by looks per task, a panel per mix: below and to the left is better."""
    figure = new_figure(16, 7)
    every = panels(figure, 2, 4)
    for panel, mix in zip(every, MIXES, strict=False):
        for result in results:
            if result.mix == mix.name:
                panel.loglog(result.looks, result.late, "o", label=result.way)
        panel.axvline(5, color="0.8")
        panel.axhline(4, color="0.8")
        panel.set(title=mix.name, xlabel="looks per task", ylabel="found late, % of the duration")
    every[len(MIXES)].axis("off")
    every[len(MIXES)].legend(*every[0].get_legend_handles_labels(), loc="center")
    return figure


def main() -> None:
    """Measure, print, and draw where asked to."""
    chosen = options(__doc__)
    results = measure(TASKS)
    show([result._asdict() for result in results], as_json=chosen.as_json, missing={})
    if chosen.plot is not None:
        save(draw(results), chosen.plot)


if __name__ == "__main__":
    main()
