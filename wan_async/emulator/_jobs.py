"""The tasks: accepted, told by recordInfo, ended."""

from __future__ import annotations

import heapq
import math
import random
from collections import deque
from collections.abc import Callable, Iterator
from typing import cast

from ._accounts import Account
from ._callbacks import Callback
from ._calls import Refusal
from ._faults import Fault, FaultPlan
from ._links import result_path
from ._rules import Rules
from ._schema import Submission, read_object
from ._stats import Stats
from ._tasks import Failure, Record, Task, callback_body, duration, param_of


class Jobs:
    """All tasks of all accounts. Times are the clock's seconds.

    Attributes:
        tasks: by id.
        callbacks: those that are due.
        on_ending: called when an ending is to come that `settle` has to do with.
        base_url: what the links to clips begin with.
    """

    def __init__(self, rules: Rules, faults: FaultPlan, stats: Stats, unix: Callable[[float], float]) -> None:
        self.tasks: dict[str, Task] = {}
        self.callbacks: deque[Callback] = deque()
        self.on_ending: Callable[[], None] = lambda: None
        self.base_url = ""
        self._rules = rules
        self._faults = faults
        self._stats = stats
        self._unix = unix
        self._durations = random.Random(rules.seed)  # noqa: S311 - repeatable, no secret
        self._ids = random.Random()  # noqa: S311 - new ones in each run: a journal may outlive an emulator
        self._endings: list[tuple[float, int, Task]] = []

    def accept(self, submission: Submission, account: Account, failure: Failure | None, now: float) -> Task:
        """Create a task and charge it.

        Raises:
            Refusal: 402.
        """
        price = self._rules.price(submission.model, submission.fields) or 0.0
        account.charge(price)
        task = self._new(submission, account, failure, price, now)
        if self._faults.faults:
            for fault in self._faults.of_task(lambda: text_of(task)):
                self._stats.faults += 1
                _befall(task, fault)
        self.tasks[task.id] = task
        self._stats.created += 1
        self._stats.credits_spent += price
        self._await_ending(task)
        return task

    def record(self, task_id: str, account: Account, now: float) -> Record:
        """What recordInfo tells of a task.

        Raises:
            Refusal: 422, there is no such task, or not yet.
        """
        task = self.tasks.get(task_id)
        if task is None or task.account is not account or now < task.visible_from:
            raise Refusal(422, "recordInfo is null")
        return task.record(now, self.link(task), self._unix)

    def link(self, task: Task) -> str:
        """Where the task's clip is, once it has one."""
        return f"{self.base_url}/{result_path(task.id)}"

    def settle(self, now: float) -> None:
        """Let all tasks end whose time has come: credits go back, callbacks become due."""
        endings = self._endings
        while endings and endings[0][0] <= now:
            task = heapq.heappop(endings)[2]
            if task.failure is not None:
                task.account.credits += task.price
                self._stats.credits_returned += task.price
            if task.callback_url is not None:
                self._call_back(task, task.callback_url)

    @property
    def next_ending(self) -> float:
        """When `settle` has something to do next; infinite if nothing is to come."""
        return self._endings[0][0] if self._endings else math.inf

    def _new(self, submission: Submission, account: Account, failure: Failure | None, price: float, now: float) -> Task:
        model, fields = submission.model, submission.fields
        return Task(
            id=f"{self._ids.getrandbits(128):032x}",
            model=model,
            param=param_of(model, fields, submission.callback_url),
            created=now,
            ends=now + duration(self._rules.seconds, self._durations, model, fields),
            price=price,
            account=account,
            failure=failure,
            callback_url=submission.callback_url,
        )

    def _await_ending(self, task: Task) -> None:
        if task.ends < math.inf and (task.failure is not None or task.callback_url is not None):
            heapq.heappush(self._endings, (task.ends, len(self.tasks), task))
            self.on_ending()

    def _call_back(self, task: Task, url: str) -> None:
        fault = self._faults.strike("callback", lambda: text_of(task)) if self._faults.faults else None
        self._stats.faults += fault is not None
        copies = {"drop_before": 0, "duplicate": 2}.get(fault.kind, 1) if fault else 1
        body = callback_body(task, self.link(task), self._unix)
        self.callbacks.extend([Callback(url, task.id, body)] * copies)


def _befall(task: Task, fault: Fault) -> None:
    """Let a fault of the kinds that befall tasks take effect."""
    if fault.kind == "stuck":
        task.ends = math.inf
    elif fault.kind == "fail":
        task.failure = Failure(fault.fail_code, fault.message or "Generation failed")
    else:
        task.visible_from = task.created + fault.seconds


def text_of(task: Task) -> str:
    """What of a task `Fault.match` looks at: model, id and all text of the input."""
    return "\n".join((task.model, task.id, *texts(task.input)))


def text_of_body(body: bytes) -> str:
    """What of a createTask body `Fault.match` looks at; `""` for a body that cannot be read."""
    try:
        return "\n".join(texts(read_object(body)))
    except Refusal:
        return ""


def texts(value: object) -> Iterator[str]:
    """All text in a JSON value, but for the names of fields."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        yield from texts(list(cast("dict[str, object]", value).values()))
    elif isinstance(value, list):
        for item in cast("list[object]", value):
            yield from texts(item)
