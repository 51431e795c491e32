"""A task at the provider, how long it takes, and its record as recordInfo and callbacks tell it."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import msgspec
from msgspec import UNSET, UnsetType

from ..errors import ConfigurationError
from ._accounts import Account

Seconds: TypeAlias = float | tuple[float, float] | Callable[[str, Mapping[str, Any]], float]
"""How long a task takes: always the same; (mean, standard deviation), never below a tenth of the mean; or a function of
the model's name and the input."""

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode


class Failure(msgspec.Struct, frozen=True):
    """Why a task fails, in the service's words."""

    code: int | str | None
    message: str | None


class Task(msgspec.Struct, gc=False):
    """A task that was accepted. Times are the clock's seconds; a million of them take well under a kilobyte each.

    Attributes:
        id: the task's opaque id.
        model: the model's name on the wire.
        param: the request as recordInfo tells it: JSON, its `input` JSON text once more.
        created: when it was accepted.
        ends: when it ends; infinite for a stuck one.
        price: what was charged, in credits.
        account: who was charged.
        failure: why it will fail, None if it will succeed.
        visible_from: before that time recordInfo says that it is null.
        callback_url: where its end is told, None if nowhere.
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
        """The state at `now`: Wan tasks stay `waiting` for the whole run, then jump to the end (seen)."""
        if now < self.ends:
            return "waiting"
        return "success" if self.failure is None else "fail"

    def record(self, now: float, link: str, unix: Callable[[float], float]) -> Record:
        """The record at `now`; `link` is where its clip is, once it has one; `unix` gives a moment's Unix seconds."""
        record = Record(self.id, self.model, self.state(now), self.param.decode(), int(unix(self.created) * 1000))
        if now < self.ends:
            return record
        record.costTime = int(self.ends - self.created)
        record.completeTime = int(unix(self.ends) * 1000)
        if self.failure is not None:
            record.failCode, record.failMsg, record.creditsConsumed = self.failure.code, self.failure.message, 0
        else:
            record.resultJson = _encode({"resultUrls": [link]}).decode()
            record.creditsConsumed = plain(self.price)
        return record


class Record(msgspec.Struct):
    """`data` of recordInfo, as seen: before the end `creditsConsumed` is absent."""

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


def callback_body(task: Task, link: str, unix: Callable[[float], float]) -> bytes:
    """The body of the callback that tells the task's end: the two kinds hold different fields (seen)."""
    record = task.record(task.ends, link, unix)
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
    """The request as recordInfo tells it: double-encoded (seen)."""
    param = {"input": _encode(fields).decode(), "model": model}
    return _encode(param if callback_url is None else {**param, "callBackUrl": callback_url})


def plain(number: float) -> float:
    """A number as the service writes it: whole ones without a fraction."""
    return int(number) if float(number).is_integer() else number


def duration(seconds: Seconds, rng: random.Random, model: str, fields: Mapping[str, Any]) -> float:
    """How long the next task takes, in seconds."""
    if callable(seconds):
        return seconds(model, fields)
    if isinstance(seconds, tuple):
        mean, spread = seconds
        return max(mean / 10, rng.gauss(mean, spread))
    return seconds


def check_seconds(seconds: Seconds) -> None:
    """Refuse what is no time.

    Raises:
        ConfigurationError: a number that is negative or not finite.
    """
    numbers = () if callable(seconds) else seconds if isinstance(seconds, tuple) else (seconds,)
    if any(not math.isfinite(number) or number < 0 for number in numbers):
        raise ConfigurationError(f"Emulator.seconds: {seconds!r} is not allowed; allowed: finite numbers ≥ 0")
