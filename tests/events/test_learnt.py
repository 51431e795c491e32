"""When a limit that was learnt is told, by a limiter whose state the test sets."""

from __future__ import annotations

import asyncio
from typing import cast

import pytest

from wan_async import RateLimit, TaskState
from wan_async._events import Emitter
from wan_async._events.learnt import LearntLimits
from wan_async._policy.limiter import Limiter, LimitState
from wan_async.events import Event, LimitLearnt, Polled, Submitted, Throttled

LIMIT = RateLimit(20, per=10.0, share=0.5)
GOOD = [Submitted("t", "m"), Polled("t", TaskState.WAITING)]


class Known:
    """A limiter's state and nothing else."""

    def __init__(self) -> None:
        self.learnt = 10
        self.throttled = 0

    def state(self) -> LimitState:
        return LimitState(LIMIT, self.learnt, 0, 0, self.throttled, 0.0)


class Told:
    """What is told of two limiters."""

    def __init__(self) -> None:
        self.submissions, self.queries = Known(), Known()
        self.events: list[Event] = []
        limiters = cast("dict[str, Limiter]", {"submissions": self.submissions, "queries": self.queries})
        self.hears = LearntLimits(limiters, Emitter(self.events.append))


@pytest.fixture
def told() -> Told:
    return Told()


async def lower(told: Told, learnt: int) -> None:
    """A call is throttled; the limiter hears of it afterwards."""
    told.hears(Throttled("createTask", None))
    told.submissions.learnt, told.submissions.throttled = learnt, told.submissions.throttled + 1
    await asyncio.sleep(0)


async def test_a_lower_limit_is_told_once_the_limiter_has_heard_of_it(told: Told) -> None:
    await lower(told, 4)
    assert told.events == [LimitLearnt("submissions", LIMIT, 4, at=told.events[0].at)]
    for event in GOOD:
        told.hears(event)
    assert len(told.events) == 1


@pytest.mark.parametrize("good", GOOD)
async def test_a_limit_that_is_found_again_is_told_when_a_call_went_well(told: Told, good: Event) -> None:
    await lower(told, 4)
    for learnt in (5, 5, 10, 12):
        told.submissions.learnt = learnt
        told.hears(good)
    assert [event.learnt for event in told.events if isinstance(event, LimitLearnt)] == [4, 5, 10]


async def test_a_limit_that_was_never_throttled_is_not_told_of(told: Told) -> None:
    told.queries.learnt = 9
    for event in GOOD:
        told.hears(event)
    await lower(told, 10)
    assert told.events == []
