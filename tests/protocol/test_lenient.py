"""The lenient reader: an id or an end that came is not lost by a character that strict JSON refuses."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wan_async import (
    ApiError,
    AuthenticationError,
    InsufficientCreditsError,
    RateLimitError,
    ResponseError,
    TaskState,
)
from wan_async._protocol import Answer
from wan_async._protocol.answers import read_created, read_credits, read_record, read_stored
from wan_async._protocol.callbacks import read_callback
from wan_async._protocol.lenient import read

ODD = {
    "half an emoji": rb'"too long \ud83d"',
    "the other half": rb'"\ude00 cut"',
    "two halves in the wrong order": rb'"\ude00\ud83d"',
    "half before a whole": rb'"\ud83d\ud83d\ude00"',
    "half a letter": b'"caf\xc3"',
    "no UTF-8 at all": b'"\xff\xfe"',
    "a raw tab and line": b'"a\tb\nc"',
    "a raw zero": b'"a\x00b"',
    "NaN": b"NaN",
    "infinities": b"[Infinity, -Infinity]",
    "a number beyond all": b"1e999",
    "an integer of 5000 digits": b"9" * 5000,
    "an escape of another language": rb'"a\x41\e[0m"',
    "an escape that was cut": rb'"too long \u12"',
    "nan of another language": b"[nan, -nan, inf, +1, .5, 1., 0x1F, 0123]",
    "words of other languages": b"[True, None, undefined]",
    "single quotes": b"'single'",
    "commas before nothing": b"[1,2, ]",
    "commas after nothing": b'{,"a":1,,"b":2,}',
    "nothing after a name": b'{"a":,"b": }',
    "a comment": b"null/*c*/",
}


@pytest.mark.parametrize("name", ODD)
def test_an_odd_character_hides_neither_id_nor_end(name: str) -> None:
    odd = ODD[name]
    body = b'{"extra":%s,"code":200,"msg":"ok","data":{"odd":%s,"taskId":"t","state":"success"}}' % (odd, odd)
    assert read_created(Answer(200, body)) == "t"
    record = read_record(Answer(200, body), "t")
    assert record.state is TaskState.SUCCESS
    assert read_callback({}, body, (), 0.0).task_id == "t"
    assert read_credits(Answer(200, b'{"code":200,"odd":%s,"data":2.5}' % odd)) == 2.5
    assert read_stored(Answer(200, b'{"odd":%s,"code":200,"data":{"downloadUrl":"https://x/y"}}' % odd)).url
    msgspec.json.encode(record)


@pytest.mark.parametrize("name", ODD)
def test_an_odd_character_in_the_texts_within_hides_no_link(name: str) -> None:
    odd = ODD[name].decode(errors="replace")
    data = {
        "taskId": "t",
        "model": "m",
        "state": "success",
        "resultJson": f'{{"odd":{odd},"resultUrls":["https://x/1.mp4"]}}',
        "param": json.dumps({"model": "m", "input": f'{{"prompt":"a fox","odd":{odd}}}'}),
    }
    record = read_record(Answer(200, json.dumps({"code": 200, "data": data}).encode()), "t")
    assert record.url == "https://x/1.mp4"
    assert record.request is not None
    assert record.request["input"]["prompt"] == "a fox"
    msgspec.json.encode(record)


CREATED: list[bytes] = [
    b'\xef\xbb\xbf{"code":200,"data":{"taskId":"t"}}',
    '{"code":200,"data":{"taskId":"t"}}'.encode("utf-16"),
    b'{"code":"200","data":{"taskId":"t"}}',
    b'{"code":" 200 ","data":{"taskId":"t"}}',
    b'{"code":200.0,"data":{"taskId":"t"}}',
    b'{"code":"200.0","data":{"taskId":"t"}}',
    b'{"code":null,"data":{"taskId":"t"}}',
    b'{"code":"OK","data":{"taskId":"t"}}',
    b'{"data":{"taskId":"t"}}',
    b'{"success":true,"data":{"taskId":"t","recordId":"r"}}',
    b'{"taskId":"t"}',
    b'{"code":200,"taskId":"t"}',
    b'{"code":200,"data":{"task_id":"t"}}',
    b'{"code":200,"data":{"recordId":"t"}}',
    b'{"code":200,"data":{"recordId":"r","task_id":"t"}}',
    b'{"code":200,"data":{"recordId":"r","task_id":"t","taskId":""}}',
    b'{"code":200,"data":{"recordId":"t","taskId":null}}',
    rb'{"code":200,"data":{"recordId":"t","taskId":"cut \ud83d"}}',
    b'{"code":200,"data":{},"taskId":"t"}',
    b'{"code":200,"data":[{"taskId":"t"}]}',
    rb'{"code":200,"data":"{\"taskId\":\"t\"}"}',
    b'{"code":200,"data":{"data":{"taskId":"t"}}}',
    b'{"code":200,"data":{"user":{"id":"u"},"task":{"recordId":"t"}}}',
    b'[{"code":200,"data":{"taskId":"t"}}]',
    b'\r\n {"code":200,"data":{"taskId":"t"}}\0',
    b'{"code":200,"data":{"taskId":"t"}}<!-- cached -->',
]


@pytest.mark.parametrize("body", CREATED)
@pytest.mark.parametrize("status", [200, 302, 500, 502])
def test_an_id_without_a_verdict_against_it_is_created(body: bytes, status: int) -> None:
    assert read_created(Answer(status, body)) == "t"


@pytest.mark.parametrize("end", ['"', '","recordId":"t', '"}', '"},"msg":"half \\"'])
def test_an_answer_that_was_cut_behind_the_id_is_created(end: str) -> None:
    assert read_created(Answer(200, f'{{"code":200,"data":{{"taskId":"t-1{end}'.encode())) == "t-1"


@pytest.mark.parametrize(
    "body",
    [
        b'{"code":200,"data":{"taskId":"t',
        b'{"code":500,"data":{"taskId":"t"',
        b'{"code":"429","data":{"taskId":"t"',
        b'<p>{"code":200,"data":{"taskId":"t"',
        rb'{"msg":"no \"taskId\": \"t\" here',
    ],
)
def test_an_answer_that_was_cut_before_the_id_leaves_the_fate_open(body: bytes) -> None:
    with pytest.raises(ResponseError):
        read_created(Answer(200, body))


@pytest.mark.parametrize("levels", [90, 500, 980, 1500])
@pytest.mark.parametrize(("begin", "end"), [("[", "]"), ('{"a\\"[":', "}")])
def test_what_nests_too_deep_hides_neither_id_nor_end(levels: int, begin: str, end: str) -> None:
    deep = f"{begin * levels}1{end * levels}".encode()
    links = rb'"{\"resultUrls\":[\"https://x/1.mp4\"]}"'
    body = b'{"deep":%s,"code":200,"msg":%s,"data":{"odd":%s,"taskId":"t","state":"done","resultJson":%s,"failMsg":%s}}'
    answer = Answer(200, body % (deep, deep, deep, links, deep))
    assert read_created(answer) == "t"
    record = read_record(answer, "t")
    assert record.url == "https://x/1.mp4"
    msgspec.json.encode(record)
    assert read_callback({}, answer.body, (), 0.0).task_id == "t"


def test_an_answer_of_hardly_anything_but_brackets_hides_neither() -> None:
    deep = b"[" * 200_000 + b"]" * 200_000
    body = b'{"odd":%s,"code":200,"data":{"taskId":"t","state":"fail","failMsg":%s}}' % (deep, deep)
    assert read_created(Answer(200, body)) == "t"
    assert read_record(Answer(200, body), "t").state is TaskState.FAIL


@pytest.mark.parametrize("code", ['"429"', "429.0", '"429.0"', '" 429"'])
def test_a_code_as_text_is_a_verdict(code: str) -> None:
    for reader in (read_created, read_record, read_credits):
        with pytest.raises(RateLimitError):
            reader(Answer(200, f'{{"code":{code},"data":{{"taskId":"t"}}}}'.encode()))
    with pytest.raises(AuthenticationError):
        read_created(Answer(200, b'{"code":"401","msg":"no"}'))
    with pytest.raises(InsufficientCreditsError):
        read_created(Answer(200, rb'{"code":"500","msg":"Credits insufficient \ud83d"}'))
    assert read_record(Answer(200, b'{"code":"501"}'), "t").state is TaskState.FAIL


@pytest.mark.parametrize("status", [401, 403, 404, 429])
def test_a_status_is_a_verdict_against_an_id_without_a_code(status: int) -> None:
    with pytest.raises(ApiError):
        read_created(Answer(status, b'{"data":{"taskId":"t"}}'))


@pytest.mark.parametrize("body", [b'{"data":{}}', b'{"data":{"state":"success"}}', b'{"detail":"Not Found"}', b"<p>"])
@pytest.mark.parametrize("status", [200, 401, 403, 404, 500, 503])
def test_what_names_no_task_and_has_no_code_is_no_record(body: bytes, status: int) -> None:
    with pytest.raises(ResponseError):
        read_record(Answer(status, body), "t")


def test_a_record_without_a_code_is_read() -> None:
    assert read_record(Answer(200, b'{"data":{"taskId":"t","state":"success"}}'), "t").state is TaskState.SUCCESS
    assert read_record(Answer(200, b'{"task_id":"t","state":"FAIL"}'), "t").state is TaskState.FAIL


JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)


@given(JSON, st.booleans(), st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]))
def test_what_is_strict_json_reads_the_same(value: Any, ascii_only: bool, encoding: str) -> None:
    text = json.dumps(value, ensure_ascii=ascii_only)
    assert read(text.encode(encoding)) == value
    assert read(text) == value


@given(st.text(alphabet=st.sampled_from(["\\", "u", "d", "8", "3", "e", "0", '"', "n", "a", "\ud83d"])))
def test_what_was_read_can_be_written(text: str) -> None:
    try:
        value = read(f'["{text}"]'.encode("utf-8", "surrogatepass"))
    except ValueError:
        return
    assert read(msgspec.json.encode(value)) == value
