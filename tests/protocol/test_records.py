"""A task's record: what was seen, and that any record reads into the types that are promised."""

from __future__ import annotations

import copy
import json
import math
import pickle
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wan_async import TaskRecord, TaskState
from wan_async._protocol import Answer, read_record

ID = "d2bb99162acab500c760565a27e9fc94"


def read(data: dict[str, Any], task_id: str = "") -> TaskRecord:
    return read_record(Answer(200, json.dumps({"code": 200, "msg": "success", "data": data}).encode()), task_id)


def test_a_finished_task() -> None:
    record = read(
        {
            "taskId": ID,
            "model": "wan/2-7-r2v",
            "state": "success",
            "param": json.dumps({"input": json.dumps({"duration": 2}), "model": "m", "callBackUrl": "https://x/cb"}),
            "resultJson": json.dumps({"resultUrls": ["https://x/1.mp4", "https://x/2.mp4"], "other": 1}),
            "failCode": None,
            "failMsg": "",
            "costTime": 56,
            "completeTime": 1777803956261,
            "createTime": 1777803900000,
            "updateTime": 1,
            "creditsConsumed": 60.5,
        }
    )
    assert record == TaskRecord(
        task_id=ID,
        model="wan/2-7-r2v",
        state=TaskState.SUCCESS,
        urls=("https://x/1.mp4", "https://x/2.mp4"),
        request={"input": {"duration": 2}, "model": "m", "callBackUrl": "https://x/cb"},
        cost_time=56.0,
        created_at=datetime(2026, 5, 3, 10, 25, tzinfo=UTC),
        completed_at=datetime(2026, 5, 3, 10, 25, 56, 261000, tzinfo=UTC),
        credits=60.5,
    )
    assert record.url == "https://x/1.mp4"
    assert record.completed_at is not None
    assert record.completed_at.utcoffset() == timedelta(0)


def test_an_empty_record() -> None:
    assert read({}, "t") == TaskRecord(task_id="t")
    assert read({}).url is None
    assert read({"task_id": "a"}, "t").task_id == "a"
    assert read({"taskId": 5, "task_id": "a"}, "t").task_id == "5"


@pytest.mark.parametrize("state", TaskState)
def test_states(state: TaskState) -> None:
    assert read({"state": state.value}).state is state
    assert state.is_final == (state.value in {"success", "fail"})


@pytest.mark.parametrize("state", ["paused", "SUCCESS", "", None, 5, [], {"a": 1}])
def test_an_unknown_state_is_a_value_and_not_final(state: object) -> None:
    assert read({"state": state}).state is TaskState.UNKNOWN


LEFT_EMPTY: dict[str, tuple[str, list[Any]]] = {
    "failCode": ("fail_code", [None, "", True, [], {}]),
    "failMsg": ("fail_message", [None, "", ["why"]]),
    "costTime": ("cost_time", [None, "", "x", True, [], -1, "-0.5", "nan", "inf", 10**400]),
    "creditsConsumed": ("credits", [None, -5, False]),
    "progress": ("progress", [-1, 101, 1e300, "half", None, False]),
    "completeTime": ("completed_at", [None, -1, 1e300, 10**30, "2026-05-03", True, {}]),
    "param": ("request", ["", "{", "[]", "5", None, [], "[" * 100_000]),
}
NO_LINKS: list[object] = ["", "{", "[]", "5", None, 5, {}, '{"resultUrls":"u"}', "[" * 100_000]
CASES: list[tuple[str, Any, str, object]] = [
    *((field, bad, attribute, None) for field, (attribute, values) in LEFT_EMPTY.items() for bad in values),
    *(("resultJson", bad, "urls", ()) for bad in NO_LINKS),
    ("failCode", "422", "fail_code", "422"),
    ("failCode", "SENSITIVE_WORD_ERROR", "fail_code", "SENSITIVE_WORD_ERROR"),
    ("failCode", 500, "fail_code", "500"),
    ("failCode", 0, "fail_code", "0"),
    ("failMsg", "why", "fail_message", "why"),
    ("model", None, "model", ""),
    ("costTime", 0, "cost_time", 0.0),
    ("costTime", 2.75, "cost_time", 2.75),
    ("costTime", "89", "cost_time", 89.0),
    ("creditsConsumed", 0, "credits", 0.0),
    ("progress", 55, "progress", 55),
    ("progress", "100", "progress", 100),
    ("progress", 0.9, "progress", 0),
    ("createTime", 0, "created_at", datetime(1970, 1, 1, tzinfo=UTC)),
    ("createTime", "1777803900001", "created_at", datetime(2026, 5, 3, 10, 25, 0, 1000, tzinfo=UTC)),
    ("resultJson", {"resultUrls": ["u"]}, "urls", ("u",)),
    ("resultJson", '{"resultUrls":[null,"",5,"u",["v"]]}', "urls", ("u",)),
    ("param", "{}", "request", {}),
    ("param", {"input": {"a": 1}}, "request", {"input": {"a": 1}}),
    ("param", '{"input":{"a":1}}', "request", {"input": {"a": 1}}),
    ("param", '{"input":"nonsense","model":"m"}', "request", {"input": None, "model": "m"}),
]


