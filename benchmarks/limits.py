"""How much of a hidden limit each way of keeping to it uses, and how much of what it sends is rejected.

`python -m benchmarks.limits [--json] [--plot PATH]`; the rivals come with `pip install 'wan-async[bench]'`.

Measured: a provider that counts a sliding window of 20 a second; one-way delays of 25 ms + exp(8 ms), at most 105 ms;
100 callers for 90 s. Every way meets the same provider with the same seed, in virtual time: exact, and done in
seconds; the libraries run their own code on the loop's clock. Scenarios:

- steady: the limit is as told.
- changed: halved after 30 s, three times that after 60 s; told 20, so those told nothing come to over 100 %.
- shared: a stranger calls ten times a second from 30 to 60 s and repeats nothing; its own does not count.
- lower: told 20, allowed 10.
- burst: 60 callers at once, told 1000 a second, allowed 5; the number of rejections until all are through.

Used is of what the limit, the told number and the stranger leave, rejected of what was sent; whole runs, and
"late" from ten windows after the limit fell, or the stranger came, until it rose, or the stranger went. Calls that
leave in flocks are in a late stretch of 20 windows once more or less, 3 %; tests/limits have the means. In the burst
the fixed rules are set to 20 a second as elsewhere; only ours is told 1000.
"""

from __future__ import annotations

import asyncio
import random
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from wan_async._limits.limiter import SlidingWindowLimiter
from wan_async._policy.settings import RateLimit

from ._provider import Limited, Provider, Schedule, Share, Way, measure, run, saturate, stranger
from ._report import Row, new_figure, options, save, show
from ._ways import PER, WAYS, N

SECONDS = 90.0
CALLERS = 100
_PLOTTED = ("semaphore 20, tenacity", "aiolimiter", "CUBIC (botocore)", "AIMD 0.9", "wan_async")


class Scenario(NamedTuple):
    """A limit over time, whether a stranger shares it, and the stretch in which all should have been learnt."""

    name: str
    schedule: Schedule
    shared: bool = False
    late: tuple[float, float] = (10.0, SECONDS)


SCENARIOS = (
    Scenario("steady", ((0.0, N),)),
    Scenario("changed", ((0.0, N), (30.0, N // 2), (60.0, 3 * N // 2)), late=(40.0, 60.0)),
    Scenario("shared", ((0.0, N),), shared=True, late=(40.0, 60.0)),
    Scenario("lower", ((0.0, N // 2),)),
)


class Result(NamedTuple):
    """What a way came to in a scenario; the provider remembers every arrival."""

    way: str
    scenario: Scenario
    provider: Provider

    def share(self, *, late: bool = False) -> Share:
        start, end = self.scenario.late if late else (0.0, SECONDS)
        return measure(self.provider, start, end, told=N)


def play(name: str, scenario: Scenario) -> Result:
    """One way in one scenario."""
    random.seed(7)
    provider = Provider(scenario.schedule, PER)
    run(_play(provider, WAYS[name], shared=scenario.shared))
    return Result(name, scenario, provider)


async def _play(provider: Provider, way: Callable[[], Way], *, shared: bool) -> None:
    every = 2 * PER / N if shared else SECONDS
    neighbour = asyncio.create_task(stranger(provider, 30.0, 60.0, every=every))
    await saturate(provider, way(), SECONDS, callers=CALLERS)
    await neighbour


def burst(name: str) -> int:
    """Rejections until 60 callers at once are through, told 1000 a second, allowed 5."""
    random.seed(7)
    provider = Provider(((0.0, 5),), 1.0)
    run(_burst(provider, WAYS[name] if name != "wan_async" else _told_too_much))
    return len(provider.rejected)


def _told_too_much() -> Way:
    return Limited(SlidingWindowLimiter(RateLimit(1000, per=1.0)))


async def _burst(provider: Provider, way: Callable[[], Way]) -> None:
    one = way()
    await asyncio.gather(*(one(provider.call) for _ in range(60)))


def row(results: list[Result], rejections: int) -> Row:
    """A way's line in the table: used / rejected in percent, whole run and late."""
    cells = {result.scenario.name: _percent(result.share()) for result in results}
    late = {f"{result.scenario.name} late": _percent(result.share(late=True)) for result in results[1:]}
    return {"way": results[0].way, **cells, **late, "burst": rejections}


def _percent(share: Share) -> str:
    return f"{100 * share.used:.1f} / {100 * share.rejected:.1f} %"


def plot(results: list[Result], path: Path) -> list[Path]:
    """Used and rejected calls a second over time, a column per scenario, a line per way."""
    figure = new_figure(15, 6)
    upper, lower = figure.subplots(2, len(SCENARIOS), sharex=True, sharey="row", squeeze=False)
    for top, bottom, scenario in zip(upper, lower, SCENARIOS, strict=True):
        top.set_title(scenario.name)
        top.step(*_limit(scenario), where="post", color="black", linewidth=3, alpha=0.25, label="limit")
        for result in results:
            if result.scenario is scenario and result.way in _PLOTTED:
                style = {"linewidth": 2.2} if result.way == "wan_async" else {"linewidth": 0.9, "alpha": 0.8}
                top.plot(*_by_second(result.provider.accepted), label=result.way, **style)
                bottom.plot(*_by_second(result.provider.rejected), **style)
        bottom.set_xlabel("seconds")
    upper[0].set_ylabel("accepted a second")
    lower[0].set_ylabel("rejected a second")
    lower[0].set_yscale("symlog")
    upper[0].legend(fontsize="small")
    return save(figure, path)


def _limit(scenario: Scenario) -> tuple[list[float], list[int]]:
    starts = [start for start, _ in scenario.schedule]
    limits = [limit for _, limit in scenario.schedule]
    return [*starts, SECONDS], [*limits, limits[-1]]


def _by_second(arrivals: list[tuple[float, str]], smooth: int = 3) -> tuple[list[float], list[float]]:
    counts = [0] * int(SECONDS)
    for at, who in arrivals:
        if who == "us" and at < SECONDS:
            counts[int(at)] += 1
    spans = range(len(counts) - smooth + 1)
    return [start + smooth / 2 for start in spans], [sum(counts[start : start + smooth]) / smooth for start in spans]


def main() -> None:
    """Runs all ways through all scenarios."""
    asked = options(__doc__)
    rows, results, missing = list[Row](), list[Result](), dict[str, str]()
    for name in WAYS:
        try:
            played = [play(name, scenario) for scenario in SCENARIOS]
        except ImportError as error:
            missing[name] = f"{error}; pip install 'wan-async[bench]'"
            continue
        rows.append(row(played, burst(name)))
        results += played
    show(rows, as_json=asked.as_json, missing=missing)
    if asked.plot is not None:
        for file in plot(results, asked.plot):
            print(f"wrote {file}", file=sys.stderr)


if __name__ == "__main__":
    main()
