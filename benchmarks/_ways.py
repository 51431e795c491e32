"""How others keep to a limit, each as a `Way` for 20 calls a second; libraries drive their own code, in virtual time.

A rejected call is made again by each way's own rule. Where a library only paces and does not say what to do with a
rejection, it is joined by exponential backoff with full jitter from 0.5 to 10 s, as its users do.
"""

from __future__ import annotations

import asyncio
import importlib
import random
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Protocol

from wan_async._limits.limiter import SlidingWindowLimiter
from wan_async._policy.settings import RateLimit

from ._provider import Call, Limited, Verdict, Way

N, PER = 20, 1.0


class _Waiter(Protocol):
    async def acquire(self) -> object: ...


class _Rejected(Exception):
    pass


async def _insist(call: Call) -> None:
    verdict = await call()
    if not verdict.ok:
        raise _Rejected


async def _back_off(attempt: int) -> None:
    await asyncio.sleep(random.uniform(0, min(10.0, 0.5 * 2**attempt)))


class SemaphoreAndTenacity:
    """So many calls at once, and tenacity's random exponential waits."""

    def __init__(self, at_once: int) -> None:
        self._semaphore = asyncio.Semaphore(at_once)
        tenacity = importlib.import_module("tenacity")
        self._retrying: Callable[[Callable[[Call], Awaitable[None]], Call], Awaitable[None]] = tenacity.AsyncRetrying(
            wait=tenacity.wait_random_exponential(multiplier=0.5, max=10),
            retry=tenacity.retry_if_exception_type(_Rejected),
        )

    async def __call__(self, call: Call) -> None:
        async with self._semaphore:
            await self._retrying(_insist, call)


class EverybodyPauses:
    """No limit until a rejection; then all wait a quarter of the window, or for Retry-After, and all go."""

    def __init__(self) -> None:
        self._until = 0.0

    async def __call__(self, call: Call) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(self._until - loop.time())
            if self._until > loop.time():
                continue
            verdict = await call()
            if verdict.ok:
                return
            self._until = max(self._until, loop.time() + (verdict.retry_after or 0.25 * PER))


class Paced:
    """A library's limiter before each call, and backoff after a rejection."""

    def __init__(self, waiter: _Waiter) -> None:
        self._waiter = waiter

    async def __call__(self, call: Call) -> None:
        for attempt in range(10**9):
            await self._waiter.acquire()
            if (await call()).ok:
                return
            await _back_off(min(attempt, 10))


def aiolimiter() -> Way:
    """Its leaky bucket; it reads the loop's clock."""
    return Paced(importlib.import_module("aiolimiter").AsyncLimiter(N, PER))


class _PyrateWaiter:
    """pyrate-limiter's sliding log, given the loop's clock in place of its own."""

    def __init__(self) -> None:
        pyrate = importlib.import_module("pyrate_limiter")
        loop = asyncio.get_running_loop()

        class LoopClock(pyrate.AbstractClock):
            def now(self) -> int:
                return int(loop.time() * 1000)

        bucket = pyrate.InMemoryBucket([pyrate.Rate(N, int(PER * 1000))])
        bucket._clock = LoopClock()
        self._acquire: Callable[[], Awaitable[bool]] = pyrate.Limiter(bucket).try_acquire_async

    async def acquire(self) -> None:
        await self._acquire()


def pyrate_limiter() -> Way:
    """Its sliding log, stamped when the call leaves."""
    return Paced(_PyrateWaiter())


class _Rate:
    """A paced flow of calls, `per_second`, with a burst of one."""

    def __init__(self, per_second: float) -> None:
        self.per_second = per_second
        self._next = 0.0
        self._lock = asyncio.Lock()

    async def turn(self) -> None:
        loop = asyncio.get_running_loop()
        async with self._lock:
            await asyncio.sleep(self._next - loop.time())
            self._next = loop.time() + 1 / self.per_second


class Cubic:
    """botocore's adaptive retry mode: its rate clocker and CUBIC calculator set the pace; full jitter up to 20 s."""

    def __init__(self) -> None:
        self.current_time = asyncio.get_running_loop().time
        calculator = importlib.import_module("botocore.retries.throttling").CubicCalculator(0, self.current_time())
        self._succeeded: Callable[[float], float] = calculator.success_received
        self._failed: Callable[[float, float], float] = calculator.error_received
        self._record: Callable[[], float] = (
            importlib.import_module("botocore.retries.adaptive").RateClocker(self).record
        )
        self._rate: _Rate | None = None

    async def __call__(self, call: Call) -> None:
        for attempt in range(10**9):
            if self._rate is not None:
                await self._rate.turn()
            if self._learn(await call()):
                return
            await asyncio.sleep(min(random.random() * 2 ** min(attempt, 10), 20.0))

    def _learn(self, verdict: Verdict) -> bool:
        measured, now = self._record(), self.current_time()
        if verdict.ok:
            rate = self._succeeded(now)
        else:
            self._rate = self._rate or _Rate(measured)
            rate = self._failed(min(measured, self._rate.per_second), now)
        if self._rate is not None:
            self._rate.per_second = max(0.5, min(rate, 2 * measured))
        return verdict.ok


class Aimd:
    """A rate that grows by half a call a second each second, and is cut to 0.9 by a rejection, once per flight."""

    def __init__(self) -> None:
        self._rate = _Rate(5.0)
        self._cut = -1.0
        self._growth = 1.0

    async def __call__(self, call: Call) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await self._rate.turn()
            left = loop.time()
            if (await call()).ok:
                self._rate.per_second += self._growth / self._rate.per_second
                return
            if left > self._cut:
                self._rate.per_second *= 0.9
                self._cut, self._growth = loop.time(), 0.5


class StampedAtSend:
    """A sliding window of the times at which calls left, `PER` times `longer`; a rejected one is struck off."""

    def __init__(self, longer: float = 1.0) -> None:
        self._window = PER * longer
        self._sent: deque[float] = deque()
        self._lock = asyncio.Lock()

    async def __call__(self, call: Call) -> None:
        while True:
            left = await self._leave()
            if (await call()).ok:
                return
            if left in self._sent:
                self._sent.remove(left)

    async def _leave(self) -> float:
        loop = asyncio.get_running_loop()
        async with self._lock:
            while len(self._sent) >= N and (wait := self._sent[-N] + self._window - loop.time()) > 0:  # noqa: ASYNC110
                await asyncio.sleep(min(wait, 0.005))  # a slot may be struck off meanwhile
            self._sent.append(loop.time())
            return self._sent[-1]


def ours() -> Way:
    """`SlidingWindowLimiter`."""
    return Limited(SlidingWindowLimiter(RateLimit(N, per=PER)))


WAYS: dict[str, Callable[[], Way]] = {
    "semaphore 20, tenacity": lambda: SemaphoreAndTenacity(20),
    "semaphore 100, tenacity": lambda: SemaphoreAndTenacity(100),
    "everybody pauses on 429": EverybodyPauses,
    "aiolimiter": aiolimiter,
    "pyrate-limiter": pyrate_limiter,
    "CUBIC (botocore)": Cubic,
    "AIMD 0.9": Aimd,
    "sliding window at send": StampedAtSend,
    "the same, 5 % longer": lambda: StampedAtSend(1.05),
    "wan_async": ours,
}