@pytest.mark.parametrize(("field", "value", "attribute", "expected"), CASES)
def test_fields(field: str, value: object, attribute: str, expected: object) -> None:
    read_value = getattr(read({field: value}), attribute)
    assert read_value == expected
    assert type(read_value) is type(expected)


def test_records_can_be_copied_and_pickled() -> None:
    record = read(
        {"taskId": ID, "state": "success", "param": '{"a":1}', "createTime": 1, "resultJson": {"resultUrls": "u"}}
    )
    for twin in (copy.copy(record), copy.deepcopy(record), pickle.loads(pickle.dumps(record))):
        assert twin == record
        assert twin.state is TaskState.SUCCESS
    with pytest.raises(AttributeError):
        record.state = TaskState.FAIL  # pyright: ignore[reportAttributeAccessIssue]


NUMBERS = st.integers() | st.floats() | st.sampled_from([10**400, -(10**400), 1e308, -1e308, 8.64e15, 253402300800000])
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | NUMBERS.map(str) | st.text(max_size=8) | st.sampled_from(list(TaskState)),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["resultUrls", "input", "model"]), inner, max_size=3)
        | inner.map(json.dumps)
    ),
    max_leaves=8,
)
FIELDS = ["taskId", "task_id", "model", "state", "param", "resultJson", "failCode", "failMsg", "costTime", "createTime",
          "completeTime", "creditsConsumed", "progress"]  # fmt: skip


@given(
    code=st.sampled_from([200, 408, 501]),
    fields=st.fixed_dictionaries({}, optional=dict.fromkeys(FIELDS, VALUES)),
)
def test_any_record_has_the_types_that_are_promised(code: int, fields: dict[str, Any]) -> None:
    body = (
        json.dumps({"code": code, "data": fields})
        .replace("NaN", "1")
        .replace("-Infinity", "2")
        .replace("Infinity", "3")
    )
    record = read_record(Answer(200, body.encode()), "t")
    assert msgspec.convert(msgspec.to_builtins(record, builtin_types=[datetime]), TaskRecord) == record
    assert type(record.state) is TaskState
    assert record.task_id
    assert record.state is TaskState.FAIL or code == 200
    assert all(record.urls)
    for number in (record.cost_time, record.credits):
        assert number is None or (type(number) is float and 0 <= number < math.inf)
    for moment in (record.created_at, record.completed_at):
        assert moment is None or (moment.tzinfo is UTC and moment.year >= 1970)
    assert record.progress is None or 0 <= record.progress <= 100
    assert "" not in {record.fail_code, record.fail_message}
    assert pickle.loads(pickle.dumps(record)) == record
