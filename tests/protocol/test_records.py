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

from wan_async import ResponseError, TaskRecord, TaskState
from wan_async._protocol import Answer
from wan_async._protocol.answers import read_record
from wan_async._protocol.records import callback_url_of
from wan_async._protocol.tokens import without_token

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
    assert read({"task_id": "a"}).task_id == "a"
    assert read({"taskId": 5, "task_id": "a"}).task_id == "5"


@pytest.mark.parametrize("state", TaskState)
def test_states(state: TaskState) -> None:
    assert read({"state": state.value}).state is state
    assert state.is_final == (state.value in {"success", "fail"})


@pytest.mark.parametrize("asked", ["t", "5"])
@pytest.mark.parametrize(
    "names",
    [{"taskId": "t"}, {"task_id": "t"}, {"recordId": "t"}, {"task": {"taskId": "t"}}, {"taskId": "u", "recordId": "t"}],
)
def test_a_record_is_believed_only_where_it_is_the_tasks_own(asked: str, names: dict[str, Any]) -> None:
    data = {**names, "model": "m", "state": "success"}
    if asked == "t":
        assert read(data, asked).task_id == "t"
    else:
        with pytest.raises(ResponseError, match="another task than 5"):
            read(data, asked)


LINKS = {"resultJson": '{"resultUrls":["https://x/1.mp4"]}'}
WHEN = 1764000000000
NO_STATES: list[Any] = ["paused", "", None, 5, [], {"a": 1}]
NO_REASONS: list[Any] = ["", " \t", None, "null", "success", {}]
STATES: list[tuple[dict[str, Any], TaskState]] = [
    ({"state": "SUCCESS"}, TaskState.SUCCESS),
    ({"state": "Success ", **LINKS}, TaskState.SUCCESS),
    ({"state": "FAIL"}, TaskState.FAIL),
    ({"state": "Generating"}, TaskState.GENERATING),
    ({"state": "expired", "completeTime": WHEN}, TaskState.FAIL),
    ({"state": "expired", "completeTime": str(WHEN)}, TaskState.FAIL),
    ({"state": "expired", "completeTime": "2026-05-03T10:25:00Z"}, TaskState.FAIL),
    ({"state": "expired", "completeTime": "0001-01-01T00:00:00Z"}, TaskState.UNKNOWN),
    ({"state": "expired", "completeTime": "1970-01-01T00:00:00Z"}, TaskState.UNKNOWN),
    ({"state": "cancelled", "failMsg": "by user"}, TaskState.FAIL),
    ({"state": "cancelled", "failCode": 499}, TaskState.FAIL),
    ({"state": "rejected", "failCode": "SENSITIVE_WORD_ERROR"}, TaskState.FAIL),
    ({"state": "done", **LINKS}, TaskState.SUCCESS),
    ({"state": "done", "completeTime": WHEN, "failMsg": "slow", **LINKS}, TaskState.SUCCESS),
    ({"completeTime": WHEN}, TaskState.FAIL),
    ({"state": 7, **LINKS}, TaskState.SUCCESS),
    ({"state": "generating", **LINKS}, TaskState.SUCCESS),
    ({"state": "fail", **LINKS}, TaskState.FAIL),
    *(({"state": state}, TaskState.UNKNOWN) for state in NO_STATES),
    *(({"state": "paused", "failMsg": reason}, TaskState.UNKNOWN) for reason in NO_REASONS),
    *(({"state": "paused", "failCode": reason}, TaskState.UNKNOWN) for reason in ("", "0", 0, None, "200", 200, False)),
    *(({"state": "paused", "completeTime": time}, TaskState.UNKNOWN) for time in (0, "0", None, "", -1, "soon")),
    ({"state": "paused", "resultJson": '{"resultUrls":[]}'}, TaskState.UNKNOWN),
    ({"state": "waiting", "failMsg": "upstream is busy, trying again"}, TaskState.FAIL),
    ({"state": "queuing", "completeTime": WHEN}, TaskState.FAIL),
    ({"state": "generating", "failCode": "500", "completeTime": WHEN}, TaskState.FAIL),
    ({"state": "generating", "failMsg": "ok", "failCode": 0}, TaskState.GENERATING),
]


@pytest.mark.parametrize(("told", "state"), STATES)
@pytest.mark.parametrize("usual", [True, False])
def test_a_task_has_ended_when_its_record_tells_an_end(told: dict[str, Any], state: TaskState, usual: bool) -> None:
    """Also where all is as documented but the word, which the short way reads."""
    record = read({"taskId": "t", "model": "m", **({} if usual else {"progress": "odd"}), **told})
    assert record.state is state
    assert record.lacks_links is (state is TaskState.SUCCESS and not record.urls)


