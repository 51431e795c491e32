"""Poll workers in virtual time: how many, with which permits, and what they poll."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.limiters import NoLimit
from tests.polling.support import ROUND_TRIP, Heard, Paced, Provider, others, poller
from wan_async._policy.limiter import Permit
from wan_async._policy.poll_queue import PollQueue
from wan_async._policy.schedules import Plain
from wan_async._policy.settings import Polling
from wan_async._polling.poller import Poller
from wan_async._polling.workers import PollWorkers
from wan_async._protocol import TaskState
from wan_async.errors import (
    RateLimitError,
    ResponseError,
    TransportError,
    WanError,
)

pytestmark = pytest.mark.virtual_time
EVERY_2 = Polling(interval=2.0)


async def test_a_task_that_comes_due_while_another_is_polled_is_polled_in_time() -> None:
    provider = Provider()
    waiter = poller(provider, polling=EVERY_2)
    for number in range(3):
        waiter.watch(provider.start(f"t{number}", 1.0), Heard(), age=-number * ROUND_TRIP / 4)
    await asyncio.sleep(3)
    polls = [provider.polls[f"t{number}"] for number in range(3)]
    assert polls == [[pytest.approx(2 + number * ROUND_TRIP / 4)] for number in range(3)]


async def test_a_permit_that_comes_when_nothing_is_due_any_more_is_given_back() -> None:
    class Late(NoLimit):
        async def acquire(self) -> Permit:
            await asyncio.sleep(0.5)
            return await super().acquire()

    provider, permits = Provider(), Late()
    waiter = poller(provider, permits, EVERY_2)
    heard = Heard()
    waiter.watch(provider.start("other", 6.0), heard, age=-2.0)
    watch = waiter.watch(provider.start("t", 5.0), Heard())
    await asyncio.sleep(2.2)
    watch.cancel()
    await asyncio.sleep(1)
    assert permits.how() == [("released", None)]
    await asyncio.sleep(10)
    assert len(heard.outcomes) == 1
    assert "t" not in provider.polls


@pytest.mark.parametrize(
    ("fault", "end"),
    [
        (None, ("counted", None)),
        (TransportError("x"), ("counted", None)),
        (TransportError("x", sent=False), ("released", None)),
        (RateLimitError(429, retry_after=7.0), ("rejected", 7.0)),
        (ResponseError("x"), ("counted", None)),
    ],
)
async def test_each_permit_has_its_end(fault: WanError | None, end: tuple[str, float | None]) -> None:
    provider, permits = Provider(), NoLimit()
    provider.faults["t"] = [fault] if fault else []
    await poller(provider, permits, EVERY_2).wait(provider.start("t", 1.0))
    assert permits.how()[0] == end


async def test_a_bug_in_the_limiter_surfaces_to_all_waiters() -> None:
    class Broken(NoLimit):
        async def acquire(self) -> Permit:
            raise ZeroDivisionError("a bug")

    provider, heard = Provider(), Heard()
    waiter = poller(provider, Broken(), EVERY_2)
    waiter.watch("u", heard)
    with pytest.raises(WanError, match="a bug"):
        await waiter.wait("t")
    assert len(heard.outcomes) == 1
    assert not others()


async def test_a_worker_that_cannot_be_started_surfaces_to_all_waiters(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_: PollWorkers[Any]) -> None:
        raise MemoryError("no room")

    provider, heard = Provider(), Heard()
    waiter = poller(provider, NoLimit(), EVERY_2)
    waiter.watch(provider.start("u", 5.0), heard)
    with monkeypatch.context() as patch:
        patch.setattr(PollWorkers, "_start", broken)
        with pytest.raises(WanError, match="no room"):
            await waiter.wait(provider.start("t", 5.0), max_wait=60.0)
    assert len(heard.outcomes) == 1
    assert (await waiter.wait(provider.start("again", 1.0))).state is TaskState.SUCCESS


@pytest.mark.parametrize("step", ["any_due", "take", "next_due", "plan", "drop", "replan"])
@pytest.mark.parametrize("calls", [0, 1, 2, 3])
async def test_a_bug_in_the_queue_surfaces_to_all_waiters(
    step: str, calls: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whichever step fails, whenever: nobody waits for ever, and the poller can be used again."""
    provider, permits = Provider(), NoLimit()
    waiter = poller(provider, permits, EVERY_2)
    heard = [Heard() for _ in range(3)]
    for number, each in enumerate(heard):
        waiter.watch(provider.start(f"t{number}", 50.0), each, age=-number / 10)
    right, left = getattr(PollQueue, step), calls

    def breaks(*arguments: Any) -> Any:
        nonlocal left
        left -= 1
        if left < 0:
            raise ZeroDivisionError("a bug")
        return right(*arguments)

    monkeypatch.setattr(PollQueue, step, breaks)
    await asyncio.sleep(10)
    for each in heard:
        (outcome,) = each.outcomes
        assert isinstance(outcome, WanError)
        assert "a bug" in str(outcome)
    assert not others()
    assert not permits.open
    monkeypatch.undo()
    assert (await waiter.wait(provider.start("again", 1.0))).state is TaskState.SUCCESS


