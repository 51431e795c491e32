"""A task by its record, in types that hold whatever was recorded.

Recorded and therefore read: `param` is JSON whose `input` is JSON text once more; `resultJson` is `""` until success;
`failCode` is null, text or an integer; `costTime` is seconds although the pages say milliseconds; fields are
missing, states are new. Nothing of that is an error: a part that cannot be read is left empty, and what strict JSON
refuses is read by the lenient reader.

A task has ended when its record shows an end: SUCCESS or FAIL in any letters, links, a completion time or a reason of
failure. Where the rest of the record speaks against that (a state of what runs, a completion without links or reason),
it is read again before it is believed: a task that is given up too early is paid for and lost.
"""

from __future__ import annotations

import enum
from datetime import datetime
from typing import Annotated, Any, cast

import msgspec

from .._html import card
from .._inputs.web_models import WebModel
from .parts import ShownRequest, as_text, id_of, links_of, milliseconds, number, request_of, utc
from .tokens import TOKEN

_NO_REASON = frozenset({"", "0", "200", "null", "none", "ok", "success"})
"""Stand for no reason where a task has not failed."""

_NO_SUCCESS = frozenset(
    {"aborted", "canceled", "cancelled", "error", "expired", "failed", "failure", "rejected", "terminated", "timeout"}
)
"""Words of other providers and their drift for a task that has ended without a clip."""


class TaskState(enum.StrEnum):
    """The state of a task. Wan tasks stay WAITING for the whole run, then jump to SUCCESS (observed)."""

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
    """A task at the moment it was read."""

    task_id: str
    """The task's opaque id."""
    model: str = ""
    """The model's name on the wire, `""` where the record does not say."""
    state: TaskState = TaskState.UNKNOWN
    """The state of the task."""
    urls: tuple[str, ...] = ()
    """The links of the finished clips; they expire, typically within 24 hours."""
    url: str | None = None
    """The first clip's link, None until there is one."""
    request: dict[str, Any] | None = None
    """The request: `{"model": …, "input": {…}, "callBackUrl"?: …}`, None where it cannot be read. A callback URL
    is shown without the token that this library gives it."""
    fail_code: str | None = None
    """The code of its failure, as text whatever came."""
    fail_message: str | None = None
    """The reason of its failure, in words."""
    cost_time: float | None = None
    """Seconds it took."""
    created_at: datetime | None = None
    """The time of its creation (aware, UTC)."""
    completed_at: datetime | None = None
    """The time of its end (aware, UTC)."""
    credits: float | None = None
    """Credits consumed; 0 for a failed task."""
    progress: int | None = None
    """0 to 100, None for Wan models."""
    provider_state: str | None = None
    """The service's own word for the state, where the record shows only in part that the task has failed: such an end
    is read again before it is believed."""

    def __post_init__(self) -> None:
        msgspec.structs.force_setattr(self, "url", self.urls[0] if self.urls else None)
        if self.request and TOKEN in str(self.request.get("callBackUrl")):  # as older journals have it
            msgspec.structs.force_setattr(self, "request", ShownRequest(self.request))

    @property
    def lacks_links(self) -> bool:
        """True for a success whose links are not there yet, or never come."""
        return self.state is TaskState.SUCCESS and not self.urls

    @property
    def is_doubtful(self) -> bool:
        """True for a failure that the record shows only in part."""
        return self.provider_state is not None and self.state is TaskState.FAIL

    def _repr_html_(self) -> str:
        """In a notebook: the clip and what was asked for."""
        asked = (self.request or {}).get("input")
        prompt = cast("dict[str, Any]", asked).get("prompt") if isinstance(asked, dict) else None
        failure = self.fail_message or self.fail_code
        facts = {"task": self.task_id, "model": self.model or None, "state": self.state.value, "prompt": prompt}
        facts |= {"failure": failure, "seconds": self.cost_time, "credits": self.credits}
        return card(facts, self.urls)


def callback_url_of(request: dict[str, Any] | None) -> str | None:
    """The whole callback URL of a request as it was read."""
    url = request.callback_url if isinstance(request, ShownRequest) else (request or {}).get("callBackUrl")
    return url if isinstance(url, str) else None


_STATES = {state.value: state for state in TaskState}


_Amount = Annotated[float, msgspec.Meta(ge=0)]


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
    createTime: _Amount | None = None
    completeTime: _Amount | None = None
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
    """The record of an answer that is as documented, else None: what `from_wire` gives, in 40 % of its time."""
    try:
        answer = _decode_usual(body)
        wire = answer.data
        if answer.code != 200:
            return None
        urls = _decode_result(wire.resultJson).resultUrls if wire.resultJson else ()
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None
    links = tuple([url for url in urls if url])
    if not links and wire.state == TaskState.SUCCESS:
        return None  # they may stand elsewhere
    return _record(wire, links)


def from_wire(data: dict[str, Any]) -> TaskRecord:
    """Read a record: each part that can be read, as it would usually stand there."""
    progress = number(data.get("progress"))
    wire = _Usual(
        taskId=id_of(data) or "",
        model=as_text(data.get("model")) or "",
        state=data.get("state", ""),
        param=data.get("param"),
        failCode=data.get("failCode"),
        failMsg=data.get("failMsg"),
        costTime=number(data.get("costTime")),
        createTime=milliseconds(data.get("createTime")),
        completeTime=milliseconds(data.get("completeTime")),
        creditsConsumed=number(data.get("creditsConsumed")),
        progress=None if progress is None or progress > 100 else int(progress),
    )
    return _record(wire, links_of(data, ended=_word(wire.state) == TaskState.SUCCESS))


def _record(wire: _Usual, links: tuple[str, ...]) -> TaskRecord:
    code, message = as_text(wire.failCode), as_text(wire.failMsg)
    state, word = _state(wire.state, links, wire.completeTime, code, message)
    return TaskRecord(
        task_id=wire.taskId,
        model=wire.model,
        state=state,
        urls=links,
        request=request_of(wire.param),
        fail_code=code,
        fail_message=message,
        cost_time=wire.costTime,
        created_at=utc(wire.createTime),
        completed_at=utc(wire.completeTime),
        credits=wire.creditsConsumed,
        progress=wire.progress,
        provider_state=word,
    )


def _word(given: Any) -> str:
    return given.strip().lower() if isinstance(given, str) else ""


def _state(
    given: Any, links: tuple[str, ...], completed: float | None, code: str | None, message: str | None
) -> tuple[TaskState, str | None]:
    """The state by the record's word for it and by what else shows an end; with the word where that is in doubt."""
    word = _word(given)
    state = _STATES.get(word, TaskState.UNKNOWN)
    if state.is_final:
        return state, None
    if links:
        return TaskState.SUCCESS, None
    failed = any((reason or "").strip().lower() not in _NO_REASON for reason in (code, message))
    if not completed and not failed:
        return state, None
    certain = word in _NO_SUCCESS or (failed and (bool(completed) or state is TaskState.UNKNOWN))
    return TaskState.FAIL, None if certain else str(as_text(given) or "")


def ended_by_envelope(data: dict[str, Any], code: int, message: str) -> TaskRecord:
    """A failed record for recordInfo's 408 ("no result for over 10 minutes") and 501 ("generation failed")."""
    record = from_wire(data)
    return msgspec.structs.replace(
        record,
        state=TaskState.FAIL,
        provider_state=None,
        fail_code=record.fail_code or str(code),
        fail_message=record.fail_message or message or None,
    )
