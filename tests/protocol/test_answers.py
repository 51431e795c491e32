"""Answers and what they read as, in a table."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from wan_async import (
    ApiError,
    AuthenticationError,
    FeatureDisabledError,
    InsufficientCreditsError,
    KeyQuotaError,
    MaintenanceError,
    NotFoundError,
    RateLimitError,
    RejectedError,
    ResponseError,
    ServerError,
    TaskRecord,
    TaskState,
    WanError,
)
from wan_async._protocol import Answer
from wan_async._protocol.answers import StoredFile, read_created, read_credits, read_link, read_record, read_stored

Reader = Callable[[Answer], object]
READERS: list[Reader] = [read_created, read_record, read_credits, read_link, read_stored]
SAMPLES: dict[str, dict[str, Any]] = {
    sample["name"]: sample
    for sample in json.loads((Path(__file__).parent.parent / "data" / "samples.json").read_text())
}
ID = "d2bb99162acab500c760565a27e9fc94"


def body_of(sample: dict[str, Any]) -> bytes:
    return sample["text"].encode() if "text" in sample else json.dumps(sample["body"]).encode()


def enveloped(code: object, msg: object = "", data: object = None, *, status: int = 200) -> Answer:
    return Answer(status, json.dumps({"code": code, "msg": msg, "data": data}).encode())


EXPECTED: dict[str, tuple[Reader, object]] = {
    "created": (read_created, ID),
    "throttled": (read_created, RateLimitError),
    "bad-key": (read_created, AuthenticationError),
    "no-credits": (read_created, InsufficientCreditsError),
    "no-credits-as-500": (read_created, InsufficientCreditsError),
    "invalid-as-500": (read_created, RejectedError),
    "unknown-model": (read_created, RejectedError),
    "cdn-block": (read_created, ApiError),
    "pending": (read_record, TaskState.WAITING),
    "success": (read_record, TaskState.SUCCESS),
    "failed": (read_record, TaskState.FAIL),
    "failed-envelope": (read_record, TaskState.FAIL),
    "upstream-gave-up": (read_record, TaskState.FAIL),
    "unknown-or-fresh": (read_record, NotFoundError),
    "message-for-msg": (read_record, TaskState.QUEUING),
    "callback-success": (read_record, TaskState.SUCCESS),
    "callback-failure": (read_record, TaskState.FAIL),
    "credit": (read_credits, 5454.65),
    "uploaded": (read_stored, StoredFile("https://tempfile.example.com/kieai/1/x.mp4", 1318021, "video/mp4")),
}


def test_every_sample_is_expected_to_be_something() -> None:
    assert SAMPLES.keys() == EXPECTED.keys()


@pytest.mark.parametrize("name", EXPECTED)
def test_the_samples(name: str) -> None:
    sample, (reader, expected) = SAMPLES[name], EXPECTED[name]
    answer = Answer(sample.get("status", 200), body_of(sample))
    if isinstance(expected, type):
        with pytest.raises(WanError) as caught:
            reader(answer)
        assert type(caught.value) is expected
    else:
        value = reader(answer)
        assert (value.state if isinstance(value, TaskRecord) else value) == expected


def test_the_services_words_are_kept() -> None:
    with pytest.raises(ApiError) as caught:
        read_created(Answer(403, b"error code: 1010\n"))
    assert caught.value.args == (403, "error code: 1010", 403)
    with pytest.raises(ApiError) as caught:
        read_created(Answer(502, b'{"code": 402, "message": "top up"}'))
    assert caught.value.args == (402, "top up", 502)
    with pytest.raises(ApiError) as caught:
        read_created(enveloped(400, {"field": ["prompt"]}))
    assert caught.value.message == "{'field': ['prompt']}"
    with pytest.raises(ApiError) as caught:
        read_created(enveloped(500, "credit " * 100_000))
    assert len(caught.value.message) == 1000


BY_CODE: list[tuple[int, str, type[ApiError], type[ApiError]]] = [
    (400, "", RejectedError, RejectedError),
    (401, "", AuthenticationError, AuthenticationError),
    (402, "", InsufficientCreditsError, InsufficientCreditsError),
    (403, "", ApiError, ApiError),
    (404, "", NotFoundError, NotFoundError),
    (422, "url is wrong", RejectedError, RejectedError),
    (422, "RecordInfo is NULL", NotFoundError, NotFoundError),
    (429, "", RateLimitError, RateLimitError),
    (433, "", KeyQuotaError, KeyQuotaError),
    (455, "", MaintenanceError, MaintenanceError),
    (500, "", ServerError, ServerError),
    (500, "Server exception, please try again later", ServerError, ServerError),
    (500, "Something went wrong", ServerError, ServerError),
    (500, "Credits insufficient", InsufficientCreditsError, InsufficientCreditsError),
    (500, "Insufficient credit balance", InsufficientCreditsError, InsufficientCreditsError),
    (500, "This field is required", RejectedError, ServerError),
    (500, "prompt is not within the range of allowed options", RejectedError, ServerError),
    (500, "duration is wrong", RejectedError, ServerError),
    (502, "This field is required", ServerError, ServerError),
    (505, "", FeatureDisabledError, FeatureDisabledError),
    (599, "", ServerError, ServerError),
    (600, "", ApiError, ApiError),
    (0, "", ApiError, ApiError),
    (201, "", ApiError, ApiError),
    (-1, "", ApiError, ApiError),
    (10**300, "", ApiError, ApiError),
]


@pytest.mark.parametrize(("code", "message", "creating", "reading"), BY_CODE)
@pytest.mark.parametrize("status", [200, 302, 401, 429, 500, 503])
def test_the_envelopes_code_decides(
    code: int, message: str, creating: type[ApiError], reading: type[ApiError], status: int
) -> None:
    for reader, expected in zip(READERS, (creating, *[reading] * 4), strict=True):
        with pytest.raises(ApiError) as caught:
            reader(enveloped(code, message, {"taskId": ID}, status=status))
        assert type(caught.value) is expected
        assert caught.value.args[:3] == (code, message, status)


@pytest.mark.parametrize("status", [200, 204, 302, 401, 404, 429, 500, 502])
def test_an_envelope_of_200_is_a_success_whatever_the_status(status: int) -> None:
    assert read_created(enveloped(200, data={"taskId": "t"}, status=status)) == "t"
    assert read_record(enveloped(200, data={"taskId": "t"}, status=status)).task_id == "t"
    assert read_credits(enveloped(200, data=-1, status=status)) == -1.0
    assert read_link(enveloped(200, data="https://x/y", status=status)) == "https://x/y"


@pytest.mark.parametrize("code", [408, 501])
def test_only_recordinfo_reads_these_codes_as_the_tasks_end(code: int) -> None:
    record = read_record(enveloped(code, "gave up"), "t")
    assert (record.task_id, record.state, record.fail_code, record.fail_message) == (
        "t",
        TaskState.FAIL,
        str(code),
        "gave up",
    )
    told = read_record(
        enveloped(code, "gave up", {"taskId": "t", "failCode": 9, "failMsg": "why", "state": "success"}), "t"
    )
    assert (told.task_id, told.state, told.fail_code, told.fail_message) == ("t", TaskState.FAIL, "9", "why")
    with pytest.raises(ResponseError, match="another task"):
        read_record(enveloped(code, "gave up", {"taskId": "u"}), "t")
    for reader in (read_created, read_credits, read_link, read_stored):
        with pytest.raises(ApiError, match=f"^{code}: gave up$"):
            reader(enveloped(code, "gave up"))
    with pytest.raises(ResponseError):
        read_record(Answer(code, b"gave up"))


NO_ENVELOPE = [
    b"",
    b"null",
    b"[]",
    b"200",
    b"{}",
    b"<html>\n<h1>502 Bad Gateway</h1>",
    b'{"code":null}',
    b'{"code":"ok"}',
    b'{"code":true}',
    b'{"code":200.5}',
    b'{"code":200',
    b'{"code":200}{}',
    b'{"code":"NaN"}',
    b'{"code":NaN}',
    b'{"code":"\\ud800"}',
    b'{"code":' + b"9" * 5000 + b"}",
    b'{"status":500,"error":"Internal Server Error"}',
    b"[" * 100_000,
    b'{"code":200,"data":' + b"[" * 100_000,
    b'{"code":200,"data":' + b'{"a":' * 100_000,
]
BARE: dict[int, type[WanError]] = {
    **dict.fromkeys(
        [100, 200, 201, 204, 301, 302, 400, 402, 408, 422, 433, 455, 500, 501, 502, 503, 504, 505], ResponseError
    ),
    401: AuthenticationError,
    403: ApiError,
    404: NotFoundError,
    407: ApiError,
    429: RateLimitError,
}


@pytest.mark.parametrize(("status", "expected"), BARE.items())
def test_without_an_envelope_few_statuses_are_verdicts(status: int, expected: type[WanError]) -> None:
    for body in NO_ENVELOPE:
        for reader in READERS:
            with pytest.raises(WanError) as caught:
                reader(Answer(status, body))
            is_gateways = reader is read_record and status in {401, 403, 404, 407}
            assert type(caught.value) is (ResponseError if is_gateways else expected)
            if isinstance(caught.value, ResponseError):
                assert caught.value.args[1:] == (status, body[:1024])
                assert caught.value.answer == body[:1024].decode(errors="replace")


@pytest.mark.parametrize(
    ("data", "task_id"), [({"taskId": 12345}, "12345"), ({"taskId": "t", "x": []}, "t"), ({"taskId": 0}, "0")]
)
def test_a_task_id_is_text(data: object, task_id: str) -> None:
    assert read_created(enveloped(200, "success", data)) == task_id


@pytest.mark.parametrize(
    "data",
    [None, "", "t", 5, [], ["taskId"], {}, {"taskid": "t"}, *({"taskId": bad} for bad in (None, "", True, ["t"], 1.5))],
)
def test_200_without_a_task_id_is_no_verdict(data: object) -> None:
    with pytest.raises(ResponseError, match="without a task id"):
        read_created(enveloped(200, "success", data))


@pytest.mark.parametrize("data", [None, "", []])
def test_200_with_empty_data_says_that_there_is_no_such_task(data: object) -> None:
    with pytest.raises(NotFoundError, match="no record of task t1"):
        read_record(enveloped(200, "success", data), "t1")


@pytest.mark.parametrize("data", ["t", 5, True, False, 0, ["t"]])
def test_200_without_a_record_is_unreadable(data: object) -> None:
    with pytest.raises(ResponseError, match="without a record"):
        read_record(enveloped(200, "success", data))


@pytest.mark.parametrize("data", [None, "", "5", True, [], {}, 10**400, -(10**400)])
def test_200_without_credits_is_unreadable(data: object) -> None:
    with pytest.raises(ResponseError, match="without a number"):
        read_credits(enveloped(200, "success", data))


@pytest.mark.parametrize("data", [None, "", 5, True, [], {"url": "x"}])
def test_200_without_a_link_is_unreadable(data: object) -> None:
    with pytest.raises(ResponseError, match="without a link"):
        read_link(enveloped(200, "success", data))


@pytest.mark.parametrize("data", [None, "https://x", [], {}, {"downloadUrl": ""}, {"downloadUrl": 5}])
def test_200_without_a_stored_file_is_unreadable(data: object) -> None:
    with pytest.raises(ResponseError, match="without a downloadUrl"):
        read_stored(enveloped(200, "success", data))


@pytest.mark.parametrize(("size", "kind"), [(None, None), ("5", 5), (True, ["x"])])
def test_a_stored_files_size_and_type_may_be_missing(size: object, kind: object) -> None:
    data = {"downloadUrl": "https://x/y", "fileSize": size, "mimeType": kind}
    assert read_stored(enveloped(200, "success", data)) == StoredFile("https://x/y", None, None)


def test_of_equal_keys_the_last_counts() -> None:
    assert read_created(Answer(200, b'{"code":429,"code":200,"data":1,"data":{"taskId":"a","taskId":"b"}}')) == "b"