@pytest.mark.parametrize("step", ["counted_nowait", "rejected_nowait", "released_nowait"])
async def test_a_bug_in_a_verdict_surfaces_to_its_waiters(step: str, monkeypatch: pytest.MonkeyPatch) -> None:
    provider, permits, heard = Provider(), NoLimit(), Heard()
    faults = {"rejected_nowait": RateLimitError(429), "released_nowait": TransportError("refused", sent=False)}
    provider.faults["t"] = [faults[step]] if step in faults else []
    waiter = poller(provider, permits, EVERY_2)

    def breaks(*_: object) -> None:
        raise ZeroDivisionError("division by zero")

    waiter.watch(provider.start("t", 50.0), heard)
    monkeypatch.setattr(permits, step, breaks)
    await asyncio.sleep(10)
    assert "division by zero" in str(heard.outcomes[0])
    assert not others()
    monkeypatch.undo()
    assert (await waiter.wait(provider.start("again", 1.0))).state is TaskState.SUCCESS


@pytest.mark.parametrize("calls", [0, 1, 2])
async def test_a_bug_in_a_schedule_surfaces_to_its_waiters(calls: int, monkeypatch: pytest.MonkeyPatch) -> None:
    provider, heard = Provider(), Heard()
    waiter = poller(provider, polling=EVERY_2)
    right, left = Plain.next_poll, calls

    def breaks(self: Plain, undone: float, rank: int) -> float:
        nonlocal left
        left -= 1
        return right(self, undone, rank) if left >= 0 else 1 / 0

    monkeypatch.setattr(Plain, "next_poll", breaks)
    provider.start("t", 50.0)
    try:
        waiter.watch("t", heard)
    except ZeroDivisionError as bug:
        heard.outcomes.append(WanError(str(bug)))
    await asyncio.sleep(10)
    assert "division by zero" in str(heard.outcomes[0])
    assert (waiter.waiting, others()) == (0, set())
    monkeypatch.undo()
    assert (await waiter.wait(provider.start("t", 1.0))).state is TaskState.SUCCESS


async def test_a_poll_cancelled_from_elsewhere_is_repeated() -> None:
    provider, permits = Provider(), NoLimit()
    provider.faults["t"] = [asyncio.CancelledError()]
    record = await poller(provider, permits, EVERY_2).wait(provider.start("t", 1.0))
    assert record.state is TaskState.SUCCESS
    assert not permits.open


async def test_no_more_polls_at_once_than_are_good() -> None:
    provider = Provider()
    waiter = Poller(provider.read, NoLimit(), EVERY_2, most_polls=5)
    await asyncio.gather(*(waiter.wait(provider.start(str(number), 1.0)) for number in range(16)))
    assert provider.most_at_once == 5


async def test_the_permit_goes_to_who_needs_it_when_it_comes() -> None:
    provider, permits = Provider(), Paced(10.0)
    waiter = poller(provider, permits, EVERY_2)
    heard = Heard()
    first = waiter.watch(provider.start("first", 50.0), Heard())
    await asyncio.sleep(5)  # one permit was used at 2 s, the next, asked for at 4 s, comes at 12 s
    waiter.watch(provider.start("second", 1.0), heard)
    await asyncio.sleep(6)
    first.cancel()
    await asyncio.sleep(5)
    assert provider.polls["first"] == pytest.approx([2.0])
    assert provider.polls["second"] == pytest.approx([12.0])
    assert len(heard.outcomes) == 1


async def test_a_permit_that_nobody_needs_any_more_is_given_back() -> None:
    provider, permits = Provider(), Paced(10.0)
    waiter = poller(provider, permits, EVERY_2)
    first = waiter.watch(provider.start("first", 50.0), Heard())
    await asyncio.sleep(11)  # the next permit comes at 12 s
    waiter.watch(provider.start("second", 1.0), Heard())
    first.cancel()
    await asyncio.sleep(1.5)
    assert permits.how() == [("counted", None), ("released", None)]
    await waiter.aclose()
