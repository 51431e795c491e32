"""Processes that share an account's limit, against a provider in a process of its own, over HTTP: what is used of it.

`python -m benchmarks.account [--json] [STORAGE…]`; STORAGE: file, redis, postgresql; all take five minutes. The servers
are children of this process, from `pip install 'wan-async[test]'`.

Four processes are told 40 calls per 2 s, each with 40 callers that submit again at once; their clocks are 30 s apart.
A window's used part is that of its slots that are taken anew when they are free; rejected is a part of what was sent.

- steady: the limit is as told, measured from a window after the last had begun: those that began before had its share.
- stopped: one is stopped for 4 s and goes on (SIGSTOP, SIGCONT), measured from then.
- killed: two of the four are killed, measured from two windows later.
- lower: 24 are allowed, measured from the first call.
- queries: 10 recordInfo a second are allowed; two processes submit and look at a task of theirs with 5 callers, two
  only look, with 500 callers each. "beside queries": the submissions meanwhile.
- away: the storage's server is killed and started again 3.5 s later; measured from the first call to 10 s after. What
  it held is lost, so that nothing leaves for a window: of what is used only that tells.
- one process: three clients with pools of their own, no storage.
"""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import NamedTuple

from wan_async._policy.settings import RateLimit

from ._account import Log, Provider, provider, used
from ._processes import Process, processes
from ._report import Row, show
from ._storages import KINDS, Place, places

TOLD = RateLimit(40, per=2.0)
FOUR = ("a", "b", "c", "d")
SKEW = (0.0, 30.0, -30.0, 15.0)


class Found(NamedTuple):
    """What came of a stretch of time.

    Attributes:
        used: part of the window.
        rejected: part of what was sent.
        shares: of the processes, as parts of the fair one.
        failed: processes that ended by an error.
    """

    used: float
    rejected: float
    shares: tuple[float, ...] = ()
    failed: int = 0


def found(log: Log, who: Sequence[Process], n: int, *, since: float = 0.0, kind: str = "createTask") -> Found:
    """What came since then, of calls of that kind, where n are allowed."""
    calls = [call for call in log.calls if call.at >= since and call.kind == kind]
    accepted = [call for call in calls if call.ok]
    callers = [call.who for call in accepted]
    fair = max(1, len(callers)) / len(who)
    return Found(
        used([call.at for call in accepted], n, TOLD.per if kind == "createTask" else 1.0),
        1 - len(accepted) / max(1, len(calls)),
        tuple(callers.count(process.name) / fair for process in who),
        sum(process.failed for process in who),
    )


Results = Mapping[str, Found]
"""By what happened."""


class Site(NamedTuple):
    """A provider, and processes at work on it."""

    provider: Provider
    processes: list[Process]
    place: Place
    since: float


@asynccontextmanager
async def at_work(place: Place, allowed: int = TOLD.n) -> AsyncGenerator[Site]:
    """Four processes on a storage that knows nothing of their account."""
    async with (
        provider(allowed, TOLD.per) as counting,
        processes(FOUR, counting.url, place.url, TOLD, skew=SKEW) as working,
    ):
        yield Site(counting, working, place, await counting.now())


async def together(place: Place, seconds: float = 16.0) -> Results:
    """All four for that long, one of them stopped for 4 s, then two killed."""
    async with at_work(place) as site:
        await asyncio.sleep(TOLD.per)
        steady = await _after(site, seconds, site.processes)
        site.processes[0].send(signal.SIGSTOP)
        await asyncio.sleep(4.0)
        site.processes[0].send(signal.SIGCONT)
        stopped = await _after(site, seconds / 2, site.processes)
        for process in site.processes[:2]:
            process.send(signal.SIGKILL)
        await asyncio.sleep(2 * TOLD.per)
        killed = await _after(site, seconds, site.processes[2:])
        return {"steady": steady, "stopped": stopped, "killed": killed}


async def _after(site: Site, seconds: float, who: Sequence[Process]) -> Found:
    since = await site.provider.now()
    await asyncio.sleep(seconds)
    return found(await site.provider.log(), who, TOLD.n, since=since)


async def lower(place: Place, seconds: float = 20.0) -> Results:
    """Less is allowed than they are told."""
    async with at_work(place, 24) as site:
        await asyncio.sleep(seconds)
        return {"lower": found(await site.provider.log(), site.processes, 24)}


async def away(place: Place, seconds: float = 10.0) -> Results:
    """The storage's server is killed, and started again."""
    async with at_work(place) as site:
        await asyncio.sleep(3.0)
        assert place.server is not None
        await place.server.kill()
        await asyncio.sleep(3.5)
        await place.server.start()
        await asyncio.sleep(seconds)
        return {"away": found(await site.provider.log(), site.processes, TOLD.n)}


async def polls(place: Place, seconds: float = 12.0) -> Results:
    """The window of queries, and its shares; that of submissions must be used as ever."""
    async with (
        provider(TOLD.n, TOLD.per, 10) as counting,
        processes(FOUR[:2], counting.url, place.url, TOLD, what="wait") as waiting,
        processes(FOUR[2:], counting.url, place.url, TOLD, what="both") as submitting,
    ):
        since = await counting.now()
        await asyncio.sleep(seconds)
        log = await counting.log()
        asked = found(log, [*waiting, *submitting], 10, since=since, kind="recordInfo")
        sent = found(log, submitting, TOLD.n, since=since)
        return {"queries": asked, "beside queries": sent}


async def one_process(seconds: float = 12.0) -> Results:
    """Three clients with pools of their own, no storage."""
    async with provider(TOLD.n, TOLD.per) as counting, processes(("a",), counting.url, "", TOLD) as working:
        await asyncio.sleep(seconds)
        return {"one process": found(await counting.log(), working, TOLD.n)}


SCENARIOS: tuple[Callable[[Place], Awaitable[Results]], ...] = (together, lower, polls, away)


def row(place: str, name: str, result: Found) -> Row:
    shares = f"{min(result.shares):.2f} to {max(result.shares):.2f}" if len(result.shares) > 1 else ""
    percent = {"used, %": round(100 * result.used, 1), "rejected, %": round(100 * result.rejected, 1)}
    return {"storage": place, "scenario": name, **percent, "shares": shares, "failed": result.failed}


async def main() -> None:
    """Runs all."""
    asked = [argument for argument in sys.argv[1:] if not argument.startswith("--")] or KINDS
    rows = [row("none", name, result) for name, result in (await one_process()).items()]
    with places(asked) as storages:
        for place in storages:
            for scenario in SCENARIOS if place.server is not None else SCENARIOS[:-1]:
                rows += [row(place.kind, name, result) for name, result in (await scenario(place)).items()]
    show(rows, as_json="--json" in sys.argv, missing={})


if __name__ == "__main__":
    asyncio.run(main())
