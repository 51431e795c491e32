"""The pure planner: what is learnt, and when it says to look."""

from __future__ import annotations

import itertools
import math
import random
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wan_async._policy.durations import LATE_GAP, MAX_GAP, WINDOW, Durations, measured
from wan_async._policy.polling import (
    DENIALS,
    GRACE,
    KINDS,
    NEVER,
    RANKS,
    REFUSALS,
    Learnt,
    Planner,
    ends_wait,
    page,
    retry_age,
)
from wan_async._policy.settings import Polling
from wan_async._protocol import TaskRecord, TaskState
from wan_async.errors import (
    AuthenticationError,
    KeyQuotaError,
    NotFoundError,
    RejectedError,
    ResponseError,
    ServerError,
    TransportError,
    WanError,
)

seconds = st.floats(0, 5000)
samples = st.lists(seconds, min_size=1, max_size=2 * WINDOW)


def learnt(durations: list[float]) -> Durations:
    made = Durations()
    for duration in durations:
        made.observe(duration)
    return made


@given(samples, seconds)
def test_the_next_look_is_later_and_not_too_far(durations: list[float], seen: float) -> None:
    following = learnt(durations).next_look(seen)
    assert seen < following <= seen + MAX_GAP


@given(samples)
def test_looks_go_on_for_ever_in_bounded_number(durations: list[float]) -> None:
    known = learnt(durations)
    age = 0.0
    for _ in range(200):
        age = known.next_look(age)
    assert age > 40 + min(max(durations), 1000)
    assert known.next_look(1e6) - 1e6 <= LATE_GAP


@given(samples, seconds, seconds, seconds)
def test_lateness_grows_with_age(durations: list[float], seen: float, one: float, two: float) -> None:
    known = learnt(durations)
    earlier, later = sorted((seen + one, seen + two))
    assert -1e-9 <= known.lateness(seen, earlier) <= known.lateness(seen, later) * (1 + 1e-9) + 1e-9


@pytest.mark.parametrize("seen", [NEVER, 0.0, 45.0, 60.0, 75.0])
@pytest.mark.parametrize("age", [50.0, 65.0, 80.0, 95.0, 200.0])
def test_lateness_is_what_tasks_undone_by_then_would_have(seen: float, age: float) -> None:
    durations = [40 + number * 60 / 127 for number in range(128)]
    left = [took for took in durations if took > seen]
    expected = sum(max(age - took, 0.0) / took for took in left) / len(left)
    assert learnt(durations).lateness(seen, age) == pytest.approx(expected, rel=0.1, abs=0.02)


def test_lateness_grows_beyond_all_that_was_learnt() -> None:
    known = learnt([10.0] * 20)
    assert 0 < known.lateness(20.0, 22.0) < 0.1 < known.lateness(20.0, 40.0) < 1 < known.lateness(20.0, 80.0)
    assert 2.4 < learnt([10.0]).lateness(0.0, 40.0) < 2.6  # two thirds found 3 late, the others, older than 12.5, 1.4


@pytest.mark.parametrize("bad", [-1.0, math.inf, math.nan])
def test_what_is_no_duration_is_ignored(bad: float) -> None:
    known = learnt([5.0])
    known.observe(bad)
    assert known.count == 1


def looks_and_lateness(known: Durations, durations: list[float], *, learn: bool = True) -> tuple[float, float]:
    looks, late = 0, 0.0
    for duration in durations:
        age = 0.0
        while age < duration:
            age = known.next_look(age)
            looks += 1
        late += (age - duration) / duration
        if learn:
            known.observe(duration)
    return looks / len(durations), late / len(durations)


@pytest.mark.parametrize("middle", [4.0, 60.0, 240.0])
def test_spread_by_12_percent_takes_5_looks_and_is_found_4_percent_late(middle: float) -> None:
    draw = random.Random(1)
    durations = [draw.gauss(middle, 0.12 * middle) for _ in range(1200)]
    looks, late = looks_and_lateness(learnt(durations[:200]), durations[200:])
    assert looks <= 5.0
    assert late <= 0.033


