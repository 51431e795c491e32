"""Polls per task, how late tasks are found done, and queries a second: ours against fixed intervals, in virtual time.

`python -m benchmarks.polling [--json] [--plot PATH]`

Columns: polls per task; `late`, `late_95` and `latest`, the mean, the 95th percentile and the most in percent of the
task's duration; `unseen`, the most seconds for which a task was not polled; the most queries in a second; the
percentage of queries that were rejected.

Measured: one provider whose tasks take their time by a mix of durations, a round trip of 60 ms, a query limit that
counts a sliding window; tasks are submitted at 2 a second. The rivals' ways: fal polls every 0.1 s and replicate every
0.5 s, openai every 1 s, runway every 6 s with a jitter of ±1.5 s; each of their tasks polls for itself, and a rejected
query is tried again at its next poll. Ours, cold: with nothing learnt at the start. Ours, warm: after as many tasks
before. Ours, plain: `Polling(interval=6)`.

The last two put more tasks in than their query limit, the provider's 10 a second, can find in time. In the last, 2,000
are in flight: 6,000 of two kinds in turns, each submitted when one is found, which takes 11 polls a second if none is
in vain; its rows tell the kinds apart. The two ways that poll most often are left out there: 10 million queries. All of
it takes three minutes.
"""

from __future__ import annotations

import asyncio
import random
from collections import defaultdict, deque
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import NamedTuple

from wan_async._limits.limiter import SlidingWindowLimiter
from wan_async._policy.planner import Planner
from wan_async._policy.settings import Polling, RateLimit
from wan_async._polling.poller import Poller
from wan_async._protocol import TaskRecord, TaskState
from wan_async.emulator.virtual_time import VirtualTimeLoop
from wan_async.errors import RateLimitError

from ._mixes import MIXES, Mix
from ._report import Figure, new_figure, options, panels, save, show

ROUND_TRIP = 0.06
_LINKS = ("https://clips.example/t.mp4",)
_EPOCH = datetime(2026, 1, 1, tzinfo=UTC)


class Result(NamedTuple):
    """What one way did on one mix."""

    mix: str
    way: str
    polls: float
    late: float
    late_95: float
    latest: float
    unseen: float
    most_per_second: int
    rejected: float


class Provider:
    """Ends each task after its time, counts all queries, rejects what exceeds the limit."""

    def __init__(self, limit: int) -> None:
        self.tasks: dict[str, tuple[float, float]] = {}
        self.queries: list[float] = []
        self.polls: defaultdict[str, list[float]] = defaultdict(list)
        self.rejected = 0
        self._limit = limit
        self._window: deque[float] = deque()

    async def read(self, task_id: str) -> TaskRecord:
        await asyncio.sleep(ROUND_TRIP / 2)
        now = asyncio.get_running_loop().time()
        admitted = self._admit(now)
        await asyncio.sleep(ROUND_TRIP / 2)
        self.polls[task_id].append(now)
        if not admitted:
            raise RateLimitError(429, "too many")
        created, seconds = self.tasks[task_id]
        if now < created + seconds:
            return TaskRecord(task_id=task_id, state=TaskState.WAITING)
        start = _EPOCH + timedelta(seconds=created)
        end = start + timedelta(seconds=seconds)
        return TaskRecord(task_id=task_id, state=TaskState.SUCCESS, urls=_LINKS, created_at=start, completed_at=end)

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


Wait = Callable[[str, str], Awaitable[object]]
"""Given a task's id and its kind."""
Waiter = Callable[[Provider, Mix], Wait]


class Way(NamedTuple):
    """A way to wait: given a provider and a mix, what awaits one of them."""

    name: str
    waiter: Waiter


