"""A provider with a hidden limit, simulated in the caller's event loop: run it in virtual time.

It counts as providers do (a sliding window, a fixed window, a token bucket), on a clock of its own, and rejects what
exceeds its limit. A call takes `ONE_WAY` out, is counted, and takes `ONE_WAY` back.
"""

from __future__ import annotations

import asyncio
import itertools
import math
import random
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from typing import NamedTuple, Protocol, TypeVar

from wan_async._policy.limiter import Limiter
from wan_async.emulator.virtual_time import VirtualTimeLoop

Schedule = tuple[tuple[float, int], ...]
"""The limit over time: pairs of (from this second on, calls in a window), the first from 0."""


class Counter(Protocol):
    """How a provider counts: `admit` gives 0.0 for yes, else the seconds until it would say yes."""

    def admit(self, now: float, limit: int) -> float: ...


class SlidingCount:
    """At most `limit` in any `per` seconds."""

    def __init__(self, per: float) -> None:
        self._per = per
        self._stamps: deque[float] = deque()

    def admit(self, now: float, limit: int) -> float:
        stamps = self._stamps
        while stamps and stamps[0] <= now - self._per:
            stamps.popleft()
        if len(stamps) < limit:
            stamps.append(now)
            return 0.0
        return stamps[-limit] + self._per - now


class FixedCount:
    """At most `limit` between two ticks of its clock, `per` seconds apart."""

    def __init__(self, per: float) -> None:
        self._per = per
        self._window = -1
        self._count = 0

    def admit(self, now: float, limit: int) -> float:
        window = math.floor(now / self._per)
        if window != self._window:
            self._window, self._count = window, 0
        if self._count < limit:
            self._count += 1
            return 0.0
        return (window + 1) * self._per - now


class TokenCount:
    """A bucket of `limit` tokens that fills up in `per` seconds; each call takes one."""

    def __init__(self, per: float) -> None:
        self._per = per
        self._tokens = math.inf
        self._at = 0.0

    def admit(self, now: float, limit: int) -> float:
        self._tokens = min(limit, self._tokens + (now - self._at) * limit / self._per)
        self._at = now
        if self._tokens >= 1:
            self._tokens -= 1
            return 0.0
        return (1 - self._tokens) * self._per / limit


COUNTERS: dict[str, Callable[[float], Counter]] = {"sliding": SlidingCount, "fixed": FixedCount, "bucket": TokenCount}


class Verdict(NamedTuple):
    """A provider's answer; `retry_after` in seconds where it tells."""

    ok: bool
    retry_after: float | None = None


def jittery(base: float = 0.025, jitter: float = 0.008, most: float = 0.08) -> Callable[[random.Random], float]:
    """A one-way delay, in seconds: `base`, and an exponentially distributed part with mean `jitter` up to `most`."""
    return lambda chance: base + (min(most, chance.expovariate(1 / jitter)) if jitter else 0.0)


class Provider:
    """The other side.

    Args:
        schedule: its limit over time.
        per: its window, in seconds.
        counter: how it counts, one of `COUNTERS`.
        retry_after: when a rejection says to come again: "none", "exact", or "whole" seconds as HTTP has it.
        one_way: draws a one-way delay.
        seed: of the delays.

    Attributes:
        accepted, rejected: who called, and when it arrived, in arrival order.
    """

    def __init__(
        self,
        schedule: Schedule,
        per: float,
        *,
        counter: str = "sliding",
        retry_after: str = "none",
        one_way: Callable[[random.Random], float] | None = None,
        seed: int = 7,
    ) -> None:
        self.schedule = schedule
        self.per = per
        self.accepted: list[tuple[float, str]] = []
        self.rejected: list[tuple[float, str]] = []
        self._counter = COUNTERS[counter](per)
        self._retry_after = retry_after
        self._one_way = one_way or jittery()
        self._chance = random.Random(seed)

    async def call(self, who: str = "us") -> Verdict:
        """One call, there and back."""
        await asyncio.sleep(self.delay())
        verdict = self.judge(who, asyncio.get_running_loop().time())
        await asyncio.sleep(self.delay())
        return verdict

    def delay(self) -> float:
        """Seconds that the next call, or the next answer, is under way."""
        return self._one_way(self._chance)

    def limit(self, now: float) -> int:
        """Calls in a window, at this time."""
        return next(n for start, n in reversed(self.schedule) if start <= now)

    def judge(self, who: str, now: float) -> Verdict:
        """The verdict on a call that arrives now."""
        clock = 1e5 + 0.37 * self.per + now * (1 + 5e-5)  # another start, and 50 ppm fast, as bad quartz is
        wait = self._counter.admit(clock, self.limit(now))
        (self.rejected if wait else self.accepted).append((now, who))
        if not wait or self._retry_after == "none":
            return Verdict(not wait)
        return Verdict(False, math.ceil(wait) if self._retry_after == "whole" else wait)