def test_what_always_takes_the_same_is_found_with_one_look() -> None:
    looks, late = looks_and_lateness(learnt([5.0] * 50), [5.0] * 50)
    assert looks <= 1.2
    assert late <= 0.02


@pytest.mark.parametrize(("before", "after"), [(60.0, 20.0), (20.0, 60.0)])
def test_a_drift_is_followed(before: float, after: float) -> None:
    draw = random.Random(1)
    known = learnt([draw.gauss(before, 0.1 * before) for _ in range(300)])
    looks_and_lateness(known, [draw.gauss(after, 0.1 * after) for _ in range(WINDOW)])
    looks, late = looks_and_lateness(known, [draw.gauss(after, 0.1 * after) for _ in range(200)])
    assert looks <= 5.5
    assert late <= 0.04


def test_a_drift_raises_the_revision_and_steady_durations_do_not() -> None:
    draw = random.Random(1)
    known = learnt([draw.gauss(60, 3) for _ in range(1000)])
    steady = known.revision
    for _ in range(20):
        known.observe(draw.gauss(60, 3))
    assert known.revision == steady
    for _ in range(20):
        known.observe(20.0)
    assert known.revision > steady


def test_both_humps_of_two_are_found_early() -> None:
    draw = random.Random(1)
    durations = [draw.gauss(10, 1) if draw.random() < 0.7 else draw.gauss(100, 5) for _ in range(400)]
    known = learnt(durations)
    for middle, spread in ((10, 1), (100, 5)):
        looks, late = looks_and_lateness(known, [draw.gauss(middle, spread) for _ in range(200)], learn=False)
        assert looks <= 15
        assert late <= 0.07


@given(st.floats(0, 1e5), st.integers(0, RANKS - 1))
def test_with_nothing_learnt_looks_follow_the_page(seen: float, rank: int) -> None:
    gap = page(seen, rank) - seen
    if rank < 2:
        low, high = (2, 3) if seen < 30 else (5, 10) if seen < 120 else (15, 30)
        assert low - 1e-6 <= gap <= high + 1e-6
    else:
        assert 2 - 1e-6 <= gap <= MAX_GAP + 1e-6
        assert gap <= max(10.0, 2 * seen) + 1e-6


def test_scouts_do_not_look_all_at_the_same_moment() -> None:
    firsts = sorted(page(0.0, rank) for rank in range(16))
    assert firsts[-1] - firsts[0] > 0.8
    assert max(later - earlier for earlier, later in itertools.pairwise(firsts)) < 0.15


def test_a_kind_learns_for_its_own_tasks_only() -> None:
    planner = Planner(Polling())
    for _ in range(20):
        planner.schedule("slow").observe(200.0)
    assert planner.schedule("slow").next_look(NEVER, 0) > 150
    assert planner.schedule("fast").next_look(NEVER, 0) <= 3


def test_kinds_are_bounded_and_the_used_ones_stay() -> None:
    planner = Planner(Polling())
    kept = planner.schedule("kept")
    for number in range(2 * KINDS):
        planner.schedule(number)
        assert planner.schedule("kept") is kept
    assert planner.schedule(0).next_look(NEVER, 0) <= 3
    planner.schedule(1).observe(50.0)
    for number in range(100, 101 + KINDS):
        planner.schedule(number)
    assert planner.schedule(1).next_look(NEVER, 0) <= 3  # forgotten


@pytest.mark.parametrize(
    ("polling", "looks"),
    [
        (Polling(first=7, interval=2), [7, 9, 11]),
        (Polling(first=7), [7, 14, 21]),
        (Polling(interval=2), [2, 4, 6]),
        (Polling(first=0, interval=2), [0, 2, 4]),
    ],
)
def test_a_given_schedule_is_plain(polling: Polling, looks: list[float]) -> None:
    schedule = Planner(polling).schedule("any")
    schedule.observe(1000.0)
    seen = NEVER
    ages: list[float] = []
    for _ in looks:
        seen = schedule.next_look(seen, schedule.enlist())
        ages.append(seen)
    assert ages == looks
    assert schedule.revision == 0


