"""The learnt limit: what lowers it, what raises it, and what that costs."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from wan_async._policy.learnt_limit import LearntLimit


def confirm(limit: LearntLimit, permit: float) -> None:
    limit.earn()
    limit.confirm(permit)


def step(limit: LearntLimit, now: float) -> None:
    """The limit is used up, and one call of it is confirmed."""
    limit.use_up(now, 1.0)
    confirm(limit, now)


def use_up(limit: LearntLimit, windows: int, *, allowed: int, start: float = 0.0) -> int:
    """So many windows of 1 s, each filled to the limit, at a provider that takes `allowed`; gives the rejections."""
    rejections = 0
    for window in range(windows):
        now = start + window * 1.01
        taken = 0
        assert limit.value <= limit.ceiling
        while taken < limit.value:
            taken += 1
            permit = now + taken * 1e-4
            if taken == limit.value:
                limit.use_up(permit, 1.0)
        for call in range(1, taken + 1):
            permit = now + call * 1e-4
            if call <= allowed:
                confirm(limit, permit)
            else:
                rejections += 1
                limit.reject(permit, now + 0.05, taken - rejections)
    return rejections


def test_the_first_rejections_beyond_the_budget_lower_it_to_what_was_there() -> None:
    limit = LearntLimit(40)
    use_up(limit, 1, allowed=12)
    assert limit.known == 12


def test_a_rejection_that_the_budget_pays_for_changes_nothing() -> None:
    limit = LearntLimit(20)
    use_up(limit, 3, allowed=20)
    assert limit.reject(5.0, 5.1, 19)
    assert limit.value == 20
    limit.reject(5.2, 5.3, 19)
    assert limit.value == 19


def test_what_is_accepted_pays_for_rejections_up_to_three() -> None:
    limit = LearntLimit(20)
    use_up(limit, 30, allowed=20)
    for now in (40.0, 41.0, 42.0):
        limit.reject(now, now + 0.1, 19)
        assert limit.value == 20
    limit.reject(43.0, 43.1, 19)
    assert limit.value == 19


def test_one_rejection_at_most_halves_it() -> None:
    limit = LearntLimit(20)
    limit.reject(0.0, 0.1, 0)
    limit.reject(0.2, 0.3, 0)
    assert limit.value == 10


def test_in_the_long_run_at_most_two_percent_are_rejected() -> None:
    limit = LearntLimit(40)
    use_up(limit, 10, allowed=20)
    assert use_up(limit, 200, allowed=20, start=20.0) <= 0.02 * 200 * 20
    assert limit.known == 20


def test_a_risen_limit_is_found_again() -> None:
    limit = LearntLimit(20)
    use_up(limit, 10, allowed=5)
    assert limit.known == 5
    use_up(limit, 20, allowed=20, start=20.0)
    assert limit.value == limit.known == 20


def test_a_first_step_is_believed_after_three_windows_and_the_next_after_one() -> None:
    limit = LearntLimit(20)
    use_up(limit, 1, allowed=10)
    limit.use_up(50.0, 1.0)
    assert (limit.known, limit.value) == (10, 11)
    for now in (50.1, 50.9, 51.2, 52.9):
        step(limit, now)
        assert limit.known == 10
    step(limit, 53.2)
    assert limit.known == 11
    step(limit, 53.3)
    step(limit, 54.4)
    assert limit.known == 12


def test_what_was_sent_along_with_a_refused_probe_does_not_lower_the_cap() -> None:
    limit = LearntLimit(20)
    use_up(limit, 1, allowed=10)
    limit.use_up(50.0, 1.0)
    limit.use_up(50.1, 1.0)
    assert not limit.reject(50.1, 50.2, 10)
    assert not limit.reject(50.15, 50.2, 5)
    assert limit.value == 10
    limit.reject(50.3, 50.4, 5)
    assert limit.value < 10


@given(st.integers(1, 50), st.lists(st.tuples(st.sampled_from("far"), st.integers(0, 60)), max_size=80))
def test_it_is_never_above_the_ceiling_nor_below_one(ceiling: int, events: list[tuple[str, int]]) -> None:
    limit = LearntLimit(ceiling)
    for now, (event, count) in enumerate(events):
        if event == "f":
            limit.use_up(now * 5.0, 1.0)
        elif event == "a":
            confirm(limit, now * 5.0)
        else:
            limit.reject(now * 5.0, now * 5.0 + 0.1, count)
        assert 1 <= limit.known <= limit.value <= ceiling


@given(st.integers(1, 1000), st.floats(-2.0, 3.0), st.integers(0, 400))
def test_calls_that_are_told_together_earn_as_much_as_one_by_one(ceiling: int, budget: float, calls: int) -> None:
    """None of them too: of a shared limit a visit may tell that nobody called."""
    together, alone = LearntLimit(ceiling, budget=budget), LearntLimit(ceiling, budget=budget)
    together.earn(calls)
    for _ in range(calls):
        alone.earn()
    assert abs(together.budget - alone.budget) < 0.015
    assert calls or together == alone
