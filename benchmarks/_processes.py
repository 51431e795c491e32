"""Client processes that share an account: they submit without a pause, or only wait, until they are killed.

`python -m benchmarks._processes WHAT NAME URL STORAGE N PER SKEW`: WHAT is "submit", "wait" or "both", STORAGE may be
empty.
A process prints "ready" after its first submission, and ends with an error when any of its calls does.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

from wan_async import Polling, RateLimit, SessionPool, Wan22TextToVideoTurbo, WanClient

KEY = "sk-very-secret"
CALLERS = 40
"""Calls that a process has waiting: as many as the limit, so that each alone could use it up."""
WAITING = 500
"""Callers of a process that only waits; one that does both has `LOOKING`."""
LOOKING = 5


class Process:
    """One of the processes.

    Attributes:
        name: the first word of its prompts.
    """

    def __init__(self, name: str, process: asyncio.subprocess.Process) -> None:
        self.name = name
        self._process = process

    async def ready(self) -> None:
        """Return when its first submission was answered."""
        assert self._process.stdout is not None
        if await self._process.stdout.readline() != b"ready\n":
            raise RuntimeError(f"{self.name} ended")

    @property
    def failed(self) -> bool:
        """Whether it has ended by itself, which it never should."""
        return self._process.returncode is not None

    def send(self, number: signal.Signals) -> None:
        """Stop it, let it go on, or kill it."""
        os.kill(self._process.pid, number)

    async def aclose(self) -> None:
        """Kill it, if it lives."""
        if not self.failed:
            self._process.kill()
        await self._process.wait()


@asynccontextmanager
async def processes(
    names: Sequence[str],
    url: str,
    storage: str,
    limit: RateLimit,
    *,
    what: str = "submit",
    skew: Sequence[float] = (),
) -> AsyncGenerator[list[Process]]:
    """So many, all of them at work; `skew`: seconds by which their clocks are wrong."""
    skew = skew or [0.0] * len(names)
    async with AsyncExitStack() as stack:
        started: list[Process] = []
        for name, wrong in zip(names, skew, strict=True):
            arguments = [what, name, url, storage, str(limit.n), str(limit.per), str(wrong)]
            command = [sys.executable, "-m", "benchmarks._processes", *arguments]
            process = Process(name, await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE))
            stack.push_async_callback(process.aclose)
            started.append(process)
        for process in started:
            await process.ready()
        yield started


async def _work(what: str, name: str, url: str, storage: str, limit: RateLimit, skew: float) -> None:
    _skew_clocks(skew)
    clients = [_client(url, storage, limit) for _ in range(1 if storage else 3)]
    async with AsyncExitStack() as stack:
        for wan in clients:
            await stack.enter_async_context(wan)
        first = await clients[0].submit(Wan22TextToVideoTurbo(prompt=f"{name} first"))
        print("ready", flush=True)
        async with asyncio.TaskGroup() as callers:
            for number in range(0 if what == "wait" else CALLERS):
                callers.create_task(_submit(clients[number % len(clients)], name))
            for _ in range({"submit": 0, "wait": WAITING, "both": LOOKING}[what]):
                callers.create_task(_look(clients[0], first.id))


def _client(url: str, storage: str, limit: RateLimit) -> WanClient:
    return WanClient(
        KEY,
        base_url=url,
        limit=limit,
        limit_storage=storage or None,
        pool=SessionPool(),
        polling=Polling(interval=0.01),
    )


def _skew_clocks(seconds: float) -> None:
    """Its wall clock is wrong, and its event loop counts from elsewhere, as another machine's does."""
    true_time, loop = time.time, asyncio.get_running_loop()
    time.time = lambda: true_time() + seconds
    if seconds:
        loop.time = lambda: time.monotonic() + seconds  # type: ignore[method-assign]


async def _submit(wan: WanClient, name: str) -> None:
    while True:
        await wan.submit(Wan22TextToVideoTurbo(prompt=f"{name} clip"))


async def _look(wan: WanClient, task_id: str) -> None:
    while True:
        await wan.record(task_id)


if __name__ == "__main__":
    _, _what, _name, _url, _storage, _n, _per, _wrong = sys.argv
    asyncio.run(_work(_what, _name, _url, _storage, RateLimit(int(_n), per=float(_per)), float(_wrong)))