@pytest.mark.parametrize(
    ("told", "in_doubt"),
    [
        ({"state": "fail"}, None),
        ({"state": "expired", "completeTime": WHEN}, None),
        ({"state": " Cancelled", "completeTime": WHEN}, None),
        ({"state": "odd", "failMsg": "content policy"}, None),
        ({"state": "waiting", "failMsg": "content policy", "completeTime": WHEN}, None),
        ({"state": "odd"}, None),
        ({"state": "Finished", "completeTime": WHEN}, "Finished"),
        ({"completeTime": WHEN}, ""),
        ({"state": "", "completeTime": WHEN}, ""),
        ({"state": "waiting", "failMsg": "upstream is busy, trying again"}, "waiting"),
        ({"state": "Queuing", "completeTime": WHEN}, "Queuing"),
        ({"state": "Queuing", "completeTime": WHEN, **LINKS}, None),
    ],
)
@pytest.mark.parametrize("usual", [True, False])
def test_an_end_that_is_shown_in_part_is_in_doubt(told: dict[str, Any], in_doubt: str | None, usual: bool) -> None:
    record = read({"taskId": "t", "model": "m", **({} if usual else {"progress": "odd"}), **told})
    assert record.provider_state == in_doubt
    assert record.is_doubtful is (in_doubt is not None)


TOKENED = "https://me/wan?a=1&wan_token=s3cret-_&b=2"


def test_a_callback_urls_token_is_not_shown() -> None:
    record = read({"taskId": "t", "param": json.dumps({"model": "m", "callBackUrl": TOKENED, "input": "{}"})})
    assert record.request == {"model": "m", "callBackUrl": "https://me/wan?a=1&b=2", "input": {}}
    assert callback_url_of(record.request) == TOKENED
    kept = TaskRecord(task_id="t", request={"callBackUrl": TOKENED})  # as an older journal has it
    for one in (record, kept):
        twin, reread = pickle.loads(pickle.dumps(one)), msgspec.json.decode(msgspec.json.encode(one), type=TaskRecord)
        assert one == twin == reread
        for shown in (repr(one), str(msgspec.json.encode(one)), str(pickle.dumps(one)), str(copy.deepcopy(one))):
            assert "s3cret" not in shown
            assert "wan_token" not in shown


@pytest.mark.parametrize("as_text", [True, False])
def test_the_token_is_not_shown_wherever_the_record_quotes_it(as_text: bool) -> None:
    param: Any = {"model": "m", "callBackUrl": TOKENED, "webhook": TOKENED, "input": {"notify": [TOKENED, 5]}}
    words = f"could not call {TOKENED}, gave up; is it up? no: https://me/wan?wan_token=s3cret"
    record = read(
        {"taskId": "t", "param": json.dumps(param) if as_text else param, "failMsg": words, "failCode": words}
    )
    shown = f"{record!r} {msgspec.json.encode(record)!r} {record._repr_html_()}"  # pyright: ignore[reportPrivateUsage]
    assert "s3cret" not in shown
    assert "wan_token" not in shown
    assert record.request is not None
    assert record.request["input"] == {"notify": ["https://me/wan?a=1&b=2", 5]}
    assert (record.fail_message or "").startswith("could not call https://me/wan?a=1&b=2, gave up; is it up")
    assert callback_url_of(record.request) == TOKENED


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://me/wan?wan_token=x&wan_token=y#top", "https://me/wan#top"),
        ("called https://me/wan?wan_token=x: no", "called https://me/wan?: no"),
        ("is it up?", "is it up?"),
        ("https://me/wan?wan_token=x", "https://me/wan"),
        ("https://me/wan?wan_token=x&b=2", "https://me/wan?b=2"),
        ("https://me/wan?a=1&wan_token=x", "https://me/wan?a=1"),
        ("https://me/wan?a=1&wan_token=x&wan_token=y", "https://me/wan?a=1"),
        ("https://me/wan_token=x", "https://me/wan_token=x"),
    ],
)
def test_what_is_shown_of_a_callback_url(url: str, shown: str) -> None:
    assert without_token(url) == shown


def test_the_first_link_is_in_the_json() -> None:
    record = read({"taskId": "t", "state": "success", "resultJson": '{"resultUrls":["u","v"]}'})
    assert json.loads(msgspec.json.encode(record))["url"] == record.url == "u"
    assert msgspec.json.decode(b'{"task_id":"t","urls":["u"]}', type=TaskRecord).url == "u"
    assert msgspec.structs.replace(record, urls=()).url is None


def nested(levels: int) -> Any:
    value: Any = "core"
    for _ in range(levels):
        value = {"a": [value]}
    return value


@pytest.mark.parametrize("levels", [3, 100, 450])
@pytest.mark.parametrize("as_text", [True, False])
def test_whatever_was_read_can_be_written(levels: int, as_text: bool) -> None:
    asked = {"prompt": "a fox", "deep": nested(levels)}
    param = {"model": "m", "input": json.dumps(asked) if as_text else asked}
    record = read({"taskId": "t", "model": "m", "state": "success", "param": json.dumps(param) if as_text else param})
    assert record.request is not None
    assert record.request["input"]["prompt"] == "a fox"
    assert ("core" in str(record)) is (levels == 3)
    for twin in (
        pickle.loads(pickle.dumps(record)),
        copy.deepcopy(record),
        msgspec.json.decode(msgspec.json.encode(record), type=TaskRecord),
    ):
        assert twin == record


