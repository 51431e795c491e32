"""The planner: which schedule a kind of task gets."""

from __future__ import annotations

import pytest

from wan_async._policy.planner import KINDS, Planner
from wan_async._policy.schedules import NEVER, Plain, SafetyNet
from wan_async._policy.settings import Polling


def test_a_kind_learns_for_its_own_tasks_only() -> None:
    planner = Planner(Polling())
    for _ in range(20):
        planner.schedule("slow").observe(200.0)
    assert planner.schedule("slow").next_poll(NEVER, 0) > 150
    assert planner.schedule("fast").next_poll(NEVER, 0) <= 3


def test_kinds_are_bounded_and_the_used_ones_stay() -> None:
    planner = Planner(Polling())
    kept = planner.schedule("kept")
    for number in range(2 * KINDS):
        planner.schedule(number)
        assert planner.schedule("kept") is kept
    assert planner.schedule(0).next_poll(NEVER, 0) <= 3
    planner.schedule(1).observe(50.0)
    for number in range(100, 101 + KINDS):
        planner.schedule(number)
    assert planner.schedule(1).next_poll(NEVER, 0) <= 3  # forgotten


@pytest.mark.parametrize(
    ("polling", "polls"),
    [
        (Polling(first=7, interval=2), [7, 9, 11]),
        (Polling(first=7), [7, 14, 21]),
        (Polling(interval=2), [2, 4, 6]),
        (Polling(first=0, interval=2), [0, 2, 4]),
    ],
)
def test_a_given_schedule_is_plain(polling: Polling, polls: list[float]) -> None:
    schedule = Planner(polling).schedule("any")
    schedule.observe(1000.0)
    undone = NEVER
    ages: list[float] = []
    for _ in polls:
        undone = schedule.next_poll(undone, schedule.enlist())
        ages.append(undone)
    assert ages == polls
    assert schedule.revision == 0


@pytest.mark.parametrize("polling", [Polling(), Polling(first=600, interval=60)])
def test_a_task_of_unknown_age_is_polled_at_once(polling: Polling) -> None:
    schedule = Planner(polling).unaged()
    assert schedule.next_poll(NEVER, schedule.enlist()) == 0
    assert schedule.next_poll(0.0, 0) >= 2
    schedule.observe(100.0)
    assert schedule.next_poll(NEVER, 0) == schedule.revision == 0
    assert 0 < schedule.lateness(1.0, 2.0) < schedule.lateness(1.0, 3.0) < 1
    assert schedule.lateness(NEVER, 0.0) == 0


@pytest.mark.parametrize("called_back", [False, True])
def test_where_ends_are_called_back_schedules_are_safety_nets_unless_one_is_given(called_back: bool) -> None:
    learnt = Planner(Polling(), called_back=called_back)
    assert isinstance(learnt.schedule("any"), SafetyNet) is called_back
    assert isinstance(learnt.unaged(), SafetyNet) is called_back
    given = Planner(Polling(interval=5.0), called_back=called_back)
    assert isinstance(given.schedule("any"), Plain)
    assert isinstance(given.unaged(), Plain)
