"""Each permit is ended once, a journal hears of each POST before it, and a cancel comes through at any moment."""

from __future__ import annotations

import asyncio
import random

import pytest

from wan_async import (
    AuthenticationError,
    SubmissionUnknownError,
    TransportError,
    WanError,
)
from wan_async._policy.limiter import Permit
from wan_async._protocol import Answer, requests

from ..limiters import NoLimit
from .support import (
    CREATED,
    CREDITS,
    FOX,
    HTML,
    MAINTENANCE,
    SENT,
    UNSENT,
    Call,
    Rig,
    Written,
    create,
    read_credits,
    says,
)

pytestmark = pytest.mark.virtual_time

ENDS: dict[str, tuple[Answer | BaseException, type[BaseException] | None, str]] = {
    "created": (CREATED, None, "counted"),
    "verdict": (says(402), WanError, "counted"),
    "unreadable": (HTML, SubmissionUnknownError, "counted"),
    "sent": (SENT, SubmissionUnknownError, "counted"),
    "unsent": (UNSENT, TransportError, "released"),
    "bug": (KeyError("bug"), KeyError, "counted"),
    "cancelled": (asyncio.CancelledError(), asyncio.CancelledError, "counted"),
}


@pytest.mark.parametrize("name", ENDS)
async def test_how_a_submission_ends_its_permit(name: str) -> None:
    play, error, end = ENDS[name]
    rig = Rig(play, max_elapsed=0.0)
    if error is None:
        await rig.calls.create_task(FOX)
    else:
        with pytest.raises(error):
            await rig.calls.create_task(FOX)
    assert rig.counted.all_ended() == [end]


@pytest.mark.parametrize("name", ENDS)
async def test_how_a_query_ends_its_permit(name: str) -> None:
    play, error, end = ENDS[name]
    rig = Rig(CREDITS if error is None else play, max_elapsed=0.0)
    if error is None:
        assert await rig.calls.credits() == 12.5
    else:
        with pytest.raises((WanError, KeyError, asyncio.CancelledError)):
            await rig.calls.credits()
    assert rig.counted.all_ended() == [end]


async def test_a_429_tells_the_limiter_what_it_asked_for() -> None:
    rig = Rig(says(429, headers={"retry-after": "9"}), says(429), CREATED)
    await rig.calls.create_task(FOX)
    assert rig.counted.ends == [("rejected", 1.0, 9.0), ("rejected", 2.0, None), ("counted", 3.0, None)]


# what a journal hears


async def test_the_intent_comes_after_the_slot_and_before_each_post() -> None:
    log: list[str] = []

    class Logged(NoLimit):
        async def acquire(self) -> Permit:
            log.append("slot")
            return await super().acquire()

        def _end(self, how: str, permit: Permit, retry_after: float | None = None) -> None:
            log.append(how)

    rig = Rig(UNSENT, says(429), MAINTENANCE, CREATED, submissions=Logged())
    play = rig.transport.exchange

    async def exchange(base_url: str, key: str, request: requests.Request, timeout: float) -> Answer:
        log.append("POST")
        return await play(base_url, key, request, timeout)

    rig.transport.exchange = exchange
    assert await rig.calls.create_task(FOX, None, Written(log)) == "t1"
    ends = ["released", "again after TransportError", "rejected", "again after RateLimitError"]
    ends += ["counted", "again after MaintenanceError", "counted"]
    heads = ["slot", "begin", "POST"]
    assert log == [*heads, *ends[0:2], *heads, *ends[2:4], *heads, *ends[4:6], *heads, ends[6]]


async def test_nothing_is_told_again_when_it_is_not_sent_again() -> None:
    for play, kind in ((SENT, SubmissionUnknownError), (UNSENT, TransportError), (says(401), AuthenticationError)):
        intent = Written()
        with pytest.raises(kind):
            await Rig(play, max_elapsed=0.0).calls.create_task(FOX, None, intent)
        assert intent.log == ["begin"]


@pytest.mark.parametrize("error", [OSError("disk full"), asyncio.CancelledError()], ids=["fails", "cancelled"])
async def test_an_intent_that_cannot_be_written_stops_the_post(error: BaseException) -> None:
    class Broken(Written):
        async def begin(self) -> None:
            raise error

    rig = Rig(CREATED)
    with pytest.raises(type(error)):
        await rig.calls.create_task(FOX, None, Broken())
    assert (rig.transport.times, rig.counted.all_ended()) == ([], ["released"])


async def test_an_intent_that_cannot_be_renewed_stops_the_repeat() -> None:
    class Broken(Written):
        async def again(self, error: WanError) -> None:
            raise OSError("disk full")

    rig = Rig(UNSENT, CREATED)
    with pytest.raises(OSError, match="disk full"):
        await rig.calls.create_task(FOX, None, Broken())
    assert (len(rig.transport.times), rig.counted.all_ended()) == (1, ["released"])


# cancellation


@pytest.mark.parametrize("call", [create, read_credits], ids=["create", "read"])
async def test_a_cancel_at_any_moment_comes_through_and_leaks_no_permit(
    call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(random, "random", lambda: 0.5)
    whole = await _cancelled_after(1e9, call)
    assert whole > 2.0
    for tenths in range(1, int(whole * 10)):
        assert await _cancelled_after(tenths / 10 + 0.05, call) < whole


async def _cancelled_after(seconds: float, call: Call) -> float:
    """Run a call of which every await takes 0.2 s at least, cancel it, and give how long it took."""
    rig = Rig(UNSENT, says(429), MAINTENANCE, CREATED if call is create else CREDITS)
    intent = Written()
    rig.transport.latency = rig.counted.latency = intent.latency = 0.2
    loop = asyncio.get_running_loop()
    started = loop.time()
    running = asyncio.ensure_future(rig.calls.create_task(FOX, None, intent) if call is create else call(rig.calls))
    timer = loop.call_later(seconds, running.cancel)
    await asyncio.wait([running])
    timer.cancel()
    rig.counted.all_ended()
    assert running.cancelled() == (seconds < 1e9)
    return loop.time() - started
