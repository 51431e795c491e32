"""The pure window: what it promises for any delays, any answers and any order of events."""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable, Iterable
from typing import Protocol

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from hypothesis.stateful import run_state_machine_as_test as live  # pyright: ignore[reportUnknownVariableType]

from wan_async._policy.settings import RateLimit
from wan_async._policy.window import LATEST, Window

from ..limits.support import close

OUT, BACK = 0.025, 0.020
Delays = tuple[float, float]


class Slots(Protocol):
    def take(self, now: float) -> float | None: ...
    def opens_at(self, now: float) -> float: ...
    def counted(self, permit: float, now: float) -> None: ...


def arrivals(window: Slots, delays: Iterable[Delays]) -> list[float]:
    """When calls arrive that leave as soon as they may, take so long out and back, and are all accepted."""
    now, answers, arrived = 0.0, list[tuple[float, float]](), list[float]()
    for out, back in delays:
        while (permit := window.take(now)) is None:
            opens = max(window.opens_at(now), math.nextafter(now, math.inf))
            if answers and answers[0][0] <= opens:
                now, ended = heapq.heappop(answers)
                window.counted(ended, now)
            else:
                now = opens
        arrived.append(now + out)
        heapq.heappush(answers, (now + out + back, permit))
    return sorted(arrived)


def crowded(arrived: list[float], n: int, per: float) -> bool:
    """Whether a sliding window would have seen more than `n`."""
    return any(later - earlier < per for earlier, later in zip(arrived, arrived[n:], strict=False))


extra = st.floats(0, 0.3, allow_subnormal=False)
jitters = st.lists(st.tuples(extra, extra), min_size=1, max_size=150)


@settings(max_examples=60, deadline=None)
@given(n=st.integers(1, 30), per=st.floats(0.1, 20), jitter=jitters)
def test_no_window_sees_more_than_the_limit(n: int, per: float, jitter: list[Delays]) -> None:
    least = [(OUT, BACK)] * (3 * n + 20)  # the least round trip shows up among the samples, as the module assumes
    delays = least + [(OUT + out, BACK + back) for out, back in jitter]
    assert not crowded(arrivals(Window(RateLimit(n, per=per)), delays), n, per)


class NeverWaits:
    def take(self, now: float) -> float | None:
        return now

    def opens_at(self, now: float) -> float:
        return now

    def counted(self, permit: float, now: float) -> None: ...


class Bucket(NeverWaits):
    """`n` tokens to begin with, and `n` more in each `per` seconds."""

    def __init__(self, n: int, per: float) -> None:
        self.rate, self.most, self.tokens, self.at = n / per, n, float(n), 0.0

    def take(self, now: float) -> float | None:
        self.tokens = min(self.most, self.tokens + (now - self.at) * self.rate)
        self.at = now
        if self.tokens < 1:
            return None
        self.tokens -= 1
        return now

    def opens_at(self, now: float) -> float:
        return now + (1 - self.tokens) / self.rate


class StampedAtSend(NeverWaits):
    def __init__(self, n: int, per: float) -> None:
        self.n, self.per, self.sent = n, per, list[float]()

    def take(self, now: float) -> float | None:
        if self.opens_at(now) > now:
            return None
        self.sent.append(now)
        return now

    def opens_at(self, now: float) -> float:
        return now if len(self.sent) < self.n else self.sent[-self.n] + self.per


class FreedByTheSlowest(Window):
    """`max` for `min`: the lead is the longest round trip."""

    def _reuse(self) -> float:
        return self.lessons.per - 0.4


wrong: list[Callable[[int, float], Slots]] = [
    lambda n, per: NeverWaits(),
    Bucket,
    StampedAtSend,
    lambda n, per: FreedByTheSlowest(RateLimit(n, per=per)),
]


@pytest.mark.parametrize("make", wrong)
def test_a_wrong_limiter_is_noticed(make: Callable[[int, float], Slots]) -> None:
    swinging = [(OUT + (0.1 if i % 7 == 0 else 0.0), BACK + (0.1 if i % 5 == 0 else 0.0)) for i in range(200)]
    assert crowded(arrivals(make(20, 1.0), swinging), 20, 1.0)
    assert not crowded(arrivals(Window(RateLimit(20, per=1.0)), swinging), 20, 1.0)


def test_nearly_all_of_the_limit_is_used() -> None:
    arrived = arrivals(Window(RateLimit(20, per=10.0)), [(OUT, BACK)] * 2000)
    assert arrived[-1] < 1.005 * 99 * 10.0