@pytest.mark.parametrize("polling", [Polling(), Polling(first=600, interval=60)])
def test_a_task_of_unknown_age_is_looked_at_at_once(polling: Polling) -> None:
    schedule = Planner(polling).unaged()
    assert schedule.next_look(NEVER, schedule.enlist()) == 0
    assert schedule.next_look(0.0, 0) >= 2
    schedule.observe(100.0)
    assert schedule.next_look(NEVER, 0) == schedule.revision == 0
    assert 0 < schedule.lateness(1.0, 2.0) < schedule.lateness(1.0, 3.0) < 1
    assert schedule.lateness(NEVER, 0.0) == 0


def test_ranks_of_a_kind_go_round() -> None:
    schedule = Learnt()
    assert [schedule.enlist() for _ in range(RANKS + 1)] == [*range(RANKS), 0]


@given(st.integers(1, 10_000), st.floats(0, 1e5))
def test_repeats_are_spaced_and_bounded(failures: int, age: float) -> None:
    gap = retry_age(TransportError("x"), failures, age) - age
    assert 0.5 - 1e-6 <= gap <= 30 + 1e-6
    assert gap <= retry_age(TransportError("x"), failures + 1, age) - age + 1e-6


def test_one_look_at_an_unknown_record_falls_on_the_end_of_its_grace() -> None:
    assert retry_age(NotFoundError(404), 8, GRACE - 10) == GRACE
    assert retry_age(TransportError("x"), 8, GRACE - 10) > GRACE


@pytest.mark.parametrize("error", [NotFoundError(422), NotFoundError(404), RejectedError(422)])
def test_an_unknown_record_is_waited_for(error: WanError) -> None:
    assert not ends_wait(error, 100, 0, GRACE - 0.1)
    assert not ends_wait(error, REFUSALS - 1, 0, GRACE + 1)
    assert ends_wait(error, REFUSALS, 0, GRACE)


@pytest.mark.parametrize("error", [AuthenticationError(401), KeyQuotaError(433)])
def test_a_refused_key_is_tolerated_five_times(error: WanError) -> None:
    assert not ends_wait(error, DENIALS, DENIALS, 1e4)
    assert ends_wait(error, DENIALS + 1, DENIALS + 1, 1.0)


@pytest.mark.parametrize("error", [TransportError("x"), ResponseError("x"), ServerError(500), WanError("x")])
def test_any_other_error_never_ends_a_wait(error: WanError) -> None:
    assert not ends_wait(error, 10**6, 0, 1e9)


def record(took: float | None, cost: float | None = None) -> TaskRecord:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    end = None if took is None else start + timedelta(seconds=took)
    return TaskRecord(task_id="t", state=TaskState.SUCCESS, created_at=start, completed_at=end, cost_time=cost)


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        (record(56.0, 3.0), 56.0),  # the provider's two times come first
        (record(56000.0, 56.5), 56.5),  # … unless they cannot be
        (record(None, 56.0), 56.0),
        (record(None, 56000.0), 55.0),  # milliseconds, as the pages say: the middle
        (record(None), 55.0),
        (record(61.0), 60.0),  # never later than it was found
        (record(49.5), 50.0),  # never earlier than it was seen undone
        (record(-3.0), 55.0),
    ],
)
def test_a_duration_is_what_agrees_with_what_was_seen(told: TaskRecord, expected: float) -> None:
    assert measured(told, 50.0, 60.0) == pytest.approx(expected)


def test_a_task_found_done_at_the_first_look_tells_only_what_the_provider_says() -> None:
    assert measured(record(None), NEVER, 60.0) is None
    assert measured(record(12.0), NEVER, 60.0) == 12.0
