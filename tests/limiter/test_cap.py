"""The learnt cap: what lowers it, what raises it, and what that costs."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from wan_async._policy.cap import LearntCap


def use_up(cap: LearntCap, windows: int, *, allowed: int, start: float = 0.0) -> int:
    """So many windows of 1 s, each filled to the cap, at a provider that takes `allowed`; gives the rejections."""
    rejections = 0
    for window in range(windows):
        now = start + window * 1.01
        taken = 0
        assert cap.value <= cap.ceiling
        while taken < cap.value:
            taken += 1
            permit = now + taken * 1e-4
            if taken == cap.value:
                cap.filled(permit, 1.0)
        for call in range(1, taken + 1):
            permit = now + call * 1e-4
            if call <= allowed:
                cap.accepted(permit)
            else:
                rejections += 1
                cap.rejected(permit, now + 0.05, taken - rejections)
    return rejections


def test_the_first_rejections_beyond_the_budget_lower_it_to_what_was_there() -> None:
    cap = LearntCap(40)
    use_up(cap, 1, allowed=12)
    assert cap.known == 12


def test_a_rejection_that_the_budget_pays_for_changes_nothing() -> None:
    cap = LearntCap(20)
    use_up(cap, 3, allowed=20)
    assert cap.rejected(5.0, 5.1, 19)
    assert cap.value == 20
    cap.rejected(5.2, 5.3, 19)
    assert cap.value == 19


def test_what_is_accepted_pays_for_rejections_up_to_three() -> None:
    cap = LearntCap(20)
    use_up(cap, 30, allowed=20)
    for now in (40.0, 41.0, 42.0):
        cap.rejected(now, now + 0.1, 19)
        assert cap.value == 20
    cap.rejected(43.0, 43.1, 19)
    assert cap.value == 19


def test_one_rejection_at_most_halves_it() -> None:
    cap = LearntCap(20)
    cap.rejected(0.0, 0.1, 0)
    cap.rejected(0.2, 0.3, 0)
    assert cap.value == 10


def test_in_the_long_run_at_most_two_percent_are_rejected() -> None:
    cap = LearntCap(40)
    use_up(cap, 10, allowed=20)
    assert use_up(cap, 200, allowed=20, start=20.0) <= 0.02 * 200 * 20
    assert cap.known == 20


def test_a_risen_limit_is_found_again() -> None:
    cap = LearntCap(20)
    use_up(cap, 10, allowed=5)
    assert cap.known == 5
    use_up(cap, 20, allowed=20, start=20.0)
    assert cap.value == cap.known == 20


def test_a_first_step_is_believed_after_three_windows_and_the_next_after_one() -> None:
    cap = LearntCap(20)
    use_up(cap, 1, allowed=10)
    cap.filled(50.0, 1.0)
    assert (cap.known, cap.value) == (10, 11)
    cap.filled(50.1, 1.0)
    cap.accepted(50.1)
    cap.filled(50.9, 1.0)
    cap.accepted(50.9)
    assert cap.known == 10
    for now in (51.2, 52.9):
        cap.filled(now, 1.0)
        cap.accepted(now)
        assert cap.known == 10
    cap.filled(53.2, 1.0)
    cap.accepted(53.2)
    assert cap.known == 11
    for now in (53.3, 54.4):
        cap.filled(now, 1.0)
        cap.accepted(now)
    assert cap.known == 12


def test_what_was_sent_along_with_a_refused_probe_does_not_lower_the_cap() -> None:
    cap = LearntCap(20)
    use_up(cap, 1, allowed=10)
    cap.filled(50.0, 1.0)
    cap.filled(50.1, 1.0)
    assert not cap.rejected(50.1, 50.2, 10)
    assert not cap.rejected(50.15, 50.2, 5)
    assert cap.value == 10
    cap.rejected(50.3, 50.4, 5)
    assert cap.value < 10


@given(st.integers(1, 50), st.lists(st.tuples(st.sampled_from("far"), st.integers(0, 60)), max_size=80))
def test_it_is_never_above_the_ceiling_nor_below_one(ceiling: int, events: list[tuple[str, int]]) -> None:
    cap = LearntCap(ceiling)
    for now, (event, count) in enumerate(events):
        if event == "f":
            cap.filled(now * 5.0, 1.0)
        elif event == "a":
            cap.accepted(now * 5.0)
        else:
            cap.rejected(now * 5.0, now * 5.0 + 0.1, count)
        assert 1 <= cap.known <= cap.value <= ceiling
