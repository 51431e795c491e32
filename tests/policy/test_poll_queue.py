"""The poll queue: which task is polled next; against a plain model, and rule by rule."""

from __future__ import annotations

import math
import tracemalloc
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule

from wan_async._policy.patience import Trouble, TroubleKind
from wan_async._policy.poll_queue import PollQueue
from wan_async._policy.schedules import Learnt, Plain
from wan_async._policy.waiting_task import FAIR, WaitingTask

pytestmark = pytest.mark.simulated


class Movable(Plain):
    """A schedule whose one age of a poll can be changed, as by learning."""

    def __init__(self, age: float) -> None:
        super().__init__(age, 50.0)
        self.age = age

    def next_poll(self, undone: float, rank: int) -> float:
        return self.age if undone < self.age else undone + self.interval

    def learn(self, age: float) -> None:
        self.age = age
        self.revision: int = self.revision + 1


class QueueAndModel(RuleBasedStateMachine):
    """Does to a queue what a poller does, beside a model: a set of woken tasks, and a dictionary of due times."""

    tasks: Bundle[WaitingTask] = Bundle("tasks")

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.schedule = Movable(20.0)
        self.queue: PollQueue[WaitingTask] = PollQueue()
        self.due: dict[WaitingTask, float] = {}
        self.up: set[WaitingTask] = set()  # came up, so that nothing that is learnt moves them any more
        self.woken: list[WaitingTask] = []
        self.polled: list[WaitingTask] = []

    @rule(target=tasks, age=st.sampled_from([0.0, 2.5, 30.0]))
    def enlist(self, age: float) -> WaitingTask:
        task = WaitingTask("t", self.schedule, self.now - age)
        self.due[task] = task.planned()
        self.queue.plan(task, task.planned())
        return task

    @rule(seconds=st.sampled_from([0.01, 7.5, 60.0]))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @rule(task=tasks)
    def wake(self, task: WaitingTask) -> None:
        if self.is_known(task):
            self.queue.wake(task)
            if task not in self.woken and task not in self.polled:
                del self.due[task]
                self.up.discard(task)
                self.woken.append(task)

    @rule(task=tasks)
    def hasten(self, task: WaitingTask) -> None:
        if self.is_known(task):
            self.queue.hasten(task, self.now)
            if task in self.due and task not in self.up:
                self.due[task] = self.now

    @rule(task=consumes(tasks))
    def drop(self, task: WaitingTask) -> None:
        if self.is_known(task):
            self.queue.drop(task)
            self.due.pop(task, None)
            self.up.discard(task)
            for group in (self.woken, self.polled):
                if task in group:
                    group.remove(task)

    @rule(age=st.sampled_from([5.0, 20.0, 100.0]))
    def learn(self, age: float) -> None:
        self.schedule.learn(age)
        self.queue.replan_all([*self.due, *self.woken, *self.polled])
        while self.queue.replan():
            pass
        for task, due in self.due.items():
            if task not in self.up and not task.quick and task.planned() < due:
                self.due[task] = task.planned()

    @rule()
    def take(self) -> None:
        self.come_up()
        task = self.queue.take(self.now)
        if self.woken:
            assert task is self.woken.pop(0)
        elif self.up:
            assert task in self.up
            self.up.remove(task)
            del self.due[task]
        else:
            assert task is None
        if task is not None:
            self.polled.append(task)

    @rule()
    def find_undone(self) -> None:
        if self.polled:
            task = self.polled.pop(0)
            task.undone(self.now)
            self.due[task] = task.next_due(self.now)
            self.queue.plan(task, self.due[task])

    def is_known(self, task: WaitingTask) -> bool:
        return task in self.due or task in self.woken or task in self.polled

    def come_up(self) -> None:
        """Mark what is due as such; what was planned before something was learnt is planned anew then."""
        for task, due in self.due.items():
            if task not in self.up and due <= self.now:
                if task.revision != self.schedule.revision and not task.quick:
                    self.due[task] = task.planned()
                if self.due[task] <= self.now:
                    self.up.add(task)

    @invariant()
    def it_says_when_something_is_due(self) -> None:
        self.come_up()
        assert self.queue.any_due(self.now) == bool(self.up or self.woken)
        following = self.queue.next_due()
        if self.up or self.woken:
            assert following == -math.inf
        else:
            assert following == (min(self.due.values()) if self.due else None)

    @invariant()
    def it_keeps_little_that_counts_for_nothing(self) -> None:
        assert len(self.queue) <= 2 * len(self.due) + 100


TestQueueAndModel: Any = QueueAndModel.TestCase
TestQueueAndModel.settings = settings(stateful_step_count=60)