class Share(NamedTuple):
    """What came of a stretch of time: parts of what was allowed, and of what was sent."""

    used: float
    rejected: float


def measure(provider: Provider, start: float, end: float, *, told: int, who: str = "us") -> Share:
    """How much of what the limit, the told ceiling and the others left was used from `start` to `end` seconds."""
    inside = [caller for at, caller in provider.accepted if start <= at < end]
    ours = inside.count(who)
    rejected = sum(1 for at, caller in provider.rejected if start <= at < end and caller == who)
    allowed = _allowed(provider, start, end, told) - (len(inside) - ours)
    return Share(ours / max(1.0, allowed), rejected / max(1, ours + rejected))


def _allowed(provider: Provider, start: float, end: float, told: int) -> float:
    edges = sorted({start, end, *(at for at, _ in provider.schedule if start < at < end)})
    spans = itertools.pairwise(edges)
    return sum((after - at) / provider.per * min(told, provider.limit(at)) for at, after in spans)


Call = Callable[[], Awaitable[Verdict]]


class Way(Protocol):
    """A way of keeping to a limit: makes the call when it thinks fit, and again until it is accepted."""

    async def __call__(self, call: Call) -> None: ...


class Limited:
    """The way through a limiter."""

    def __init__(self, limiter: Limiter) -> None:
        self._limiter = limiter

    async def __call__(self, call: Call) -> None:
        while not await self._once(call):
            pass

    async def _once(self, call: Call) -> bool:
        permit = await self._limiter.acquire()
        try:
            verdict = await call()
        except asyncio.CancelledError:
            self._limiter.counted_nowait(permit)  # its fate is unknown
            raise
        if verdict.ok:
            self._limiter.counted_nowait(permit)
        else:
            self._limiter.rejected_nowait(permit, verdict.retry_after)
        return verdict.ok


async def saturate(provider: Provider, way: Way, seconds: float, *, callers: int = 64) -> None:
    """`callers` at work without a pause, for so many seconds."""

    async def caller() -> None:
        while True:
            await way(provider.call)

    await _for(seconds, [caller() for _ in range(callers)])


async def stranger(provider: Provider, start: float, end: float, *, every: float) -> None:
    """Another program on the account: a call every so many seconds, never repeated."""
    await asyncio.sleep(start)
    calls: set[asyncio.Task[Verdict]] = set()
    for _ in range(int((end - start) / every)):
        calls.add(asyncio.create_task(provider.call("stranger")))
        await asyncio.sleep(every)


async def greedy_stranger(provider: Provider, start: float, end: float, *, callers: int, pause: float) -> None:
    """Another program that wants all it can get: so many callers, each again at once, or `pause` after a rejection."""

    async def caller() -> None:
        while True:
            if not (await provider.call("stranger")).ok:
                await asyncio.sleep(pause)

    await asyncio.sleep(start)
    await _for(end - start, [caller() for _ in range(callers)])


async def _for(seconds: float, work: list[Coroutine[None, None, None]]) -> None:
    tasks = [asyncio.create_task(one) for one in work]
    await asyncio.sleep(seconds)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


T = TypeVar("T")


class _TickingLoop(VirtualTimeLoop):
    """Virtual time that moves on by a nanosecond with each look: some libraries spin until it does."""

    _looks = 0

    def time(self) -> float:
        self._looks += 1
        return super().time() + 1e-9 * self._looks


def run(main: Coroutine[None, None, T]) -> T:
    """Runs it in virtual time."""
    with asyncio.Runner(loop_factory=_TickingLoop) as runner:
        return runner.run(main)
