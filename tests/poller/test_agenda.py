"""The diary and the agenda: who is looked at next."""

from __future__ import annotations

import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wan_async._policy.agenda import FAIR, TAKEN, Agenda, Entry
from wan_async._policy.diary import Diary
from wan_async._policy.polling import Learnt, Plain

clocks = st.floats(0, 1000)


class Note:
    def __init__(self, due: float) -> None:
        self.due = due


@given(st.lists(st.tuples(clocks, clocks)), st.lists(clocks))
def test_a_diary_gives_each_entry_once_in_order_of_its_last_time(
    times: list[tuple[float, float]], asked: list[float]
) -> None:
    diary: Diary[Note] = Diary()
    notes = [Note(first) for first, _ in times]
    for note in notes:
        diary.add(note)
    for note, (_, second) in zip(notes, times, strict=True):
        note.due = second
        diary.outdate()
        diary.add(note)
    given_out: list[Note] = []
    for now in [*sorted(asked), 1000.0]:
        while (note := diary.pop(now)) is not None:
            assert note.due <= now
            given_out.append(note)
            note.due = TAKEN
        earliest = diary.next_due()
        assert all(note.due == TAKEN or (earliest is not None and earliest <= note.due) for note in notes)
    assert len(given_out) == len(set(given_out)) == len(notes)
    assert len(diary) == 0


def test_a_diary_gives_what_is_due_together_in_order() -> None:
    diary: Diary[Note] = Diary()
    for due in (3.02, 7.0, 3.01, 0.5, 3.0):
        diary.add(Note(due))
    given_out = [note.due for note in iter(lambda: diary.pop(10.0), None)]
    assert given_out == [0.5, 3.0, 3.01, 3.02, 7.0]


def test_a_diary_takes_more_on_the_page_that_has_begun() -> None:
    diary: Diary[Note] = Diary()
    moved = Note(3.05)
    diary.add(moved)
    assert diary.pop(3.0) is None
    for due in (3.02, 3.04, 3.01):
        diary.add(Note(due))
    moved.due = 3.03
    diary.outdate()
    diary.add(moved)
    assert [note.due for note in iter(lambda: diary.pop(4.0), None)] == [3.01, 3.02, 3.03, 3.04]
    assert diary.next_due() is None


def test_a_diary_drops_outdated_places() -> None:
    diary: Diary[Note] = Diary()
    kept = Note(5000.0)
    diary.add(kept)
    for number in range(20_000):
        note = Note(number / 10)
        diary.add(note)
        note.due = TAKEN
        diary.outdate()
    assert len(diary) < 2500
    assert diary.pop(5000.0) is kept


def test_what_never_comes_up_takes_no_place() -> None:
    diary: Diary[Note] = Diary()
    diary.add(Note(TAKEN))
    assert diary.next_due() is None
    assert len(diary) == 0


def planned(*sinces: float, first: float = 10.0) -> tuple[Agenda[Entry], list[Entry]]:
    agenda: Agenda[Entry] = Agenda()
    schedule = Plain(first, 10.0)
    entries = [Entry(str(number), schedule, since) for number, since in enumerate(sinces)]
    for entry in entries:
        agenda.plan(entry, entry.planned())
    return agenda, entries


def test_nothing_is_taken_before_it_is_due() -> None:
    agenda, entries = planned(5.0)
    assert agenda.take(14.9) is None
    assert not agenda.any_due(14.9)
    assert agenda.any_due(15.0)
    assert agenda.take(15.0) is entries[0]
    assert agenda.take(15.0) is None


def test_of_what_is_due_the_likeliest_is_taken_first() -> None:
    agenda: Agenda[Entry] = Agenda()
    schedule = Learnt()
    for number in range(50):
        schedule.observe(50.0 + number)
    entries = [Entry(name, schedule, since) for name, since in (("young", 45.0), ("old", 0.0), ("middle", 25.0))]
    for entry in entries:
        agenda.plan(entry, entry.planned())
        entry.failures = 1  # due as planned, not as learnt
        entry.due = 99.0
        agenda.plan(entry, 99.0)
    order = [agenda.take(100.0) for _ in entries]
    assert [entry.task_id for entry in order if entry] == ["old", "middle", "young"]