def test_places_that_count_for_nothing_are_dropped_when_they_exceed_half() -> None:
    queue: PollQueue[WaitingTask] = PollQueue()
    schedule = Plain(5000.0, 10.0)
    tasks = [WaitingTask(str(number), schedule, 0.0) for number in range(1000)]
    for task in tasks:
        queue.plan(task, 5000.0)
    for number in range(20_000):
        queue.hasten(tasks[number % 1000], 4000.0 + number % 7)
        assert len(queue) <= 2 * 1000 + 100
    taken = [queue.take(5000.0) for _ in range(1001)]
    assert set(taken) == {*tasks, None}


def test_tasks_that_are_due_together_are_taken_in_the_order_of_their_planning() -> None:
    queue, tasks = planned(0.0, 0.0, 0.0)
    assert [queue.take(10.0) for _ in tasks] == tasks


def planned(*sinces: float, first: float = 10.0) -> tuple[PollQueue[WaitingTask], list[WaitingTask]]:
    queue: PollQueue[WaitingTask] = PollQueue()
    schedule = Plain(first, 10.0)
    tasks = [WaitingTask(str(number), schedule, since) for number, since in enumerate(sinces)]
    for task in tasks:
        queue.plan(task, task.planned())
    return queue, tasks


def test_nothing_is_taken_before_it_is_due() -> None:
    queue, tasks = planned(5.0)
    assert queue.take(14.9) is None
    assert not queue.any_due(14.9)
    assert queue.any_due(15.0)
    assert queue.take(15.0) is tasks[0]
    assert queue.take(15.0) is None


def test_of_what_is_due_the_likeliest_is_taken_first() -> None:
    queue: PollQueue[WaitingTask] = PollQueue()
    schedule = Learnt()
    for number in range(50):
        schedule.observe(50.0 + number)
    tasks = [WaitingTask(name, schedule, since) for name, since in (("young", 45.0), ("old", 0.0), ("middle", 25.0))]
    for task in tasks:
        queue.plan(task, task.planned())
        task.trouble = Trouble(TroubleKind.PASSING, 0.0)  # due as planned, not as learnt
        task.due = 99.0
        queue.plan(task, 99.0)
    order = [queue.take(100.0) for _ in tasks]
    assert [task.task_id for task in order if task] == ["old", "middle", "young"]


def certain(seconds: float) -> Learnt:
    schedule = Learnt()
    for _ in range(50):
        schedule.observe(seconds)
    return schedule


def test_what_is_overdue_beats_what_is_late() -> None:
    schedule = certain(50.0)
    late = WaitingTask("late", schedule, 0.0)  # by all that it took
    overdue = WaitingTask("overdue", schedule, 90.0)
    late.due, overdue.due = 100.0, 100.0 - 1.1 * FAIR
    assert overdue.worth(100.0) > late.worth(100.0)
    overdue.due = 100.0 - 0.8 * FAIR
    assert overdue.worth(100.0) < late.worth(100.0)


@pytest.mark.parametrize(("later", "first"), [(40.0, "short"), (140.0, "long")])
def test_of_what_is_done_the_latest_by_its_duration_is_taken_first(later: float, first: str) -> None:
    queue: PollQueue[WaitingTask] = PollQueue()
    now = 1000.0
    tasks = [
        WaitingTask("short", certain(60.0), now - 60.0 - 20.0),  # a third late
        WaitingTask("long", certain(300.0), now - 300.0 - later),
    ]
    for task in tasks:
        queue.plan(task, task.planned())
    taken = queue.take(now)
    assert taken is not None
    assert taken.task_id == first


def test_while_nobody_waits_long_the_first_in_line_is_taken() -> None:
    queue, tasks = planned(0.0, 0.02, 0.01)
    assert [queue.take(10.03) for _ in tasks] == [tasks[0], tasks[2], tasks[1]]


def test_more_than_are_ranked_at_once_all_come_to_turn() -> None:
    queue, tasks = planned(*(number / 1000 for number in range(5000)))
    assert [queue.any_due(100.0), queue.any_due(100.0)] == [True, True]
    for task in tasks[::5]:
        queue.drop(task)
    taken = [queue.take(100.0 + number / 10) for number in range(4000)]
    assert set(taken) == set(tasks) - set(tasks[::5])
    assert queue.take(1000.0) is None


def test_under_overload_everybody_comes_to_turn() -> None:
    queue, tasks = planned(*([0.0] * 500))
    taken = set[WaitingTask]()
    for tick in range(2000):
        now = 10.0 + tick
        task = queue.take(now)
        assert task is not None
        taken.add(task)
        task.undone(now)
        queue.plan(task, task.next_due(now))
    assert taken == set(tasks)


def test_a_woken_task_is_taken_before_all_others_then_twice_soon() -> None:
    queue, tasks = planned(0.0, 5.0, 2.5, first=50.0)
    queue.wake(tasks[2])
    times: list[float] = []
    now = 12.0
    assert queue.take(now) is tasks[2]
    for _ in range(3):
        times.append(now)
        tasks[2].undone(now)
        queue.plan(tasks[2], tasks[2].next_due(now))
        now = tasks[2].due
    assert times == [12.0, 13.0, 18.0]
    assert now == 28.0  # its plain schedule again
    assert queue.take(28.0) is tasks[2]


