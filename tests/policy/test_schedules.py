"""The schedules: where nothing is learnt, and where ends are called back."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wan_async._policy.durations import MAX_GAP
from wan_async._policy.schedules import NEVER, RANKS, RARELY, Advised, Learnt, SafetyNet, Schedule, advised


@given(st.floats(0, 1e5), st.integers(0, RANKS - 1))
def test_with_nothing_learnt_polls_follow_the_advice(undone: float, rank: int) -> None:
    gap = advised(undone, rank) - undone
    if rank < 2:
        low, high = (2, 3) if undone < 30 else (5, 10) if undone < 120 else (15, 30)
        assert low - 1e-6 <= gap <= high + 1e-6
    else:
        assert 2 - 1e-6 <= gap <= MAX_GAP + 1e-6
        assert gap <= max(10.0, 2 * undone) + 1e-6


def test_scouts_do_not_poll_all_at_the_same_moment() -> None:
    firsts = sorted(advised(0.0, rank) for rank in range(16))
    assert firsts[-1] - firsts[0] > 0.8
    assert max(later - earlier for earlier, later in itertools.pairwise(firsts)) < 0.15


def test_ranks_of_a_kind_go_round() -> None:
    schedule = Learnt()
    assert [schedule.enlist() for _ in range(RANKS + 1)] == [*range(RANKS), 0]


def net(*durations: float) -> SafetyNet:
    """A safety net that knows these durations, of tasks that were called back."""
    made = SafetyNet(Learnt())
    for seconds in durations:
        made.observe(seconds)
        made.called_back()
    return made


def ages(schedule: Schedule, rank: int, count: int = 5) -> list[float]:
    """The ages of the first polls of a task that stays undone."""
    undone, polls = NEVER, list[float]()
    for _ in range(count):
        undone = schedule.next_poll(undone, rank)
        polls.append(undone)
    return polls


def test_called_back_tasks_are_polled_rarely_and_scouts_at_doubling_ages() -> None:
    assert ages(net(), 63) == [120, 240, 360, 480, 600]
    assert ages(net(), 0) == [15, 30, 60, 120, 240]
    assert ages(SafetyNet(Advised()), 0, 7) == [15, 30, 60, 120, 240, 360, 480]


@pytest.mark.parametrize("rank", [0, 63])
@pytest.mark.parametrize(
    ("durations", "polls"),
    [
        ([4.0] * 20, [15, 30, 60, 120, 240]),
        ([40.0, 60.0, 50.0], [85, 170, 290, 410, 530]),
        ([300.0], [120, 240, 360, 385, 505]),
    ],
)
def test_a_called_back_task_is_polled_when_it_is_overdue(durations: list[float], polls: list[float], rank: int) -> None:
    assert ages(net(*durations), rank) == polls


@given(st.lists(st.floats(0.1, 1000), max_size=20), st.floats(0, 5000), st.integers(0, RANKS - 1))
def test_a_safety_net_leaves_no_task_alone_for_long(durations: list[float], undone: float, rank: int) -> None:
    following = net(*durations).next_poll(undone, rank)
    assert undone < following <= undone + RARELY


def test_when_no_callback_comes_tasks_are_polled_as_without() -> None:
    schedule, without = net(*[60.0] * 20), Learnt()
    for _ in range(20):
        without.observe(60.0)
    schedule.missed()  # one callback may get lost
    assert ages(schedule, 5) == [85, 170, 290, 410, 530]
    revision = schedule.revision
    schedule.missed()
    assert schedule.revision > revision
    assert ages(schedule, 5) == ages(without, 5)
    schedule.called_back()
    assert schedule.revision > revision + 1
    assert ages(schedule, 5) == [85, 170, 290, 410, 530]


def test_where_no_callback_came_yet_one_miss_is_enough() -> None:
    schedule = SafetyNet(Learnt())
    schedule.missed()
    assert ages(schedule, 0) == ages(Learnt(), 0)


def test_misses_far_apart_do_not_add_up() -> None:
    schedule = net(60.0)
    for _ in range(10):
        schedule.missed()
        schedule.called_back()
    assert schedule.next_poll(NEVER, 0) == 85


def test_a_safety_net_is_replanned_when_what_is_learnt_changes() -> None:
    schedule = net(*[60.0] * 50)
    revision = schedule.revision
    for _ in range(100):
        schedule.observe(20.0)
    assert schedule.revision > revision
    assert schedule.lateness(0.0, 30.0) > 0
