"""A provider in a process of its own, that counts on a clock of its own and tells afterwards who came when.

`python -m benchmarks._account N PER QUERIES`: createTask at N calls in any PER seconds, recordInfo at QUERIES in any
second, for each key; 0: no limit. Who called is the first word of the prompt; the task of a recordInfo tells too. A
task is done a second after it was created. `GET /log` gives the clock's time and all calls.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections import defaultdict
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

import aiohttp
import msgspec
from aiohttp import web

from ._provider import SlidingCount

SECONDS = 1.0
"""Seconds that a task takes."""
_RECORD = {"model": "wan/2-2-a14b-text-to-video-turbo", "param": "{}", "failCode": None, "failMsg": None}
_DONE = {"state": "success", "resultJson": '{"resultUrls":["https://tempfile.example.com/1.mp4"]}', "costTime": 1}


def clock() -> float:
    """Another start than everybody else's, and 50 ppm fast, as bad quartz is."""
    return 1e5 + time.monotonic() * (1 + 5e-5)


class Call(NamedTuple):
    """One call that arrived."""

    at: float
    who: str
    ok: bool
    kind: str


class Log(msgspec.Struct):
    """What the provider remembers: its time now, and all calls in the order of their arrival."""

    now: float
    calls: list[Call]


class _Provider:
    def __init__(self, n: int, per: float, queries: int) -> None:
        self._n, self._queries = n, queries
        self._tasks: dict[str, tuple[str, float]] = {}
        self._log: list[Call] = []
        self._created: defaultdict[str, SlidingCount] = defaultdict(lambda: SlidingCount(per))
        self._polled: defaultdict[str, SlidingCount] = defaultdict(lambda: SlidingCount(1.0))

    async def answer(self, request: web.BaseRequest) -> web.Response:
        key, body = request.headers.get("Authorization", ""), await request.read()
        now = clock()
        if request.path == "/log":
            return web.Response(body=msgspec.json.encode(Log(now, self._log)))
        answer = self._poll(key, request.query["taskId"], now) if request.method == "GET" else self._add(key, body, now)
        return web.Response(body=msgspec.json.encode(answer), content_type="application/json")

    def _add(self, key: str, body: bytes, now: float) -> dict[str, Any]:
        who = str(msgspec.json.decode(body)["input"]["prompt"]).partition(" ")[0]
        if not self._admitted(Call(now, who, False, "createTask"), self._created[key], self._n):
            return _TOO_MANY
        task_id = f"{len(self._tasks):032x}"
        self._tasks[task_id] = who, now
        return {"code": 200, "msg": "success", "data": {"taskId": task_id}}

    def _poll(self, key: str, task_id: str, now: float) -> dict[str, Any]:
        who, created = self._tasks[task_id]
        if not self._admitted(Call(now, who, False, "recordInfo"), self._polled[key], self._queries):
            return _TOO_MANY
        state = _DONE if now - created > SECONDS else {"state": "generating", "resultJson": "", "costTime": None}
        return {"code": 200, "msg": "success", "data": {"taskId": task_id, **_RECORD, **state}}

    def _admitted(self, call: Call, count: SlidingCount, limit: int) -> bool:
        ok = not limit or not count.admit(call.at, limit)
        self._log.append(call._replace(ok=ok))
        return ok


_TOO_MANY = {"code": 429, "msg": "Your call frequency is too high. Please try again later.", "data": None}


async def _serve(n: int, per: float, queries: int) -> None:
    runner = web.ServerRunner(web.Server(_Provider(n, per, queries).answer, access_log=None))
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, backlog=1024)
    await site.start()
    print(f"http://127.0.0.1:{runner.addresses[0][1]}", flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)  # ends with whoever started it
    await runner.cleanup()


class Provider:
    """The provider as its observer sees it; `url` is where clients call."""

    def __init__(self, url: str) -> None:
        self.url = url

    async def log(self) -> Log:
        """All that has come so far."""
        async with aiohttp.ClientSession() as session, session.get(f"{self.url}/log") as response:
            return msgspec.json.decode(await response.read(), type=Log)

    async def now(self) -> float:
        """Its time."""
        return (await self.log()).now


@asynccontextmanager
async def provider(n: int, per: float, queries: int = 0) -> AsyncGenerator[Provider]:
    """Run one."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "benchmarks._account", str(n), str(per), str(queries),
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield Provider((await process.stdout.readline()).decode().strip())
    finally:
        process.stdin.close()
        await process.wait()


def used(accepted: Sequence[float], n: int, per: float) -> float:
    """The used part of a sliding window of n: a slot that is taken anew after `per` seconds was used to the full."""
    gaps = [later - earlier for earlier, later in zip(accepted, accepted[n:], strict=False)]
    return per * len(gaps) / sum(gaps) if gaps else 0.0


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3])))
