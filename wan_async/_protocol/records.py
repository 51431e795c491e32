"""A task as recordInfo tells it, in types that hold whatever was seen.

Seen and therefore read: `param` is JSON whose `input` is JSON text once more; `resultJson` is `""` until success;
`failCode` is null, text or an integer; `costTime` is seconds although the pages say milliseconds; fields are
missing, states are new. Nothing of that is an error: a part that cannot be read is left empty.
"""

from __future__ import annotations

import enum
import math
from datetime import UTC, datetime
from typing import Annotated, Any, cast

import msgspec

from .._html import card
from .._web_models import WebModel


class TaskState(enum.StrEnum):
    """Where a task is. Wan tasks stay WAITING for the whole run, then jump to SUCCESS (seen)."""

    WAITING = "waiting"
    QUEUING = "queuing"
    GENERATING = "generating"
    SUCCESS = "success"
    FAIL = "fail"
    UNKNOWN = "unknown"
    """A state that this version does not know; it is not final."""

    @property
    def is_final(self) -> bool:
        """True if the task has ended: SUCCESS or FAIL."""
        return self is TaskState.SUCCESS or self is TaskState.FAIL


class TaskRecord(WebModel, frozen=True, kw_only=True):
    """A task at the moment it was read.

    Attributes:
        task_id: the task's opaque id.
        model: the model's name on the wire, `""` where the record does not tell.
        state: where the task is.
        urls: the links of the finished clips; they expire, typically within 24 hours.
        request: what was submitted: `{"model": …, "input": {…}, "callBackUrl"?: …}`, None where it cannot be read.
        fail_code: why it failed, as text whatever came.
        fail_message: why it failed, in words.
        cost_time: seconds it took.
        created_at: when it was created (aware, UTC).
        completed_at: when it ended (aware, UTC).
        credits: credits consumed; 0 for a failed task.
        progress: 0 to 100, None for Wan models.
    """

    task_id: str
    model: str = ""
    state: TaskState = TaskState.UNKNOWN
    urls: tuple[str, ...] = ()
    request: dict[str, Any] | None = None
    fail_code: str | None = None
    fail_message: str | None = None
    cost_time: float | None = None
    created_at: datetime | None = None
    completed_at: datetime | None = None
    credits: float | None = None
    progress: int | None = None

    @property
    def url(self) -> str | None:
        """The first clip's link, None until there is one."""
        return self.urls[0] if self.urls else None

    def _repr_html_(self) -> str:
        """In a notebook: the clip and what was asked for."""
        asked = (self.request or {}).get("input")
        prompt = cast("dict[str, Any]", asked).get("prompt") if isinstance(asked, dict) else None
        failure = self.fail_message or self.fail_code
        facts = {"task": self.task_id, "model": self.model or None, "state": self.state.value, "prompt": prompt}
        facts |= {"failure": failure, "seconds": self.cost_time, "credits": self.credits}
        return card(facts, self.url)


_STATES = {state.value: state for state in TaskState}
_json = msgspec.json.Decoder().decode


_Amount = Annotated[float, msgspec.Meta(ge=0)]
_Milliseconds = Annotated[int, msgspec.Meta(ge=0, le=253402300799999)]
"""Up to the end of the year 9999, the last that a datetime knows."""


class _Usual(msgspec.Struct):
    """A record all of whose parts are as they are documented."""

    taskId: Annotated[str, msgspec.Meta(min_length=1)]
    model: str
    state: str
    param: str | None = None
    resultJson: str | None = None
    failCode: str | None = None
    failMsg: str | None = None
    costTime: _Amount | None = None
    createTime: _Milliseconds | None = None
    completeTime: _Milliseconds | None = None
    creditsConsumed: _Amount | None = None
    progress: Annotated[int, msgspec.Meta(ge=0, le=100)] | None = None


class _UsualAnswer(msgspec.Struct):
    code: int
    data: _Usual


class _UsualResult(msgspec.Struct):
    resultUrls: list[str]