def certain(seconds: float) -> Learnt:
    schedule = Learnt()
    for _ in range(50):
        schedule.observe(seconds)
    return schedule


def test_what_is_overdue_beats_what_is_late() -> None:
    schedule = certain(50.0)
    late, overdue = Entry("late", schedule, 0.0), Entry("overdue", schedule, 90.0)  # late by all that it took
    late.due, overdue.due = 100.0, 100.0 - 1.1 * FAIR
    assert overdue.worth(100.0) > late.worth(100.0)
    overdue.due = 100.0 - 0.8 * FAIR
    assert overdue.worth(100.0) < late.worth(100.0)


@pytest.mark.parametrize(("later", "first"), [(40.0, "short"), (140.0, "long")])
def test_of_what_is_done_the_latest_by_its_duration_is_taken_first(later: float, first: str) -> None:
    agenda: Agenda[Entry] = Agenda()
    now = 1000.0
    entries = [
        Entry("short", certain(60.0), now - 60.0 - 20.0),  # a third late
        Entry("long", certain(300.0), now - 300.0 - later),
    ]
    for entry in entries:
        agenda.plan(entry, entry.planned())
    taken = agenda.take(now)
    assert taken is not None
    assert taken.task_id == first


def test_while_nobody_waits_long_the_first_in_line_is_taken() -> None:
    agenda, entries = planned(0.0, 0.02, 0.01)
    assert [agenda.take(10.03) for _ in entries] == [entries[0], entries[2], entries[1]]


def test_more_than_are_ranked_at_once_all_come_to_turn() -> None:
    agenda, entries = planned(*(number / 1000 for number in range(5000)))
    assert [agenda.any_due(100.0), agenda.any_due(100.0)] == [True, True]
    for entry in entries[::5]:
        agenda.drop(entry)
    taken = [agenda.take(100.0 + number / 10) for number in range(4000)]
    assert set(taken) == set(entries) - set(entries[::5])
    assert agenda.take(1000.0) is None


def test_under_overload_everybody_comes_to_turn() -> None:
    agenda, entries = planned(*([0.0] * 500))
    taken = set[Entry]()
    for tick in range(2000):
        now = 10.0 + tick
        entry = agenda.take(now)
        assert entry is not None
        taken.add(entry)
        entry.undone(now)
        agenda.plan(entry, entry.next_due(now))
    assert taken == set(entries)


def test_a_woken_task_is_taken_before_all_others_then_twice_soon() -> None:
    agenda, entries = planned(0.0, 5.0, 2.5, first=50.0)
    agenda.wake(entries[2])
    times: list[float] = []
    now = 12.0
    assert agenda.take(now) is entries[2]
    for _ in range(3):
        times.append(now)
        entries[2].undone(now)
        agenda.plan(entries[2], entries[2].next_due(now))
        now = entries[2].due
    assert times == [12.0, 13.0, 18.0]
    assert now == 28.0  # its plain schedule again
    assert agenda.take(28.0) is entries[2]


def test_a_task_woken_while_ready_is_taken_once() -> None:
    agenda, entries = planned(0.0, 0.0)
    assert agenda.any_due(20.0)
    agenda.wake(entries[1])
    assert [agenda.take(20.0), agenda.take(20.0), agenda.take(20.0)] == [entries[1], entries[0], None]


def test_a_task_woken_while_ready_and_due_again_is_taken_once_more() -> None:
    agenda, entries = planned(0.0, 1.0, first=50.0)
    assert agenda.any_due(51.5)
    agenda.wake(entries[1])
    assert agenda.take(51.5) is entries[1]
    agenda.plan(entries[1], 52.0)
    assert [agenda.take(52.0) for _ in range(3)].count(entries[1]) == 1


