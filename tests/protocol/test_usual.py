"""The short way through a usual answer gives what the long way gives, or leaves it to the long way."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from wan_async._protocol import Answer
from wan_async._protocol.answers import read_created, read_record
from wan_async._protocol.records import from_wire, usual_record

texts = st.sampled_from(["", "a", "success", "waiting", "9", "ü"])
numbers = st.one_of(
    st.integers(-2, 200), st.sampled_from([0.5, -0.5, 1e300, 253402300799999, 253402300800000, 10**400, True])
)
results = st.sampled_from(["", "{", "[]", '{"resultUrls":["a",""]}', '{"resultUrls":[1]}', '{"resultUrls":null}', "{}"])
params = st.sampled_from(["", "{", "[]", '{"model":"m","input":"{\\"prompt\\":\\"a\\"}"}', '{"input":7}'])
odd = st.one_of(st.none(), st.booleans(), texts, numbers, st.just([1]), st.just({"a": 1}))
USUAL: dict[str, Any] = {"taskId": "t", "model": "m", "state": "success", "resultJson": '{"resultUrls":["u"]}'}
FIELDS: dict[str, st.SearchStrategy[Any]] = {
    "taskId": texts,
    "task_id": texts,
    "model": texts,
    "state": texts,
    "param": params,
    "resultJson": results,
    "failCode": st.one_of(texts, st.integers(0, 600)),
    "failMsg": texts,
    "costTime": numbers,
    "createTime": numbers,
    "completeTime": numbers,
    "creditsConsumed": numbers,
    "progress": numbers,
}
changes = st.sampled_from(list(FIELDS)).flatmap(lambda name: st.tuples(st.just(name), st.one_of(FIELDS[name], odd)))
records = st.lists(changes, max_size=3).map(lambda changed: {**USUAL, **dict(changed)})


@example({**USUAL, "resultJson": '{"resultUrls":["a",""]}'})
@example({**USUAL, "createTime": 253402300800000})
@example({**USUAL, "completeTime": 253402300799999})
@settings(max_examples=400)
@given(records)
def test_both_ways_give_the_same_record(data: dict[str, Any]) -> None:
    body = msgspec.json.encode({"code": 200, "data": data})
    record = usual_record(body)
    if record is not None:
        assert record == from_wire(msgspec.json.decode(body)["data"])


def test_the_usual_goes_the_short_way() -> None:
    record = usual_record(msgspec.json.encode({"code": 200, "data": {**USUAL, "costTime": 56}}))
    assert record is not None
    assert (record.task_id, record.urls, record.cost_time) == ("t", ("u",), 56.0)


@pytest.mark.parametrize("code", [501, 408, 0])
def test_another_code_is_never_usual(code: int) -> None:
    body = msgspec.json.encode({"code": code, "data": {"taskId": "t", "model": "m", "state": "success"}})
    assert usual_record(body) is None


@pytest.mark.parametrize("data", [{"taskId": 7}, {"taskId": "7"}])
def test_an_id_is_read_whether_text_or_number(data: dict[str, object]) -> None:
    assert read_created(Answer(200, msgspec.json.encode({"code": 200, "data": data}))) == "7"


def test_an_unusual_record_is_read_all_the_same() -> None:
    body = msgspec.json.encode({"code": 200, "data": {"taskId": 7, "state": "fail", "failCode": 501}})
    record = read_record(Answer(200, body))
    assert (record.task_id, record.fail_code) == ("7", "501")