LEFT_EMPTY: dict[str, tuple[str, list[Any]]] = {
    "failCode": ("fail_code", [None, "", True, [], {}]),
    "failMsg": ("fail_message", [None, "", ["why"]]),
    "costTime": ("cost_time", [None, "", "x", True, [], -1, "-0.5", "nan", "inf", 10**400]),
    "creditsConsumed": ("credits", [None, -5, False]),
    "progress": ("progress", [-1, 101, 1e300, "half", None, False]),
    "completeTime": ("completed_at", [None, -1, 1e300, 10**30, "2026-05-03", True, {}]),
    "param": ("request", ["", "{", "[]", "5", None, [], "[" * 100_000]),
}
NO_LINKS: list[object] = ["", "{", "[]", "5", None, 5, {}, '{"resultUrls":"u"}', "[" * 100_000, "soon", "https://"]
BARE_LINKS: list[object] = [
    "https://x/1 a.mp4",
    " HTTPS://x/1\n",
    '"https://x/1"',
    '["https://x/1"]',
    ["https://x/1"],
    '{"resultUrls":"https://x/1"}',
    {"resultUrls": '["https://x/1"]'},
    {"resultUrls": [{"url": "https://x/1"}]},
    {"resultUrls": None, "resultUrl": "https://x/1"},
    {"resultUrls": {"url": "https://x/1"}},
    json.dumps(json.dumps({"resultUrls": ["https://x/1"]})),
]
CASES: list[tuple[str, Any, str, object]] = [
    *((field, bad, attribute, None) for field, (attribute, values) in LEFT_EMPTY.items() for bad in values),
    ("completeTime", "2026-05-03T10:25:00.001Z", "completed_at", datetime(2026, 5, 3, 10, 25, 0, 1000, tzinfo=UTC)),
    ("createTime", " 2026-05-03 12:25:00+02:00", "created_at", datetime(2026, 5, 3, 10, 25, tzinfo=UTC)),
    ("createTime", "2026-05-03 10:25:00", "created_at", datetime(2026, 5, 3, 10, 25, tzinfo=UTC)),
    ("completeTime", "0001-01-01T00:00:00Z", "completed_at", None),
    *(("resultJson", bad, "urls", ()) for bad in NO_LINKS),
    ("resultJson", "https://x/1\nhttps://x/2", "urls", ("https://x/1", "https://x/2")),
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


@pytest.mark.parametrize("result", BARE_LINKS)
@pytest.mark.parametrize("state", ["success", "odd"])
def test_links_in_other_clothes_are_links(result: object, state: str) -> None:
    record = read({"taskId": "t", "model": "m", "state": state, "resultJson": result})
    assert (record.url or "").lower().startswith("https://x/1")
    assert record.state is TaskState.SUCCESS


@pytest.mark.parametrize(
    "elsewhere",
    [
        {"response": {"resultUrls": ["https://x/1"]}},
        {"result": "https://x/1"},
        {"resultUrls": ["https://x/1"], "resultJson": "{}"},
        {"resultJson": '{"videoUrl":"https://x/1"}'},
        {"resultJson": '{"url":"https://x/1"}'},
        {"resultJson": '{"video":{"url":"https://x/1","size":5}}'},
        {"resultJson": '{"images":["https://x/0"]}', "output": {"videos": [{"url": "https://x/1"}]}},
        {"resultJson": '{"url":"https://x/0"}', "response": {"resultUrls": ["https://x/1"]}},
    ],
)
def test_links_elsewhere_are_those_of_a_success(elsewhere: dict[str, Any]) -> None:
    assert read({"taskId": "t", "model": "m", "state": "success", **elsewhere}).urls == ("https://x/1",)
    running = read({"taskId": "t", "model": "m", "state": "waiting", **elsewhere})
    assert running.state is (TaskState.SUCCESS if "videoUrl" in str(elsewhere) else TaskState.WAITING)


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
    try:
        record = read_record(Answer(200, body.encode()), "t")
    except ResponseError as error:
        assert "another task" in str(error)  # noqa: PT017 - the other outcome
        return
    assert msgspec.convert(msgspec.to_builtins(record, builtin_types=[datetime]), TaskRecord) == record
    assert type(record.state) is TaskState
    assert record.task_id == "t"
    assert record.state is TaskState.FAIL or code == 200
    assert all(record.urls)
    for number in (record.cost_time, record.credits):
        assert number is None or (type(number) is float and 0 <= number < math.inf)
    for moment in (record.created_at, record.completed_at):
        assert moment is None or (moment.tzinfo is UTC and moment.year >= 1970)
    assert record.progress is None or 0 <= record.progress <= 100
    assert "" not in {record.fail_code, record.fail_message}
    assert pickle.loads(pickle.dumps(record)) == record
