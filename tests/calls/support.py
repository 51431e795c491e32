"""Fakes: a transport that plays answers, a limiter that counts its permits, a journal's intent that writes down."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from itertools import pairwise
from typing import TypeAlias

import pytest

from wan_async import RateLimit, Retry, SessionPool, Timeout, TransportError, Wan22TextToVideoTurbo, WanClient, WanError
from wan_async._calls import Calls
from wan_async._events import Emitter
from wan_async._policy.limiter import Limiter, Permit
from wan_async._protocol import Answer, Request
from wan_async.events import Called, Event

from ..limiters import NoLimit

LIMIT = RateLimit(20, per=0.5)
FOX = Wan22TextToVideoTurbo(prompt="a fox in the rain")


def says(code: int, data: object = None, headers: Mapping[str, str] | None = None, msg: str = "words") -> Answer:
    return Answer(200, json.dumps({"code": code, "msg": msg, "data": data}).encode(), headers or {})


CREATED = says(200, {"taskId": "t1"})
CREDITS = says(200, 12.5)
RECORD = says(200, {"taskId": "t1", "state": "waiting"})
HTML = Answer(502, b"<html>")
UNSENT = TransportError("no connection", sent=False)
SENT = TransportError("the connection broke")
MAINTENANCE = says(455)
Call: TypeAlias = Callable[[Calls], Awaitable[object]]


def create(calls: Calls) -> Awaitable[object]:
    return calls.create_task(FOX)


def read_credits(calls: Calls) -> Awaitable[object]:
    return calls.credits()


def read_record(calls: Calls) -> Awaitable[object]:
    return calls.record("t1")


class FakeTransport:
    """Plays what it was given, the last for ever; `times` are the loop times of the exchanges."""

    latency = 0.0

    def __init__(self, *plays: Answer | BaseException) -> None:
        self.plays = list(plays)
        self.times: list[float] = []
        self.asked: list[tuple[str, str, Request, float]] = []

    async def exchange(self, base_url: str, key: str, request: Request, timeout: float) -> Answer:
        self.times.append(asyncio.get_running_loop().time())
        self.asked.append((base_url, key, request, timeout))
        await asyncio.sleep(self.latency)
        play = self.plays.pop(0) if len(self.plays) > 1 else self.plays[0]
        if isinstance(play, BaseException):
            raise play
        return play

    async def aclose(self) -> None:
        pass


class CountingLimiter(NoLimit):
    """Takes its time, and says how each permit was ended."""

    latency = 0.0

    async def acquire(self) -> Permit:
        await asyncio.sleep(self.latency)
        return await super().acquire()

    def all_ended(self) -> list[str]:
        """The ends of the permits, all of them."""
        assert not self.open
        return [end for end, _, _ in self.ends]


class Written:
    """An intent that writes down what happens, and yields like a disk."""

    latency = 0.0
    permit: Permit | None = None

    def __init__(self, log: list[str] | None = None) -> None:
        self.log: list[str] = [] if log is None else log

    async def begin(self) -> None:
        self.log.append("begin")
        await asyncio.sleep(self.latency)

    async def again(self, error: WanError) -> None:
        self.log.append(f"again after {type(error).__name__}")
        await asyncio.sleep(self.latency)


class Rig:
    """`Calls` on fakes."""

    def __init__(
        self,
        *plays: Answer | BaseException,
        max_elapsed: float = 120.0,
        submissions: Limiter | None = None,
        queries: Limiter | None = None,
    ) -> None:
        self.transport = FakeTransport(*plays)
        self.counted = CountingLimiter()
        self.events: list[Event] = []
        self.calls = Calls(
            self.transport,
            "http://api",
            "key",
            submissions=submissions or self.counted,
            queries=queries or self.counted,
            retry=Retry(max_elapsed=max_elapsed),
            timeout=Timeout(7.0),
            events=Emitter(self._keep),
        )

    def _keep(self, event: Event) -> None:
        """Keep what is more than one call."""
        if not isinstance(event, Called):
            self.events.append(event)

    @property
    def gaps(self) -> list[float]:
        """Seconds between one exchange and the next."""
        times = self.transport.times
        return [after - before for before, after in pairwise(times)]


async def submitted(wan: WanClient, outcome: type[WanError] | None) -> WanError | None:
    """Submit; it must end as given."""
    async with wan:
        if outcome is None:
            assert (await wan.submit(FOX)).id == "t1"
            return None
        with pytest.raises(outcome) as caught:
            await wan.submit(FOX)
    assert type(caught.value) is outcome
    assert "secret" not in f"{caught.value!r} {caught.value} {caught.value.__cause__!r} {caught.value.__context__!r}"
    return caught.value


def client(url: str, pool: SessionPool | None = None, **changes: object) -> WanClient:
    wan = WanClient("secret", base_url=url, pool=pool, limit=LIMIT, retry=Retry(max_elapsed=5), timeout=Timeout(10))
    return wan.with_options(**changes)  # type: ignore[arg-type]