class AnyLife(RuleBasedStateMachine):
    """Any order of grants, endings, pauses and limits told anew."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 100.0
        self.window = Window(RateLimit(7, per=2.0))
        self.out: list[float] = []
        self.answered: list[float] = []

    @rule()
    def take(self) -> None:
        permit = self.window.take(self.now)
        if permit is not None:
            assert permit not in self.out
            assert permit >= self.now
            self.out.append(permit)

    @rule(seconds=st.floats(0, 8))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @precondition(lambda self: self.out)
    @rule(which=st.integers(0, 50))
    def accept(self, which: int) -> None:
        permit = self.out.pop(which % len(self.out))
        self.window.counted(permit, self.now)
        self.answered.append(self.now)

    @precondition(lambda self: self.out)
    @rule(which=st.integers(0, 50), retry_after=st.none() | st.floats(0, 5))
    def reject(self, which: int, retry_after: float | None) -> None:
        self.window.rejected(self.out.pop(which % len(self.out)), self.now, retry_after)
        if retry_after is not None and self.now + retry_after > self.now:
            assert self.window.opens_at(self.now) >= self.now + retry_after
            assert self.window.take(self.now) is None

    @precondition(lambda self: self.out)
    @rule(which=st.integers(0, 50))
    def release(self, which: int) -> None:
        self.window.released(self.out.pop(which % len(self.out)), self.now)

    @rule(permit=st.floats(0, 99))
    def end_what_is_not_under_way(self, permit: float) -> None:
        before = self.window.used
        self.window.counted(permit, self.now)
        self.window.rejected(permit, self.now)
        self.window.released(permit, self.now)
        assert self.window.used <= before

    @invariant()
    def the_ceiling_holds(self) -> None:
        fresh = sum(1 for permit in self.out if permit > self.now - LATEST)
        counting = sum(1 for answer in self.answered if answer > self.now - 2.0 + 8.0)
        assert fresh + counting <= self.window.lessons.learnt.ceiling == 7
        assert 1 <= self.window.slots <= 7

    @invariant()
    def somebody_goes_some_time(self) -> None:
        opens = self.window.opens_at(self.now)
        assert self.now <= opens <= self.now + LATEST + 2.0 * 1.001 * 11

    def teardown(self) -> None:
        now = self.now
        for _ in range(30):  # whatever was left open: the next call goes
            now = max(self.window.opens_at(now), math.nextafter(now, math.inf))
            if self.window.take(now) is not None:
                return
        raise AssertionError("nobody ever goes")


def test_any_life() -> None:
    live(AnyLife, settings=settings(max_examples=60, stateful_step_count=40, deadline=None))


def fill(window: Window, now: float = 0.0) -> list[float]:
    return list(iter(lambda: window.take(now), None))  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize(("limit", "slots"), [(RateLimit(20, per=10.0), 20), (RateLimit(20, per=10.0, share=0.5), 10),
                                              (RateLimit(10, per=1.0, share=0.3), 3)])  # fmt: skip
def test_all_of_a_share_goes_at_once(limit: RateLimit, slots: int) -> None:
    assert len(fill(Window(limit))) == slots


def test_a_share_of_less_than_one_call_is_one_in_a_longer_window() -> None:
    window = Window(RateLimit(2, per=1.0, share=0.1))
    (permit,) = fill(window)
    window.counted(permit, 0.0)
    assert window.take(4.99) is None
    assert window.take(5.01) is not None


def test_a_large_limit_is_dared_step_by_step() -> None:
    window = Window(RateLimit(1000, per=1.0))
    first = fill(window)
    assert len(first) == 25
    for permit in first:
        window.counted(permit, 0.01)
    assert len(fill(window, 0.01)) == 75
    assert window.used == 100


def test_a_rejection_frees_its_slot_and_an_acceptance_does_not() -> None:
    window = Window(RateLimit(2, per=1.0))
    one, two = fill(window)
    window.released(one, 0.1)
    assert window.take(0.1) is not None
    window.counted(two, 0.2)
    assert window.take(0.2) is None


def test_rejections_brake_once_per_flight_and_longer_each_time() -> None:
    window, now, pauses = Window(RateLimit(20, per=1.0)), 0.0, list[float]()
    for _ in range(6):
        for permit in fill(window, now):
            window.rejected(permit, now + 0.05)
        assert window.take(now + 0.05) is None
        pauses.append(window.opens_at(now + 0.05) - now - 0.05)
        now += 20.0
    assert close(pauses, [0.02 * 2**i for i in range(6)])


def rejected_beside(accepted: int) -> float:
    """When the next may go, where so many are in the window and one more is rejected at 0.5."""
    window = Window(RateLimit(3, per=1.0))
    for _ in range(accepted):
        permit = window.take(0.0)
        assert permit is not None
        window.counted(permit, 0.1)
    permit = window.take(0.4)
    assert permit is not None
    window.rejected(permit, 0.5)
    return window.opens_at(0.5)


def test_rejected_where_ours_fill_the_window_they_gather_behind_the_oldest() -> None:
    assert close([rejected_beside(1)], [0.52])
    assert close([rejected_beside(2)], [0.1 + 1.001 + 0.075])


def test_after_two_rejected_flights_one_call_goes_alone() -> None:
    window = Window(RateLimit(20, per=1.0))
    for now in (0.0, 10.0):
        permit = window.take(now)
        assert permit is not None
        window.rejected(permit, now + 0.1)
    assert len(fill(window, 20.0)) == 1
    window.counted(20.0, 20.1)
    assert len(fill(window, 20.1)) > 1


def test_a_call_that_nobody_ends_gives_its_slot_back() -> None:
    window = Window(RateLimit(1, per=1.0))
    assert window.take(0.0) == 0.0
    assert window.opens_at(5.0) == LATEST
    assert window.take(LATEST) is None
    assert window.take(LATEST + 1.01) is not None


def test_a_clock_that_starts_anew_finds_an_empty_window() -> None:
    window = Window(RateLimit(2, per=10.0))
    old, _ = fill(window, 500.0)
    assert window.take(501.0) is None
    assert len(fill(window, 0.0)) == 2
    window.counted(old, 0.5)
    assert window.used == 2


def test_a_limit_set_anew_is_believed_and_old_calls_count_on() -> None:
    window = Window(RateLimit(2, per=1.0))
    for permit in fill(window):
        window.counted(permit, 0.0)
    window.set_limit(RateLimit(5, per=1.0))
    assert len(fill(window, 0.1)) == 3