def test_a_task_woken_while_ready_is_taken_once() -> None:
    queue, tasks = planned(0.0, 0.0)
    assert queue.any_due(20.0)
    queue.wake(tasks[1])
    assert [queue.take(20.0), queue.take(20.0), queue.take(20.0)] == [tasks[1], tasks[0], None]


def test_a_task_woken_while_ready_and_due_again_is_taken_once_more() -> None:
    queue, tasks = planned(0.0, 1.0, first=50.0)
    assert queue.any_due(51.5)
    queue.wake(tasks[1])
    assert queue.take(51.5) is tasks[1]
    queue.plan(tasks[1], 52.0)
    assert [queue.take(52.0) for _ in range(3)].count(tasks[1]) == 1


def test_a_task_woken_while_polled_is_polled_again_at_once() -> None:
    queue, tasks = planned(0.0)
    assert queue.take(10.0) is tasks[0]
    queue.wake(tasks[0])
    assert queue.take(10.0) is None
    tasks[0].undone(10.0)
    assert tasks[0].next_due(10.5) == 10.5


def test_a_dropped_task_is_not_taken() -> None:
    queue, tasks = planned(0.0, 0.0, 0.0)
    queue.drop(tasks[0])
    assert queue.any_due(20.0)
    queue.drop(tasks[1])
    assert queue.take(20.0) is tasks[2]
    assert queue.take(20.0) is None


def test_dropped_tasks_leave_nothing_behind() -> None:
    queue: PollQueue[WaitingTask] = PollQueue()
    schedule = Plain(1e6, 10.0)
    tracemalloc.start()
    for number in range(10_000):
        task = WaitingTask(str(number), schedule, number / 7)
        queue.plan(task, task.planned())
        queue.drop(task)
    used = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert used < 10_000 * 50


def test_what_becomes_due_later_and_pays_more_is_not_kept_waiting_for_long() -> None:
    queue, tasks = planned(*([0.0] * 200))
    for task in tasks:
        task.trouble = Trouble(TroubleKind.PASSING, 0.0)
        task.undone_at = 9.9  # it hardly pays to poll again
    assert queue.take(10.0) is not None
    late = WaitingTask("late", Plain(1.0, 10.0), 9.0)
    queue.plan(late, late.planned())
    assert late in [queue.take(10.1) for _ in range(200 // 8 + 2)]


def test_hastened_tasks_are_taken_once_and_woken_ones_before_them() -> None:
    queue, tasks = planned(0.0, 0.0, 0.0, 0.0)
    assert queue.any_due(9.0) is False
    queue.wake(tasks[2])
    for task in tasks:
        queue.hasten(task, 5.0)
        queue.hasten(task, 5.0)
    assert queue.take(5.0) is tasks[2]
    queue.hasten(tasks[2], 5.0)
    assert {queue.take(5.0) for _ in range(4)} == {tasks[0], tasks[1], tasks[3], None}
    tasks[0].undone(5.0)
    assert tasks[0].next_due(5.0) == 15.0


def test_what_is_learnt_moves_waiting_tasks_forward_and_back() -> None:
    queue: PollQueue[WaitingTask] = PollQueue()
    schedule = Learnt()
    tasks = [WaitingTask(str(number), schedule, 0.0) for number in range(1200)]
    for task in tasks:
        task.undone_at = 40.0
        queue.plan(task, task.planned())
    assert min(task.due for task in tasks) > 43
    for _ in range(30):
        schedule.observe(42.0)
    queue.replan_all(tasks)
    assert sum(1 for _ in iter(queue.replan, False)) >= 3  # in parts
    assert max(task.due for task in tasks) < 43
    for _ in range(200):
        schedule.observe(100.0)
    assert queue.take(60.0) is None  # planned anew when they came up
    assert queue.take(101.0) is not None


def test_a_failing_task_keeps_its_distance_when_something_is_learnt() -> None:
    queue: PollQueue[WaitingTask] = PollQueue()
    schedule = Learnt()
    task = WaitingTask("t", schedule, 0.0)
    task.trouble = Trouble(TroubleKind.PASSING, 0.0)
    queue.plan(task, 50.0)
    schedule.observe(10.0)
    queue.replan_all([task])
    while queue.replan():
        pass
    assert task.due == 50.0
    assert queue.take(49.0) is None
    assert queue.take(50.0) is task


@pytest.mark.parametrize("count", [20_000])
def test_a_waiting_task_is_small(count: int) -> None:
    schedule = Learnt()
    queue: PollQueue[WaitingTask] = PollQueue()
    ids = [str(number) for number in range(count)]
    tracemalloc.start()
    for number, task_id in enumerate(ids):
        task = WaitingTask(task_id, schedule, number / 7)
        queue.plan(task, task.planned())
    used = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert used / count < 290
