"""What a visit to a shared window does: who is given what, what is given back, and what a lost state means."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wan_async._policy.shared_window import GATHER, SharedWindow, Turn, Visit, visited

PLAIN = Visit(
    member="a",
    wants=0,
    mark="",
    number=0,
    fresh="m1",
    counted=[],
    dropped=[],
    alive=[],
    unknown=[],
    lull=2.0,
    hold=3.0,
    poll=1.0,
    grace=0.1,
    brake=0.0,
    version=0,
    teaches=False,
    slots=8,
    alone=0.0,
    total=-1,
    lessons="L",
)


class Account:
    """A window that is visited, and what its visitors know."""

    def __init__(self, **options: object) -> None:
        self.state: SharedWindow | None = None
        self.now = 1000.0
        self.plain = msgspec.structs.replace(PLAIN, **options)
        self.knows: dict[str, tuple[str, int]] = {}

    def visit(self, member: str = "a", wants: int = 0, **told: object) -> Turn:
        mark, number = self.knows.get(member, ("", 0))
        visit = msgspec.structs.replace(
            self.plain, **{"member": member, "wants": wants, "mark": mark, "number": number, **told}
        )
        self.state, turn = visited(self.state, self.now, visit)
        self.knows[member] = (turn.mark, turn.number)
        return turn

    def begun(self) -> Account:
        """Past the moment in which an empty window gathers those who come."""
        self.visit("first", 1)
        self.now += GATHER
        return self


def test_what_is_free_is_had_at_once_and_the_rest_when_a_slot_is_free_again() -> None:
    account = Account().begun()
    turn = account.visit(wants=9)
    assert len(turn.grants) == 7
    assert turn.wait == pytest.approx(1.0)  # it is to come again sooner, though the slots are held for two seconds
    account.now += 3.1
    assert len(account.visit(wants=2).grants) == 1  # the window is empty: others may come at this moment
    account.now += GATHER
    assert len(account.visit(wants=1).grants) == 1


def test_permits_are_times_of_the_storage_and_ascend() -> None:
    grants = Account(slots=25).begun().visit(wants=20).grants
    assert grants == sorted(set(grants))
    assert 1000.0 < grants[0] < grants[-1] < 1000.2


def test_those_who_come_to_an_empty_window_together_share_it() -> None:
    account = Account(slots=24)
    assert [len(account.visit(member, 30).grants) for member in "abcd"] == [3, 1, 1, 1]
    account.now += GATHER
    assert [len(account.visit(member, 30).grants) for member in "abcd"] == [6, 4, 4, 4]


def test_each_slot_is_for_whoever_was_given_the_fewest_and_came_first() -> None:
    account = Account().begun()
    taken = account.visit("z", 7).grants
    for member in "bcd":
        assert not account.visit(member, 9).grants
    assert len(account.visit("d", 9, dropped=taken).grants) == 2
    assert len(account.visit("b", 9).grants) == 3
    assert len(account.visit("c", 9).grants) == 2
    assert not account.visit("b", 9).grants


def test_who_wants_little_leaves_the_rest_to_the_others() -> None:
    account = Account(slots=25).begun()
    taken = account.visit("z", 24).grants
    for member, wants in {"a": 1, "b": 30}.items():
        account.visit(member, wants)
    assert len(account.visit("b", 30, dropped=taken[:10]).grants) == 9
    assert len(account.visit("a", 1).grants) == 1


def test_who_does_not_come_is_passed_over() -> None:
    account = Account().begun()
    (*_, last) = account.visit("z", 7).grants
    account.visit("gone", 5)
    account.visit("a", 5)
    assert not account.visit("a", 5, dropped=[last]).grants  # it is the other's turn
    account.now += 1.2
    assert len(account.visit("a", 5).grants) == 1


def test_a_call_that_was_answered_holds_its_slot_as_long_as_was_said() -> None:
    account = Account(slots=1)
    (permit,) = account.visit(wants=1).grants
    account.now += GATHER
    turn = account.visit(wants=1, counted=[(permit, 0.5)])
    assert (turn.grants, turn.total, turn.first) == ([], 1, pytest.approx(0.5))
    assert turn.wait == pytest.approx(0.5)
    account.now += 0.5
    assert account.visit(wants=1).grants


def test_telling_an_end_twice_counts_once() -> None:
    account = Account(slots=2)
    (permit,) = account.visit(wants=1).grants
    account.visit(counted=[(permit, 1.0)])
    assert account.visit(counted=[(permit, 9.0)]).total == 1
    assert account.visit(dropped=[permit]).calls == 1


def test_what_does_not_count_gives_its_slot_back() -> None:
    account = Account(slots=1)
    (permit,) = account.visit(wants=1).grants
    assert account.visit(wants=1, dropped=[permit]).grants


def test_a_call_of_which_nothing_is_heard_gives_its_slot_back_in_time_and_a_slow_one_does_not() -> None:
    account = Account(slots=2).begun()
    (slow,) = account.visit("a", 1).grants
    account.now += 2.0
    account.visit("a", alive=[slow])
    account.now += 1.1
    assert len(account.visit("b", 2).grants) == 1


def test_a_brake_holds_for_all_and_tells_how_long() -> None:
    account = Account()
    account.visit("a", brake=4.0)
    turn = account.visit("b", 1)
    assert (turn.grants, turn.wait, turn.brake) == ([], 4.0, 4.0)
    account.now += 4.0
    assert account.visit("b", 1).grants


def test_calls_made_while_it_was_away_count() -> None:
    account = Account(slots=3)
    assert account.visit(unknown=[0.5, 0.5]).calls == 2
    assert len(account.visit(wants=3).grants) == 1


def test_a_large_limit_is_dared_when_as_many_were_answered_as_went_at_first() -> None:
    account = Account(slots=1000).begun()
    taken = account.visit(wants=1000).grants
    assert len(taken) == 24
    assert account.visit(counted=[(permit, 2.0) for permit in taken]).room == 25
    first = [call.permit for call in account.state.calls if call.out] if account.state else []
    assert account.visit(counted=[(permit, 2.0) for permit in first]).room == 28


def test_one_goes_alone_after_two_rejections() -> None:
    account = Account().begun()
    turn = account.visit(wants=0)
    account.visit(version=turn.version, teaches=True, alone=account.now, lessons="L2")
    (permit,) = account.visit("b", 5).grants
    assert not account.visit("c", 5).grants
    account.visit("b", 0, counted=[(permit, 2.0)])
    assert len(account.visit("c", 5).grants) == 1


def test_lessons_are_replaced_by_whoever_knows_the_last_ones() -> None:
    account = Account()
    version = account.visit("a").version
    taught = account.visit("a", version=version, teaches=True, lessons="L2", slots=4, total=0)
    assert (taught.version, taught.lessons, taught.room) == (version + 1, "L2", 4)
    late = account.visit("b", version=version, teaches=True, lessons="L3", slots=9)
    assert (late.version, late.lessons, late.room) == (version + 1, "L2", 4)
    assert account.visit("b", version=late.version).lessons == ""


# what was lost


def test_who_knew_a_state_and_finds_none_brakes_all_for_a_window() -> None:
    account = Account()
    account.visit("a", 1)
    account.state = None
    turn = account.visit("a", 5, fresh="m2")
    assert (turn.lost, turn.mark, turn.grants, turn.brake) == (True, "m2", [], 2.0)
    assert account.visit("new", 5).brake == 2.0


def test_who_knew_another_state_is_told_and_given_nothing() -> None:
    account = Account()
    account.visit("a", 1)
    account.visit("b", 0)
    account.state = None
    account.now += 3600
    assert account.visit("new", 5, fresh="m2").grants  # who never knew one begins with an empty window
    assert account.visit("b", 5).lost
    assert not account.visit("b", 0).lost


def test_an_older_state_that_came_back_counts_as_lost() -> None:
    account = Account()
    account.visit("a", 1)
    kept = msgspec.msgpack.encode(account.state)
    account.visit("a", 3)
    account.state = msgspec.msgpack.decode(kept, type=SharedWindow)
    turn = account.visit("a", 1, fresh="m2")
    assert (turn.lost, turn.mark, turn.brake) == (True, "m2", 2.0)


def test_a_clock_that_went_back_counts_as_lost() -> None:
    account = Account().begun()
    account.visit(wants=3)
    account.now -= 500
    turn = account.visit(wants=3)
    assert (turn.calls, turn.brake) == (0, 2.0)


def test_who_only_looks_makes_nothing() -> None:
    account = Account()
    assert account.visit(fresh="") == Turn(1000.0, "", 0, False, [], 1.0, 0.0, 0, 0, -1.0, 0, 0, 0, "")
    assert account.state is None


steps = st.lists(
    st.tuples(
        st.sampled_from("abc"), st.integers(0, 12), st.floats(0, 1.2), st.sampled_from(["", "count", "drop", "keep"])
    ),
    max_size=60,
)


@settings(max_examples=150, deadline=None)
@given(steps=steps, slots=st.integers(1, 9))
def test_no_more_than_the_slots_are_ever_out_or_held(steps: list[tuple[str, int, float, str]], slots: int) -> None:
    account, out, counting = Account(slots=slots, hold=1e9), list[float](), list[float]()
    for member, wants, seconds, end in steps:
        account.now += seconds
        ended = out[: len(out) // 2] if end else []
        told = {"counted": [(one, 2.0) for one in ended]} if end == "count" else {}
        if end == "drop":
            told = {"dropped": ended}
        if end in ("count", "drop"):
            out = out[len(ended) :]
            counting += [account.now] * len(told.get("counted", []))
        turn = account.visit(member, wants, **told)
        out += turn.grants
        counting = [at for at in counting if at > account.now - 2.0]
        assert len(out) + len(counting) <= slots
        assert len(turn.grants) <= wants
        assert 0 <= turn.wait <= 1.0 + GATHER