def test_a_task_woken_while_looked_at_is_looked_at_again_at_once() -> None:
    agenda, entries = planned(0.0)
    assert agenda.take(10.0) is entries[0]
    agenda.wake(entries[0])
    assert agenda.take(10.0) is None
    entries[0].undone(10.0)
    assert entries[0].next_due(10.5) == 10.5


def test_a_dropped_task_is_not_taken() -> None:
    agenda, entries = planned(0.0, 0.0, 0.0)
    agenda.drop(entries[0])
    assert agenda.any_due(20.0)
    agenda.drop(entries[1])
    assert agenda.take(20.0) is entries[2]
    assert agenda.take(20.0) is None


def test_dropped_tasks_leave_nothing_behind() -> None:
    agenda: Agenda[Entry] = Agenda()
    schedule = Plain(1e6, 10.0)
    tracemalloc.start()
    for number in range(10_000):
        entry = Entry(str(number), schedule, number / 7)
        agenda.plan(entry, entry.planned())
        agenda.drop(entry)
    used = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert used < 10_000 * 50


def test_what_becomes_due_later_and_pays_more_is_not_kept_waiting_for_long() -> None:
    agenda, entries = planned(*([0.0] * 200))
    for entry in entries:
        entry.failures = 1
        entry.looked = 9.9  # it hardly pays to look again
    assert agenda.take(10.0) is not None
    late = Entry("late", Plain(1.0, 10.0), 9.0)
    agenda.plan(late, late.planned())
    assert late in [agenda.take(10.1) for _ in range(200 // 8 + 2)]


def test_hastened_tasks_are_taken_once_and_woken_ones_before_them() -> None:
    agenda, entries = planned(0.0, 0.0, 0.0, 0.0)
    assert agenda.any_due(9.0) is False
    agenda.wake(entries[2])
    for entry in entries:
        agenda.hasten(entry, 5.0)
        agenda.hasten(entry, 5.0)
    assert agenda.take(5.0) is entries[2]
    agenda.hasten(entries[2], 5.0)
    assert {agenda.take(5.0) for _ in range(4)} == {entries[0], entries[1], entries[3], None}
    entries[0].undone(5.0)
    assert entries[0].next_due(5.0) == 15.0


def test_what_is_learnt_moves_waiting_tasks_forward_and_back() -> None:
    agenda: Agenda[Entry] = Agenda()
    schedule = Learnt()
    entries = [Entry(str(number), schedule, 0.0) for number in range(1200)]
    for entry in entries:
        entry.looked = 40.0
        agenda.plan(entry, entry.planned())
    assert min(entry.due for entry in entries) > 43
    for _ in range(30):
        schedule.observe(42.0)
    agenda.replan_all(entries)
    assert sum(1 for _ in iter(agenda.replan, False)) >= 3  # in parts
    assert max(entry.due for entry in entries) < 43
    for _ in range(200):
        schedule.observe(100.0)
    assert agenda.take(60.0) is None  # planned anew when they came up
    assert agenda.take(101.0) is not None


def test_a_failing_task_keeps_its_distance_when_something_is_learnt() -> None:
    agenda: Agenda[Entry] = Agenda()
    schedule = Learnt()
    entry = Entry("t", schedule, 0.0)
    entry.failures = 3
    agenda.plan(entry, 50.0)
    schedule.observe(10.0)
    agenda.replan_all([entry])
    while agenda.replan():
        pass
    assert entry.due == 50.0
    assert agenda.take(49.0) is None
    assert agenda.take(50.0) is entry


@pytest.mark.parametrize("count", [20_000])
def test_a_waiting_task_is_small(count: int) -> None:
    schedule = Learnt()
    agenda: Agenda[Entry] = Agenda()
    ids = [str(number) for number in range(count)]
    tracemalloc.start()
    for number, task_id in enumerate(ids):
        entry = Entry(task_id, schedule, number / 7)
        agenda.plan(entry, entry.planned())
    used = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert used / count < 290
