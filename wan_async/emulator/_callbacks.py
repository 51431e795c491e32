"""Sends callbacks when they are due, signed."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import math
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from typing import TypeAlias

from ._clock import Clock
from ._jobs import Jobs
from ._tasks import Callback

_AT_ONCE = 64

PostCallback: TypeAlias = Callable[[str, Mapping[str, str], bytes], Awaitable[int]]
"""Sends one callback (URL, headers, body) and gives the receiver's HTTP status; 0: there was no answer."""


class Dispatcher:
    """Sends the callbacks of an event loop as they become due, each up to 1 + len(pauses) times.

    Args:
        jobs: whose callbacks they are.
        clock: its time.
        post: sends one.
        key: the webhook key, None for unsigned callbacks.
        pauses: seconds before each further try.
    """

    def __init__(
        self, jobs: Jobs, clock: Clock, post: PostCallback, *, key: str | None, pauses: Sequence[float]
    ) -> None:
        self._jobs = jobs
        self._stats = jobs.stats
        self._clock = clock
        self._post = post
        self._key = key
        self._pauses = pauses
        self._wake = asyncio.Event()
        self._slots = asyncio.Semaphore(_AT_ONCE)
        self._running: set[asyncio.Task[None]] = set()

    def start(self) -> None:
        """Begin to send, in the running event loop."""
        self._jobs.on_ending.add(self._wake.set)
        self._spawn(self._watch())

    async def stop(self) -> None:
        """Send no more; what is under way is dropped."""
        self._jobs.on_ending.discard(self._wake.set)
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def _watch(self) -> None:
        while True:
            self._wake.clear()
            now = self._clock.now()
            self._jobs.settle(now)
            while self._jobs.callbacks:
                await self._slots.acquire()
                if not self._jobs.callbacks:  # another dispatcher took the rest
                    self._slots.release()
                    break
                self._spawn(self._deliver(self._jobs.callbacks.popleft()))
            await self._rest(self._jobs.next_ending - self._clock.now())

    async def _rest(self, seconds: float) -> None:
        """Until the next task ends, or until one that may end sooner is accepted."""
        try:
            async with asyncio.timeout(None if seconds == math.inf else max(0.001, seconds)):
                await self._wake.wait()
        except TimeoutError:
            pass

    async def _deliver(self, callback: Callback) -> None:
        try:
            for pause in (0.0, *self._pauses):
                await asyncio.sleep(pause)
                if await self._try(callback):
                    self._stats.callbacks += 1
                    return
            self._stats.callbacks_lost += 1
        finally:
            self._slots.release()

    async def _try(self, callback: Callback) -> bool:
        headers = signed_headers(self._key, callback.task_id, self._clock.unix(self._clock.now()))
        return await self._post(callback.url, headers, callback.body) == 200


def signed_headers(key: str | None, task_id: str, timestamp: float) -> dict[str, str]:
    """The headers of a callback sent at `timestamp` (Unix seconds), signed where there is a webhook key."""
    headers = {"Content-Type": "application/json"}
    if key is None:
        return headers
    seconds = str(int(timestamp))
    digest = hmac.new(key.encode(), f"{task_id}.{seconds}".encode(), hashlib.sha256).digest()
    signature = base64.b64encode(digest).decode()
    return {**headers, "X-Webhook-Timestamp": seconds, "X-Webhook-Signature": signature}