def fixed(interval: float, jitter: float = 0.0) -> Waiter:
    """Each task polls for itself, every `interval` ± `jitter` seconds."""

    def waiter(provider: Provider, mix: Mix) -> Wait:
        chance = random.Random(3)

        async def wait(task_id: str, kind: str) -> None:
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

    def waiter(provider: Provider, mix: Mix) -> Wait:
        planner = Planner(polling)
        poller = Poller(provider.read, SlidingWindowLimiter(RateLimit(mix.queries, per=1.0)), planner)
        if warm:
            chance = random.Random(11)
            for kind, draw in mix.kinds.items():
                for _ in range(mix.tasks // len(mix.kinds)):
                    planner.schedule(kind).observe(max(0.5, draw(chance, 0.0)))
        return lambda task_id, kind: poller.wait(task_id, kind=kind)

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


class Found(NamedTuple):
    """When a task was submitted and found done, and how long it took."""

    task_id: str
    kind: str
    submitted: float
    seconds: float
    found: float

    @property
    def late(self) -> float:
        """In percent of its duration."""
        return 100 * (self.found - self.submitted - self.seconds) / self.seconds


async def run(way: Way, mix: Mix) -> list[Result]:
    """Submit all tasks of the mix and wait for them."""
    loop = asyncio.get_running_loop()
    provider = Provider(mix.queries)
    wait = way.waiter(provider, mix)
    free = asyncio.Semaphore(mix.in_flight)

    async def one(task_id: str, kind: str, seconds: float) -> Found:
        submitted = loop.time()
        provider.tasks[task_id] = (submitted, seconds)
        await asyncio.sleep(ROUND_TRIP / 2)
        await wait(task_id, kind)
        free.release()
        return Found(task_id, kind, submitted, seconds, loop.time())

    running: list[asyncio.Task[Found]] = []
    for number, (kind, seconds) in enumerate(mix.durations()):
        await free.acquire()
        running.append(loop.create_task(one(str(number), kind, seconds)))
        await asyncio.sleep(1 / mix.rate)
    found = await asyncio.gather(*running)
    return [summed_up(way, mix, provider, kind, [each for each in found if each.kind == kind]) for kind in mix.kinds]


def summed_up(way: Way, mix: Mix, provider: Provider, kind: str, found: list[Found]) -> Result:
    """What one way did on the tasks of one kind."""
    late = sorted(each.late for each in found)
    times = [[each.submitted, *provider.polls[each.task_id]] for each in found]
    return Result(
        mix.name + kind,
        way.name,
        sum(len(each) - 1 for each in times) / len(found),
        sum(late) / len(found),
        late[int(0.95 * len(found))],
        late[-1],
        max(after - before for each in times for before, after in pairwise(each)),
        provider.most_per_second(),
        100 * provider.rejected / len(provider.queries),
    )


def measure() -> list[Result]:
    """Every way on every mix, each in an event loop of its own."""
    results: list[Result] = []
    for mix in MIXES:
        for way in WAYS[mix.left_out :]:
            with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
                results += runner.run(run(way, mix))
    return results


def draw(results: list[Result]) -> Figure:
    """Lateness by polls per task, a panel per mix: below and to the left is better."""
    figure = new_figure(20, 7)
    every = panels(figure, 2, 5)
    titles = tuple(dict.fromkeys(result.mix for result in results))
    for panel, title in zip(every, titles, strict=False):
        for result in results:
            if result.mix == title:
                panel.loglog(result.polls, result.late, "o", label=result.way)
        panel.axvline(5, color="0.8")
        panel.axhline(4, color="0.8")
        panel.set(title=title, xlabel="polls per task", ylabel="found late, % of the duration")
    every[len(titles)].axis("off")
    every[len(titles)].legend(*every[0].get_legend_handles_labels(), loc="center")
    return figure


def main() -> None:
    """Measure, print, and draw where asked to."""
    chosen = options(__doc__)
    results = measure()
    show([result._asdict() for result in results], as_json=chosen.as_json, missing={})
    if chosen.plot is not None:
        save(draw(results), chosen.plot)


if __name__ == "__main__":
    main()