_decode_usual = msgspec.json.Decoder(_UsualAnswer).decode
_decode_result = msgspec.json.Decoder(_UsualResult).decode


def usual_record(body: bytes) -> TaskRecord | None:
    """The record of an answer that is as documented, else None: what `from_wire` gives, for 3 µs less of 6."""
    try:
        answer = _decode_usual(body)
        wire = answer.data
        if answer.code != 200:
            return None
        urls = _decode_result(wire.resultJson).resultUrls if wire.resultJson else ()
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None
    created, completed = wire.createTime, wire.completeTime
    return TaskRecord(
        task_id=wire.taskId,
        model=wire.model,
        state=_STATES.get(wire.state, TaskState.UNKNOWN),
        urls=tuple([url for url in urls if url]),
        request=request_of(wire.param),
        fail_code=wire.failCode or None,
        fail_message=wire.failMsg or None,
        cost_time=wire.costTime,
        created_at=None if created is None else datetime.fromtimestamp(created / 1000, UTC),
        completed_at=None if completed is None else datetime.fromtimestamp(completed / 1000, UTC),
        credits=wire.creditsConsumed,
        progress=wire.progress,
    )


def from_wire(data: dict[str, Any], task_id: str = "") -> TaskRecord:
    """Read a record; `task_id` stands in where the record does not name its task."""
    result = _object(data.get("resultJson"))
    links = cast("list[Any]", result.get("resultUrls")) if result and isinstance(result.get("resultUrls"), list) else []
    state = data.get("state")
    progress = _number(data.get("progress"))
    return TaskRecord(
        task_id=_text(data.get("taskId")) or _text(data.get("task_id")) or task_id,
        model=_text(data.get("model")) or "",
        state=_STATES.get(state, TaskState.UNKNOWN) if isinstance(state, str) else TaskState.UNKNOWN,
        urls=tuple([link for link in links if isinstance(link, str) and link]),
        request=request_of(data.get("param")),
        fail_code=_text(data.get("failCode")),
        fail_message=_text(data.get("failMsg")),
        cost_time=_number(data.get("costTime")),
        created_at=_when(data.get("createTime")),
        completed_at=_when(data.get("completeTime")),
        credits=_number(data.get("creditsConsumed")),
        progress=None if progress is None or progress > 100 else int(progress),
    )


def ended_by_envelope(task_id: str, code: int, message: str, data: Any) -> TaskRecord:
    """A failed record for recordInfo's 408 ("no result for over 10 minutes") and 501 ("generation failed")."""
    record = from_wire(cast("dict[str, Any]", data) if isinstance(data, dict) else {}, task_id)
    return msgspec.structs.replace(
        record,
        state=TaskState.FAIL,
        fail_code=record.fail_code or str(code),
        fail_message=record.fail_message or message or None,
    )


def _object(value: Any) -> dict[str, Any] | None:
    """A JSON object, given as one or as its text."""
    if isinstance(value, str) and value:
        try:
            value = _json(value)
        except (msgspec.MsgspecError, ValueError, RecursionError):
            return None
    return cast("dict[str, Any]", value) if isinstance(value, dict) else None


def request_of(param: Any) -> dict[str, Any] | None:
    """What was submitted, by a record's `param`: JSON whose `input` is JSON text once more."""
    request = _object(param)
    if request is not None and isinstance(asked := request.get("input"), str):
        return {**request, "input": _object(asked)}
    return request


def _text(value: Any) -> str | None:
    if type(value) is str:
        return value or None
    if value is None or isinstance(value, (bool, dict, list)):
        return None
    return str(value)


def _number(value: Any) -> float | None:
    """A finite number ≥ 0: none of a record's numbers can be below."""
    if value is None or isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if 0 <= number < math.inf else None


def _when(value: Any) -> datetime | None:
    """An aware time of Unix milliseconds."""
    milliseconds = _number(value)
    try:
        return None if milliseconds is None else datetime.fromtimestamp(milliseconds / 1000, UTC)
    except (ValueError, OverflowError, OSError):
        return None
