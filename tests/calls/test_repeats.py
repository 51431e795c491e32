"""Repeating what is safe: when, for how long, with which events, and each permit ended once."""

from __future__ import annotations

import asyncio
import random
from unittest.mock import ANY

import pytest

from wan_async import (
    AuthenticationError,
    MaintenanceError,
    NotFoundError,
    RateLimit,
    RateLimitError,
    ResponseError,
    ServerError,
    TransportError,
    WanError,
)
from wan_async._limits.limiter import SlidingWindowLimiter
from wan_async._protocol import Answer, requests
from wan_async.events import Repeated, Submitted, Throttled

from .support import (
    CREATED,
    CREDITS,
    FOX,
    HTML,
    MAINTENANCE,
    RECORD,
    SENT,
    UNSENT,
    Call,
    Rig,
    create,
    read_credits,
    read_record,
    says,
)

pytestmark = pytest.mark.virtual_time


@pytest.mark.parametrize("failure", [UNSENT, MAINTENANCE], ids=["unsent", "455"])
@pytest.mark.parametrize("call", [create, read_credits], ids=["create", "read"])
async def test_delays_grow_to_a_bound_and_are_jittered_in_full(
    call: Call, failure: Answer | WanError, monkeypatch: pytest.MonkeyPatch
) -> None:
    for chance in (0.0, 0.5, 0.999):
        monkeypatch.setattr(random, "random", lambda chance=chance: chance)
        last = CREATED if call is create else CREDITS
        rig = Rig(*[failure] * 8, last)
        await call(rig.calls)
        assert rig.gaps == pytest.approx([chance * ceiling for ceiling in (0.5, 1, 2, 4, 8, 16, 20, 20)])
        delays = [event.delay for event in rig.events if isinstance(event, Repeated)]
        assert delays == pytest.approx(rig.gaps)


async def test_callers_that_failed_together_do_not_return_together() -> None:
    rigs = [Rig(UNSENT, CREATED) for _ in range(50)]
    await asyncio.gather(*(rig.calls.create_task(FOX) for rig in rigs))
    delays = {rig.gaps[0] for rig in rigs}
    assert len(delays) == 50
    assert max(delays) - min(delays) > 0.3


