"""Durations: what is learnt of them, and when that says to poll."""

from __future__ import annotations

import math
import random
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wan_async._policy.durations import LATE_GAP, MAX_GAP, WINDOW, Durations, measured, stamped
from wan_async._policy.schedules import NEVER
from wan_async._protocol import TaskRecord, TaskState

seconds = st.floats(0, 5000)
samples = st.lists(seconds, min_size=1, max_size=2 * WINDOW)


def learnt(durations: list[float]) -> Durations:
    made = Durations()
    for duration in durations:
        made.observe(duration)
    return made


@given(samples, seconds)
def test_the_next_poll_is_later_and_not_too_far(durations: list[float], undone: float) -> None:
    following = learnt(durations).next_poll(undone)
    assert undone < following <= undone + MAX_GAP


@given(samples)
def test_polls_go_on_for_ever_in_bounded_number(durations: list[float]) -> None:
    known = learnt(durations)
    age = 0.0
    for _ in range(200):
        age = known.next_poll(age)
    assert age > 40 + min(max(durations), 1000)
    assert known.next_poll(1e6) - 1e6 <= LATE_GAP


@given(samples, seconds, seconds, seconds)
def test_lateness_grows_with_age(durations: list[float], undone: float, one: float, two: float) -> None:
    known = learnt(durations)
    earlier, later = sorted((undone + one, undone + two))
    assert -1e-9 <= known.lateness(undone, earlier) <= known.lateness(undone, later) * (1 + 1e-9) + 1e-9


@pytest.mark.parametrize("undone", [NEVER, 0.0, 45.0, 60.0, 75.0])
@pytest.mark.parametrize("age", [50.0, 65.0, 80.0, 95.0, 200.0])
def test_lateness_is_what_tasks_undone_by_then_would_have(undone: float, age: float) -> None:
    durations = [40 + number * 60 / 127 for number in range(128)]
    left = [took for took in durations if took > undone]
    expected = sum(max(age - took, 0.0) / took for took in left) / len(left)
    assert learnt(durations).lateness(undone, age) == pytest.approx(expected, rel=0.1, abs=0.02)


def test_lateness_grows_beyond_all_that_was_learnt() -> None:
    known = learnt([10.0] * 20)
    assert 0 < known.lateness(20.0, 22.0) < 0.1 < known.lateness(20.0, 40.0) < 1 < known.lateness(20.0, 80.0)
    assert 2.4 < learnt([10.0]).lateness(0.0, 40.0) < 2.6  # two thirds found 3 late, the others, older than 12.5, 1.4


@pytest.mark.parametrize("bad", [-1.0, math.inf, math.nan])
def test_what_is_no_duration_is_ignored(bad: float) -> None:
    known = learnt([5.0])
    known.observe(bad)
    assert known.count == 1


def polls_and_lateness(known: Durations, durations: list[float], *, learn: bool = True) -> tuple[float, float]:
    polls, late = 0, 0.0
    for duration in durations:
        age = 0.0
        while age < duration:
            age = known.next_poll(age)
            polls += 1
        late += (age - duration) / duration
        if learn:
            known.observe(duration)
    return polls / len(durations), late / len(durations)


@pytest.mark.parametrize("middle", [4.0, 60.0, 240.0])
def test_spread_by_12_percent_takes_5_polls_and_is_found_4_percent_late(middle: float) -> None:
    draw = random.Random(1)
    durations = [draw.gauss(middle, 0.12 * middle) for _ in range(1200)]
    polls, late = polls_and_lateness(learnt(durations[:200]), durations[200:])
    assert polls <= 5.0
    assert late <= 0.033


def test_what_always_takes_the_same_is_found_with_one_poll() -> None:
    polls, late = polls_and_lateness(learnt([5.0] * 50), [5.0] * 50)
    assert polls <= 1.2
    assert late <= 0.02


@pytest.mark.parametrize(("before", "after"), [(60.0, 20.0), (20.0, 60.0)])
def test_a_drift_is_followed(before: float, after: float) -> None:
    draw = random.Random(1)
    known = learnt([draw.gauss(before, 0.1 * before) for _ in range(300)])
    polls_and_lateness(known, [draw.gauss(after, 0.1 * after) for _ in range(WINDOW)])
    polls, late = polls_and_lateness(known, [draw.gauss(after, 0.1 * after) for _ in range(200)])
    assert polls <= 5.5
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
        polls, late = polls_and_lateness(known, [draw.gauss(middle, spread) for _ in range(200)], learn=False)
        assert polls <= 15
        assert late <= 0.07


def reported(took: float | None, cost: float | None = None) -> TaskRecord:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    end = None if took is None else start + timedelta(seconds=took)
    return TaskRecord(task_id="t", state=TaskState.SUCCESS, created_at=start, completed_at=end, cost_time=cost)


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        (reported(56.0, 3.0), 56.0),  # the provider's two times come first
        (reported(56000.0, 56.5), 56.5),  # … unless they cannot be
        (reported(None, 56.0), 56.0),
        (reported(None, 56000.0), 55.0),  # milliseconds, as the pages say: the middle
        (reported(None), 55.0),
        (reported(61.0), 60.0),  # never later than it was found
        (reported(49.5), 50.0),  # never earlier than it was found undone
        (reported(-3.0), 55.0),
    ],
)
def test_a_duration_is_what_agrees_with_what_was_found(record: TaskRecord, expected: float) -> None:
    assert measured(record, 50.0, 60.0) == pytest.approx(expected)


def test_a_task_found_done_at_the_first_poll_tells_only_what_the_provider_says() -> None:
    assert measured(reported(None), NEVER, 60.0) is None
    assert measured(reported(12.0), NEVER, 60.0) == 12.0


@pytest.mark.parametrize("took", [None, 0.0, -3.0, 56_000_000.0])
def test_two_times_that_cannot_be_tell_no_duration(took: float | None) -> None:
    assert stamped(reported(took, 56.0)) is None
    assert stamped(reported(56.0, 3.0)) == 56.0
