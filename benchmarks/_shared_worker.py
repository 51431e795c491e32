"""One of the processes of `benchmarks.shared`: does what its standard input says, and tells what came of it.

`python -m benchmarks._shared_worker WAY STORAGE PROVIDER`, then lines such as `free 2.0`.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable

import aiohttp

from wan_async._policy.settings import RateLimit

from ._shared_ways import WAYS, Ours, Trips, Way, count_commands, counted

CALLERS = 32
FREE, FULL, MANY = RateLimit(1_000_000, per=1.0), RateLimit(40, per=1.0), RateLimit(20, per=10.0)
KEYS = 1000

Call = Callable[[], Awaitable[bool]]


async def _at_once() -> bool:
    return True


class _Tally:
    """Permits, round trips and CPU of a stretch of time."""

    def __init__(self) -> None:
        self.over = False
        self.begin()

    def begin(self) -> None:
        self._permits, self._trips, self._cpu = 0, Trips.count, time.process_time()

    async def caller(self, way: Way, call: Call) -> None:
        while not self.over:
            await way(call)
            self._permits += 1

    def told(self) -> dict[str, float]:
        trips, cpu = Trips.count - self._trips, time.process_time() - self._cpu
        return {"permits": self._permits, "trips": trips, "cpu": cpu}


async def _work(ways: list[Way], call: Call, seconds: float, *, before: float = 0.0) -> dict[str, float]:
    """So long, not counting what was before."""
    tally = _Tally()
    callers = [asyncio.create_task(tally.caller(way, call)) for way in ways]
    await asyncio.sleep(before)
    tally.begin()
    await asyncio.sleep(seconds)
    told = tally.told()
    tally.over = True
    for caller in callers:
        caller.cancel()
    await asyncio.wait(callers, timeout=2.0)  # redis-py loses a cancellation now and then
    return told


def _provider_call(session: aiohttp.ClientSession, url: str) -> Call:
    body = json.dumps({"model": "m", "input": {"prompt": "us"}}).encode()

    async def call() -> bool:
        async with session.post(url, data=body) as response:
            return b'"code":429' not in await response.read()

    return call


async def _main(name: str, storage: str, url: str) -> None:
    make = WAYS[name][1]
    if make is not Ours:
        count_commands()
    free = make(storage, f"free {name} {url}", FREE)
    await free(_at_once)  # it connects
    async with aiohttp.ClientSession() as session:
        print("true", flush=True)
        while line := await asyncio.to_thread(sys.stdin.readline):
            what, seconds = line.split()
            if what == "free":
                told = await _work([free] * CALLERS, _at_once, float(seconds))
            elif what == "full":
                full = make(storage, f"full {name} {url}", FULL)
                told = await _work([full] * CALLERS, _provider_call(session, url), float(seconds))
            else:
                together = counted(storage)
                keys: list[Way] = [Ours(storage, f"key-{number}", MANY, together) for number in range(KEYS)]
                told = await _work(keys, _at_once, float(seconds), before=2 * MANY.per)
            print(json.dumps(told), flush=True)


if __name__ == "__main__":
    asyncio.run(_main(*sys.argv[1:]))