@pytest.mark.parametrize("failure", [UNSENT, MAINTENANCE], ids=["unsent", "455"])
@pytest.mark.parametrize("call", [create, read_credits], ids=["create", "read"])
async def test_repeats_end_with_the_last_error_when_the_time_is_over(
    call: Call, failure: Answer | WanError, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(random, "random", lambda: 0.999)
    rig = Rig(failure, max_elapsed=30.0)
    with pytest.raises(MaintenanceError if failure is MAINTENANCE else TransportError):
        await call(rig.calls)
    assert rig.transport.times[-1] - rig.transport.times[0] == pytest.approx(30.0)
    assert rig.counted.all_ended()


@pytest.mark.parametrize("call", [create, read_credits, read_record], ids=["create", "credits", "record"])
async def test_with_no_time_nothing_is_repeated(call: Call) -> None:
    rig = Rig(UNSENT, max_elapsed=0.0)
    with pytest.raises(TransportError):
        await call(rig.calls)
    assert len(rig.transport.times) == 1
    assert rig.counted.all_ended() == ["released"]
    assert not [event for event in rig.events if isinstance(event, Repeated)]


@pytest.mark.parametrize("call", [create, read_credits], ids=["create", "read"])
async def test_the_wait_for_a_slot_is_no_failure(call: Call) -> None:
    limiter = SlidingWindowLimiter(RateLimit(1, per=600.0))
    limiter.counted_nowait(await limiter.acquire())
    rig = Rig(UNSENT, CREATED if call is create else CREDITS, max_elapsed=5.0, submissions=limiter, queries=limiter)
    await call(rig.calls)
    assert rig.transport.times[0] > 500.0
    assert len(rig.transport.times) == 2


@pytest.mark.parametrize("call", [create, read_credits], ids=["create", "read"])
async def test_429_is_waited_out_for_as_long_as_it_takes(call: Call) -> None:
    limiter = SlidingWindowLimiter(RateLimit(20, per=10.0))
    last = CREATED if call is create else CREDITS
    rig = Rig(*[says(429)] * 20, last, max_elapsed=0.0, submissions=limiter, queries=limiter)
    await call(rig.calls)
    assert len(rig.transport.times) == 21
    assert rig.transport.times[-1] > 60.0  # far beyond max_elapsed, and not in a hurry
    assert sum(isinstance(event, Throttled) for event in rig.events) == 20


@pytest.mark.parametrize("call", [create, read_credits], ids=["create", "read"])
async def test_retry_after_brakes_everybody_on_the_limiter(call: Call) -> None:
    limiter = SlidingWindowLimiter(RateLimit(20, per=10.0))
    last = CREATED if call is create else CREDITS
    rig = Rig(says(429, headers={"retry-after": "33"}), last, submissions=limiter, queries=limiter)
    bystander = Rig(last, submissions=limiter, queries=limiter)
    mine = asyncio.ensure_future(call(rig.calls))
    await asyncio.sleep(1.0)
    await call(bystander.calls)
    await mine
    assert rig.gaps[0] == pytest.approx(33.0, abs=0.1)
    assert bystander.transport.times[0] >= 33.0
    assert rig.events[0] == Throttled(rig.transport.asked[0][2].path, 33.0, at=ANY)


@pytest.mark.parametrize("call", [create, read_credits], ids=["create", "read"])
async def test_after_a_429_connections_are_repeated_afresh(call: Call) -> None:
    """A verdict shows that the provider can be reached: what came before is over."""
    limiter = SlidingWindowLimiter(RateLimit(20, per=10.0))
    plays = UNSENT, says(429, headers={"retry-after": "60"}), UNSENT, CREATED if call is create else CREDITS
    rig = Rig(*plays, max_elapsed=10.0, submissions=limiter, queries=limiter)
    await call(rig.calls)
    assert rig.transport.times[-1] > 60.0
    assert limiter.state().used == 1


# reads

FAILURES = {
    "sent": (SENT, TransportError),
    "unsent": (UNSENT, TransportError),
    "HTML": (HTML, ResponseError),
    "500": (says(500), ServerError),
    "455": (MAINTENANCE, MaintenanceError),
}


@pytest.mark.parametrize("name", FAILURES)
@pytest.mark.parametrize("call", [read_credits, read_record], ids=["credits", "record"])
async def test_reads_are_repeated_after_what_may_pass(name: str, call: Call) -> None:
    failure, kind = FAILURES[name]
    rig = Rig(failure, failure, CREDITS if call is read_credits else RECORD)
    await call(rig.calls)
    assert len(rig.transport.times) == 3
    assert [type(event.error) for event in rig.events if isinstance(event, Repeated)] == [kind, kind]
    assert len(rig.counted.all_ended()) == 3


@pytest.mark.parametrize(("code", "kind"), [(401, AuthenticationError), (404, NotFoundError)])
async def test_reads_are_not_repeated_after_a_verdict(code: int, kind: type[WanError]) -> None:
    rig = Rig(says(code))
    with pytest.raises(kind):
        await rig.calls.record("t1")
    assert len(rig.transport.times) == 1


async def test_one_look_takes_no_slot_and_is_not_repeated() -> None:
    rig = Rig(RECORD, says(429), SENT)
    assert (await rig.calls.read_once("t1")).task_id == "t1"
    for kind in (RateLimitError, TransportError):
        with pytest.raises(kind):
            await rig.calls.read_once("t1")
    assert (rig.counted.given, len(rig.transport.times)) == (0, 3)


async def test_what_is_asked() -> None:
    rig = Rig(CREATED, RECORD, CREDITS)
    await rig.calls.create_task(FOX, "https://me/hook")
    await rig.calls.record("t1")
    await rig.calls.credits()
    expected = [requests.create_task(FOX, "https://me/hook"), requests.record_info("t1"), requests.credit()]
    assert rig.transport.asked == [("http://api", "key", request, 7.0) for request in expected]


# events


async def test_events_tell_what_happened_in_order() -> None:
    rig = Rig(UNSENT, says(429), CREATED)
    await rig.calls.create_task(FOX)
    repeated, *others = rig.events
    assert isinstance(repeated, Repeated)
    assert (repeated.path, repeated.error) == (requests.CREATE_TASK, UNSENT)
    assert others == [Throttled(requests.CREATE_TASK, None, at=ANY), Submitted("t1", FOX.model, ANY, at=ANY)]
