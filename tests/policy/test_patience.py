"""Patience with polls that show no end: what ends a wait, what does not, and when the next poll follows."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wan_async._policy.patience import ENDS, MOST_GAP, NOT_OURS, TOLERANCES, Trouble, TroubleKind, trouble_kind
from wan_async.errors import (
    ApiError,
    AuthenticationError,
    InsufficientCreditsError,
    KeyQuotaError,
    MaintenanceError,
    NotFoundError,
    RejectedError,
    ResponseError,
    ServerError,
    TransportError,
    WanError,
)

KINDS: dict[WanError, TroubleKind] = {
    TransportError("reset"): TroubleKind.PASSING,
    ResponseError("a page", 404): TroubleKind.PASSING,
    ServerError(500): TroubleKind.PASSING,
    MaintenanceError(455): TroubleKind.PASSING,
    InsufficientCreditsError(402): TroubleKind.PASSING,
    ApiError(777): TroubleKind.PASSING,
    WanError("whatever"): TroubleKind.PASSING,
    NotFoundError(404): TroubleKind.UNKNOWN,
    NotFoundError(422, "recordInfo is null"): TroubleKind.UNKNOWN,
    RejectedError(422): TroubleKind.UNKNOWN,
    AuthenticationError(401): TroubleKind.REFUSED,
    KeyQuotaError(433): TroubleKind.REFUSED,
}
kinds = st.sampled_from(TroubleKind)
knows = st.booleans()


@pytest.mark.parametrize(("error", "kind"), KINDS.items(), ids=repr)
def test_each_error_is_a_kind_of_trouble(error: WanError, kind: TroubleKind) -> None:
    assert trouble_kind(error) is kind


def over_at(*answered: tuple[float, TroubleKind], known: bool = True) -> float | None:
    """The clock at which a wait ended with these answers."""
    trouble: Trouble | None = None
    for clock, kind in answered:
        trouble = Trouble(kind, clock) if trouble is None else trouble.followed_by(kind, clock)
        if trouble.is_over(kind, clock, known=known):
            return clock
    return None


def every(seconds: float, kind: TroubleKind, count: int, start: float = 0.0) -> list[tuple[float, TroubleKind]]:
    return [(start + number * seconds, kind) for number in range(count)]


@given(st.lists(st.tuples(st.floats(0, 1e6), st.just(TroubleKind.PASSING))), knows)
def test_what_passes_never_ends_a_wait(answered: list[tuple[float, TroubleKind]], known: bool) -> None:
    assert over_at(*answered, known=known) is None


@pytest.mark.parametrize(
    ("kind", "known", "over"),
    [
        (TroubleKind.UNKNOWN, True, 300.0),
        (TroubleKind.UNKNOWN, False, 5.0),
        (TroubleKind.REFUSED, True, 15.0),
        (TroubleKind.REFUSED, False, 15.0),
        (TroubleKind.LINKLESS, True, 600.0),
        (TroubleKind.DOUBTFUL, True, 3.0),
    ],
)
def test_what_is_answered_again_and_again_is_believed_after_its_time(
    kind: TroubleKind, known: bool, over: float
) -> None:
    assert over_at(*every(1.0, kind, 1000), known=known) == over
    assert over_at(*every(over / 1000, kind, 1000), known=known) is None


@pytest.mark.parametrize(
    ("kind", "answers"),
    [(TroubleKind.UNKNOWN, 3), (TroubleKind.REFUSED, 6), *((end, 3) for end in sorted(ENDS, key=str))],
)
@pytest.mark.parametrize("known", [True, False])
def test_a_few_answers_are_not_believed_however_far_apart(kind: TroubleKind, answers: int, known: bool) -> None:
    answered = every(1000.0, kind, answers)
    assert over_at(*answered[:-1], known=known) is None
    assert over_at(*answered, known=known) == answered[-1][0]


@pytest.mark.parametrize("other", [TroubleKind.PASSING, TroubleKind.REFUSED, TroubleKind.LINKLESS])
def test_another_answer_in_between_begins_the_time_anew(other: TroubleKind) -> None:
    answered = [
        *every(10.0, TroubleKind.UNKNOWN, 30),
        (295.0, other),
        *every(10.0, TroubleKind.UNKNOWN, 40, start=300.0),
    ]
    assert over_at(*answered) == 600.0


@pytest.mark.parametrize(("kind", "over"), [(TroubleKind.LINKLESS, 600.0), (TroubleKind.DOUBTFUL, 4.0)])
def test_the_last_word_is_awaited_through_what_passes(kind: TroubleKind, over: float) -> None:
    answered = list(zip(range(0, 1000, 1), itertools.cycle([kind, TroubleKind.PASSING])))
    assert over_at(*answered) == over


@given(kinds, st.integers(1, 10_000), st.floats(0, 1e6), st.floats(0, 1000), knows)
def test_polls_are_repeated_at_a_growing_bounded_distance(
    kind: TroubleKind, failures: int, now: float, planned: float, known: bool
) -> None:
    since = now - 10_000  # its time is over
    troubles = [Trouble(kind, since, 1, count) for count in (failures, failures + 1)]
    one, two = (trouble.next_poll(now, 1e9, known=known) - now for trouble in troubles)
    assert 0.5 - 1e-6 <= one <= two + 1e-6 <= MOST_GAP + 1e-5
    sooner = troubles[0].next_poll(now, now + planned, known=known) - now
    assert sooner == pytest.approx(one if kind in ENDS else min(one, planned), abs=1e-6)


@pytest.mark.parametrize("kind", sorted(set(TroubleKind) - ENDS, key=str))
def test_a_failed_poll_is_repeated_no_later_than_the_schedule_says(kind: TroubleKind) -> None:
    assert Trouble(kind, 0.0, 10, 10).next_poll(20.0, 20.05, known=True) == 20.05
    assert Trouble(kind, 0.0, 10, 10).next_poll(20.0, 19.0, known=True) == 20.0  # overdue


@pytest.mark.parametrize(
    ("kind", "known", "seconds"),
    [(kind, True, one.seconds) for kind, one in TOLERANCES.items()] + [(TroubleKind.UNKNOWN, False, NOT_OURS.seconds)],
)
def test_one_poll_comes_when_the_patience_is_over(kind: TroubleKind, known: bool, seconds: float) -> None:
    trouble = Trouble(kind, 100.0, 12, 12)
    last = 100.0 + seconds
    assert trouble.next_poll(last - 1.0, 1e9, known=known) == last
    assert trouble.next_poll(last, 1e9, known=known) == last + MOST_GAP


def polls(kind: TroubleKind, *, known: bool) -> list[float]:
    """The clocks of polls that are all answered so at once, up to the end of the wait."""
    trouble, clocks = Trouble(kind, 0.0), [0.0]
    while not trouble.is_over(kind, clocks[-1], known=known):
        clocks.append(trouble.next_poll(clocks[-1], 1e9, known=known))
        trouble = trouble.followed_by(kind, clocks[-1])
    return clocks


def test_a_stranger_is_asked_for_five_times_in_five_seconds() -> None:
    assert polls(TroubleKind.UNKNOWN, known=False) == [0.0, 0.5, 1.5, 3.5, 5.0]


def test_a_known_task_is_asked_for_some_times_in_five_minutes() -> None:
    assert len(polls(TroubleKind.UNKNOWN, known=True)) <= 17
    assert polls(TroubleKind.UNKNOWN, known=True)[-1] == 300.0


def test_a_doubtful_end_is_asked_for_four_times_in_three_seconds() -> None:
    assert polls(TroubleKind.DOUBTFUL, known=True) == [0.0, 0.5, 1.5, 3.0]


def test_links_are_asked_for_some_times_in_ten_minutes() -> None:
    assert len(polls(TroubleKind.LINKLESS, known=True)) <= 27
    assert polls(TroubleKind.LINKLESS, known=True)[-1] == 600.0
