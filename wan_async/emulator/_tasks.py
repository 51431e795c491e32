"""A task at the provider, how long it takes, and its record as recordInfo and callbacks give it."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import msgspec
from msgspec import UNSET, UnsetType

from .._docs import documented
from ..errors import ConfigurationError
from ._accounts import Account

Duration: TypeAlias = Callable[[str, Mapping[str, Any]], float]
Seconds: TypeAlias = float | tuple[float, float] | Duration
"""The seconds that a task takes: always the same; (mean, standard deviation), never below a tenth of the mean; or a
function of the model's name and the input."""

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode


@documented
class Failure(msgspec.Struct, frozen=True):
    """The reason of a task's failure."""

    code: int | str | None
    """The service's code."""
    message: str | None
    """The service's words."""


class Task(msgspec.Struct, gc=False):
    """A task that was accepted. Times are the clock's seconds; a million of them take well under a kilobyte each.

    Attributes:
        id: the task's opaque id.
        model: the model's name on the wire.
        param: the request as recordInfo gives it: JSON, its `input` JSON text once more.
        created: when it was accepted.
        ends: when it ends; infinite for a stuck one.
        price: what was charged, in credits.
        account: who was charged.
        failure: why it will fail, None if it will succeed.
        visible_from: before that time recordInfo says that it is null.
        callback_url: where its end is reported, None if nowhere.
    """

    id: str
    model: str
    param: bytes
    created: float
    ends: float
    price: float
    account: Account
    failure: Failure | None = None
    visible_from: float = 0.0
    callback_url: str | None = None

    @property
    def input(self) -> dict[str, Any]:
        """The `input` object that was submitted."""
        return _decode(_decode(self.param)["input"])

    @property
    def prompt(self) -> str:
        """The prompt, `""` where the input has none."""
        return str(self.input.get("prompt", ""))

    def state(self, now: float) -> str:
        """The state at `now`: Wan tasks stay `waiting` for the whole run, then jump to the end (observed)."""
        if now < self.ends:
            return "waiting"
        return "success" if self.failure is None else "fail"

    def record(self, now: float, links: list[str], unix: Callable[[float], float]) -> Record:
        """The record at `now`; `links` are where its results will be; `unix` gives a moment's Unix seconds."""
        record = Record(self.id, self.model, self.state(now), self.param.decode(), int(unix(self.created) * 1000))
        if now < self.ends:
            return record
        record.costTime = int(self.ends - self.created)
        record.completeTime = int(unix(self.ends) * 1000)
        if self.failure is not None:
            record.failCode, record.failMsg, record.creditsConsumed = self.failure.code, self.failure.message, 0
        else:
            record.resultJson = _encode({"resultUrls": links}).decode()
            record.creditsConsumed = plain(self.price)
        return record


class Record(msgspec.Struct):
    """`data` of recordInfo, as observed: before the end `creditsConsumed` is absent."""

    taskId: str
    model: str
    state: str
    param: str
    createTime: int
    resultJson: str = ""
    failCode: int | str | None = None
    failMsg: str | None = None
    costTime: int | None = None
    completeTime: int | None = None
    creditsConsumed: float | UnsetType = UNSET


class Callback(msgspec.Struct, frozen=True):
    """A callback that is due."""

    url: str
    task_id: str
    body: bytes


def callback_body(task: Task, links: list[str], unix: Callable[[float], float]) -> bytes:
    """The body of the callback that reports the task's end: the two kinds hold different fields (observed)."""
    record = task.record(task.ends, links, unix)
    fields = {"taskId": task.id, "model": task.model, "state": record.state, "param": record.param}
    cost = {"costTime": record.costTime, "creditsConsumed": record.creditsConsumed}
    if task.failure is not None:
        code = None if record.failCode is None else str(record.failCode)
        failed = {**fields, "failCode": code, "failMsg": record.failMsg, **cost}
        return _encode({"code": 501, "msg": "Playground task failed.", "data": failed})
    times = {"completeTime": record.completeTime, "createTime": record.createTime, "updateTime": record.completeTime}
    done = {**fields, "resultJson": record.resultJson, **cost, **times}
    return _encode({"code": 200, "msg": "Playground task completed successfully.", "data": done})


def param_of(model: str, fields: Mapping[str, Any], callback_url: str | None) -> bytes:
    """The request as recordInfo gives it: double-encoded (observed)."""
    param = {"input": _encode(fields).decode(), "model": model}
    return _encode(param if callback_url is None else {**param, "callBackUrl": callback_url})


def plain(number: float) -> float:
    """A number as the service writes it: whole ones without a fraction."""
    return int(number) if float(number).is_integer() else number


def durations(seconds: Seconds, seed: int) -> Duration:
    """A function that gives the seconds that the next task takes.

    Raises:
        ConfigurationError: a number that is negative or not finite.
    """
    if callable(seconds):
        return seconds
    mean, spread = seconds if isinstance(seconds, tuple) else (seconds, 0.0)
    if any(not math.isfinite(number) or number < 0 for number in (mean, spread)):
        raise ConfigurationError(f"Emulator.seconds: {seconds!r} is not allowed; allowed: finite numbers ≥ 0")
    rng = random.Random(seed)  # noqa: S311 - repeatable, no secret
    return lambda _, __: max(mean / 10, rng.gauss(mean, spread)) if spread else mean
