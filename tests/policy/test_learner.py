"""How a visitor learns: what changes the lessons, from which version, and what others taught meanwhile."""

from __future__ import annotations

import msgspec

from wan_async._policy.learner import Change, Learner
from wan_async._policy.lessons import Lessons
from wan_async._policy.settings import RateLimit
from wan_async._policy.shared_window import Turn

LIMIT = RateLimit(20, per=10.0)


def text(limit: RateLimit = LIMIT) -> str:
    lessons = Lessons(limit)
    lessons.learnt.budget = 0.0
    return lessons.to_text()


def lead(seconds: float) -> str:
    lessons = Lessons.from_text(text())
    lessons.lead = seconds
    return lessons.to_text()


TURN = Turn(1000.0, "m", 1, False, [], 1.0, 0.0, 9, 20, -1.0, 0, 50, 1, text())


def knowing(*, given: bool = False) -> Learner:
    learner = Learner(LIMIT, given=given)
    learner.hear(TURN, None)
    return learner


def answered(change: Change | None, version: int = 2) -> Turn:
    assert change is not None
    return msgspec.structs.replace(TURN, version=version, lessons=change.text)


def test_lessons_come_back_from_their_text() -> None:
    lessons = Lessons(LIMIT)
    lessons.reject(1.0, 2.0, 9, None)
    assert Lessons.from_text(lessons.to_text()) == lessons


def test_nothing_is_changed_before_the_first_visit_nor_without_a_reason() -> None:
    assert Learner(LIMIT, given=True).change() is None
    learner = knowing()
    for permit in range(5):
        learner.counted(900.0 + permit, 0.5)
    assert learner.change() is None


def test_rejections_of_one_flight_lower_it_to_what_was_there() -> None:
    learner = knowing(given=True)
    learner.rejected([990.0, 991.0, 992.0], TURN)
    change = learner.change()
    assert change is not None
    assert change.lessons.learnt.known == 9
    assert change.lessons.throttled == 3
    assert change.brake >= 1000.0 + 0.02 * 10
    learner.hear(answered(change), change)
    assert learner.lessons.learnt.known == 9
    assert not learner.has_news


def test_where_another_was_faster_it_is_done_again_from_the_newer_lessons() -> None:
    learner, other = knowing(), knowing()
    learner.rejected([990.0], TURN)
    other.rejected([991.0, 992.0], TURN)
    change, first = learner.change(), other.change()
    learner.hear(answered(first), change)
    again = learner.change()
    assert again is not None
    assert again.lessons.throttled == 3
    assert again.lessons.learnt.known == 9


def test_a_limit_that_is_given_replaces_another_and_a_default_does_not() -> None:
    others = msgspec.structs.replace(TURN, lessons=text(RateLimit(7, per=1.0)))
    default, given = Learner(LIMIT, given=False), Learner(LIMIT, given=True)
    for learner in (default, given):
        learner.hear(others, None)
    assert default.change() is None
    change = given.change()
    assert change is not None
    assert (change.lessons.limit, change.total) == (LIMIT, 0)


def test_a_limit_that_is_there_already_is_not_given_again() -> None:
    learner = knowing(given=True)
    assert learner.change() is None
    assert not learner.has_news


def test_a_probe_begins_when_a_learnt_limit_is_used_up() -> None:
    learner = knowing()
    learner.rejected([990.0], TURN)
    change = learner.change()
    learner.hear(answered(change), change)
    learner.filled(1001.0)
    assert learner.change() is None  # one call alone is to be answered first
    learner.counted(1001.0, 0.5)
    change = learner.change()
    learner.hear(answered(change, 3), change)
    learner.filled(1500.0)
    change = learner.change()
    assert change is not None
    assert change.lessons.learnt.value == 11


def test_a_full_window_at_the_given_limit_is_nothing_new() -> None:
    learner = knowing()
    learner.filled(1001.0)
    assert not learner.has_news


def test_the_least_lead_of_all_is_taken() -> None:
    near, far = knowing(), knowing()
    for permit in range(20):
        far.counted(900.0 + permit, 0.5)
        near.counted(900.0 + permit, 0.05)
    change = far.change()
    assert change is not None
    assert 0.4 < change.lessons.lead <= 0.5
    near.hear(answered(change), None)
    near.counted(950.0, 0.05)
    nearer = near.change()
    assert nearer is not None
    assert nearer.lessons.lead <= 0.05
    assert near.reuse > 9.4


def test_the_calls_of_a_burst_are_one_sample_of_the_round_trip() -> None:
    """All of them are slow where the process, or the way, is busy: that tells little of the next one."""
    learner = knowing()
    for burst in range(4):
        for call in range(20):
            learner.counted(900.0 + 10 * burst + call / 100, 0.5)
    assert learner.change() is None


def test_who_has_a_shorter_way_than_the_others_waits_for_its_slots() -> None:
    near = knowing()
    assert near.early == 0
    near.hear(msgspec.structs.replace(TURN, version=2, lessons=lead(0.5)), None)
    assert near.early == 0.5
    for permit in range(20):
        near.counted(900.0 + permit, 0.3)
    assert 0.19 < near.early < 0.3


def test_a_lost_state_is_begun_with_what_is_known() -> None:
    learner = knowing(given=True)
    learner.rejected([990.0], TURN)
    change = learner.change()
    learner.hear(answered(change), change)
    learner.forget()
    assert learner.version == 0
    assert learner.lessons.learnt.known == 10
