"""The tasks: accepted, reported by recordInfo, ended."""

from __future__ import annotations

import heapq
import math
import random
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any, TypeAlias, cast

from ._accounts import Account
from ._calls import Refusal
from ._clips import ClipSpec, clip_spec, images_in, picture_spec
from ._faults import Fault, FaultPlan
from ._links import result_paths
from ._schema import Schemas, ValidBody, read_object
from ._stats import Stats
from ._tasks import Callback, Duration, Failure, Record, Task, callback_body, param_of

Price: TypeAlias = Callable[[str, Mapping[str, Any]], float | None]
"""The price of a task, in credits, by the model's name and the input; None: nothing."""


class Jobs:
    """All tasks of all accounts. Times are the clock's seconds.

    Args:
        schemas: the models.
        faults: those in force.
        stats: where tasks are counted.
        unix: the Unix seconds of a moment.
        price: what a task costs.
        duration: the seconds that a task takes.

    Attributes:
        tasks: by id.
        callbacks: those that are due.
        on_ending: those called when an ending is to come that `settle` has to do with.
        base_url: what the links to clips begin with.
    """

    def __init__(
        self,
        schemas: Schemas,
        faults: FaultPlan,
        stats: Stats,
        unix: Callable[[float], float],
        *,
        price: Price,
        duration: Duration,
    ) -> None:
        self.tasks: dict[str, Task] = {}
        self.callbacks: deque[Callback] = deque()
        self.on_ending: set[Callable[[], None]] = set()
        self.base_url = ""
        self.schemas: Schemas = schemas
        self.faults: FaultPlan = faults
        self.stats: Stats = stats
        self.unix: Callable[[float], float] = unix
        self._price = price
        self._duration = duration
        self._ids = random.Random()  # noqa: S311 - new ones in each run: a journal may outlive an emulator
        self._endings: list[tuple[float, int, Task]] = []

    def accept(self, submission: ValidBody, account: Account, failure: Failure | None, now: float) -> Task:
        """Create a task and charge it.

        Raises:
            Refusal: 402.
        """
        price = self._price(submission.model, submission.fields) or 0.0
        account.charge(price)
        task = self._new(submission, account, failure, price, now)
        if self.faults.faults:
            for fault in self.faults.of_task(lambda: text_of(task)):
                self.stats.faults += 1
                _befall(task, fault)
        self.tasks[task.id] = task
        self.stats.created += 1
        self.stats.credits_spent += price
        self._await_ending(task)
        return task

    def record(self, task_id: str, account: Account, now: float) -> Record:
        """The record of a task.

        Raises:
            Refusal: 422, there is no such task, or not yet.
        """
        task = self.tasks.get(task_id)
        if task is None or task.account is not account or now < task.visible_from:
            raise Refusal(422, "recordInfo is null")
        return task.record(now, self.links(task), self.unix)

    def links(self, task: Task) -> list[str]:
        """The links to the task's results, once it has some."""
        return [f"{self.base_url}/{path}" for path in self.results(task)]

    def results(self, task: Task) -> dict[str, ClipSpec]:
        """The task's results, by path."""
        fields = self.schemas.completed(task.model, task.input)
        if not self.schemas.makes_images(task.model):
            (path,) = result_paths(task.id, ".mp4")
            return {path: clip_spec(task.model, task.id, fields)}
        paths = result_paths(task.id, ".png", images_in(fields))
        return {path: picture_spec(task.model, PurePosixPath(path).stem, fields) for path in paths}

    def settle(self, now: float) -> None:
        """Let all tasks end whose time has come: credits go back, callbacks become due."""
        endings = self._endings
        while endings and endings[0][0] <= now:
            task = heapq.heappop(endings)[2]
            if task.failure is not None:
                task.account.credits += task.price
                self.stats.credits_returned += task.price
            if task.callback_url is not None:
                self._call_back(task, task.callback_url)

    @property
    def next_ending(self) -> float:
        """The time at which `settle` has something to do next; infinite if nothing is to come."""
        return self._endings[0][0] if self._endings else math.inf

    def _new(self, submission: ValidBody, account: Account, failure: Failure | None, price: float, now: float) -> Task:
        model, fields = submission.model, submission.fields
        return Task(
            id=f"{self._ids.getrandbits(128):032x}",
            model=model,
            param=param_of(model, fields, submission.callback_url),
            created=now,
            ends=now + self._duration(model, fields),
            price=price,
            account=account,
            failure=failure,
            callback_url=submission.callback_url,
        )

    def _await_ending(self, task: Task) -> None:
        if task.ends < math.inf and (task.failure is not None or task.callback_url is not None):
            heapq.heappush(self._endings, (task.ends, len(self.tasks), task))
            for notify in self.on_ending:
                notify()

    def _call_back(self, task: Task, url: str) -> None:
        fault = self.faults.strike("callback", lambda: text_of(task)) if self.faults.faults else None
        self.stats.faults += fault is not None
        copies = {"drop_before": 0, "duplicate": 2}.get(fault.kind, 1) if fault else 1
        body = callback_body(task, self.links(task), self.unix)
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
    """The text of a task that `Fault.match` is searched in: model, id and all text of the input."""
    return "\n".join((task.model, task.id, *texts(task.input)))


def text_of_body(body: bytes) -> str:
    """The text of a createTask body that `Fault.match` is searched in; `""` for a body that cannot be read."""
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
