"""(headers, body) → the wake-up or the reason why not, by an independent signature."""

from __future__ import annotations

import hmac
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wan_async import CallbackError
from wan_async._protocol.callbacks import (
    MAX_BODY,
    NotGenuineError,
    TooLargeError,
    WakeUp,
    read_callback,
)
from wan_async._protocol.tokens import token_of, with_token

from ..callbacks.support import KEY, body, signed

NOW = 1_800_000_000.0

names = st.sampled_from(["X-Webhook-Timestamp", "x-webhook-signature", "X-WEBHOOK-SIGNATURE", "content-type"])
headers = st.dictionaries(names | st.text(max_size=5), st.text(max_size=30) | st.just(str(int(NOW))))
ids = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1, max_size=200)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
envelopes = st.fixed_dictionaries(
    {}, optional={"taskId": ids | values, "task_id": ids | values, "data": values, "param": values}
)


def encoded(value: Any) -> bytes:

    return json.dumps(value).encode()


@given(headers, st.binary(max_size=60) | envelopes.map(encoded), st.sampled_from([(), (KEY,), (KEY, "older")]))
def test_anything_is_a_wake_up_or_a_callback_error(given_headers: dict[str, str], text: bytes, keys: Any) -> None:
    try:
        wake_up = read_callback(given_headers, text, keys, NOW)
    except CallbackError:
        return
    assert not keys, "nothing of this was signed"
    assert 1 <= len(wake_up.task_id) <= 200


@given(ids, st.integers(-300, 300))
def test_what_is_signed_in_time_is_genuine(task_id: str, ago: int) -> None:
    wake_up = read_callback(signed(task_id, at=NOW - ago), body(task_id), [KEY], NOW)
    assert wake_up.task_id == task_id
    assert wake_up.proof == signed(task_id, at=NOW - ago)["X-Webhook-Signature"]


@given(ids, st.integers(301, 10**7) | st.integers(-(10**7), -301))
def test_what_is_stale_or_of_the_future_is_not(task_id: str, ago: int) -> None:
    with pytest.raises(NotGenuineError, match="stale"):
        read_callback(signed(task_id, at=NOW - ago), body(task_id), [KEY], NOW)


@given(ids, ids, st.text(min_size=1, max_size=20).filter(lambda key: key != KEY and key.isascii()))
def test_no_other_key_and_no_other_task_is_genuine(task_id: str, other: str, key: str) -> None:
    with pytest.raises(NotGenuineError, match="wrong"):
        read_callback(signed(task_id, key, at=NOW), body(task_id), [KEY], NOW)
    if other != task_id:
        with pytest.raises(NotGenuineError, match="wrong"):
            read_callback(signed(other, at=NOW), body(task_id), [KEY], NOW)


def test_each_of_several_keys_is_good_and_a_withdrawn_one_is_not() -> None:
    for key in ("new", "old"):
        assert read_callback(signed("t", key, at=NOW), body("t"), ["new", "old"], NOW).task_id == "t"
    with pytest.raises(NotGenuineError):
        read_callback(signed("t", "old", at=NOW), body("t"), ["new"], NOW)


def test_signatures_are_compared_in_constant_time_with_every_key(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[tuple[bytes, bytes]] = []

    def compare(one: bytes, other: bytes) -> bool:
        compared.append((one, other))
        return one == other

    monkeypatch.setattr(hmac, "compare_digest", compare)
    read_callback(signed("t", "a", at=NOW), body("t"), ["a", "b", "c"], NOW)
    assert len(compared) == 3


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"X-Webhook-Signature": ""}, "not signed"),
        ({"X-Webhook-Timestamp": ""}, "not signed"),
        ({"X-Webhook-Timestamp": "soon"}, "no Unix time"),
        ({"X-Webhook-Timestamp": "²"}, "no Unix time"),
        ({"X-Webhook-Timestamp": "9" * 5000}, "no Unix time"),
        ({"X-Webhook-Signature": "\udcff\udc80"}, "wrong"),
        ({"X-Webhook-Signature": "é" * 20}, "wrong"),
    ],
)
def test_a_broken_header_is_told(changed: dict[str, str], why: str) -> None:
    with pytest.raises(NotGenuineError, match=why):
        read_callback({**signed("t", at=NOW), **changed}, body("t"), [KEY], NOW)


@pytest.mark.parametrize(
    "text",
    [
        *(b"", b"[]", b"null", b"{", b"[" * 100_000, b"{}", b"\xff\xfe"),
        *(b'{"data": {}}', b'{"data": {"taskId": ""}}', b'{"task_id": ""}', b'{"taskId": true}'),
        *(b'{"taskId": "a\\u0000b"}', b'{"taskId": "' + b"x" * 201 + b'"}'),
    ],
)
def test_a_body_that_names_no_task_is_told(text: bytes) -> None:
    with pytest.raises(CallbackError, match=r"no JSON object|names no task"):
        read_callback({}, text, [], NOW)


def test_both_spellings_and_both_depths_of_the_id_are_read() -> None:
    for text in (b'{"taskId": "t"}', b'{"task_id": "t"}', b'{"data": {"taskId": "t"}}', b'{"data": {"task_id": "t"}}'):
        assert read_callback({}, text, [], NOW) == WakeUp("t")


def test_a_body_over_a_mebibyte_is_not_read() -> None:
    padding = MAX_BODY - len(body("t", pad=""))
    assert read_callback({}, body("t", pad="x" * padding), [], NOW).task_id == "t"
    with pytest.raises(TooLargeError):
        read_callback({}, body("t", pad="x" * (padding + 1)), [], NOW)


@given(st.sampled_from(["https://h/wan", "https://h/wan?a=b", "https://h?x", "https://h/wan?wan_token=mine"]))
def test_a_token_comes_back_from_the_url_that_carries_it(url: str) -> None:
    assert token_of(with_token(url, "tok-_9")) == "tok-_9"


@pytest.mark.parametrize(
    "url", [None, "", "https://h/wan", "https://h/?wan_token=", "?wan_token=" + "x" * 65, "?wan_token=a b"]
)
def test_what_is_no_token_is_none(url: str | None) -> None:
    assert token_of(url) is None


def test_the_token_is_read_from_the_record_in_the_body() -> None:
    param = '{"model": "m", "input": "{}", "callBackUrl": "https://h/wan?wan_token=abc"}'
    assert read_callback({}, body("t", param=param), [], NOW).token == "abc"
    assert read_callback({}, body("t", param="{"), [], NOW).token is None
