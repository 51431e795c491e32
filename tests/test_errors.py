"""The errors: their tree, their words, and that they cross process boundaries whole."""

from __future__ import annotations

import copy
import inspect
import json
import pickle
import re
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

import wan_async
from wan_async import (
    ApiError,
    AuthenticationError,
    BudgetExceededError,
    InvalidInputError,
    JournalError,
    Outcome,
    RateLimitError,
    ResponseError,
    SubmissionUnknownError,
    TaskFailedError,
    TaskRecord,
    TaskState,
    TaskTimeoutError,
    TransportError,
    WanError,
    errors,
)
from wan_async._words import shown

TREE: dict[str, tuple[type[Exception], ...]] = {
    "WanError": (Exception,),
    "ConfigurationError": (WanError, ValueError),
    "InvalidInputError": (WanError, ValueError),
    "TransportError": (WanError,),
    "SubmissionUnknownError": (TransportError,),
    "ResponseError": (WanError,),
    "ApiError": (WanError,),
    "AuthenticationError": (ApiError,),
    "InsufficientCreditsError": (ApiError,),
    "NotFoundError": (ApiError,),
    "RejectedError": (ApiError,),
    "RateLimitError": (ApiError,),
    "KeyQuotaError": (ApiError,),
    "MaintenanceError": (ApiError,),
    "ServerError": (ApiError,),
    "FeatureDisabledError": (ApiError,),
    "TaskFailedError": (WanError,),
    "TaskTimeoutError": (WanError, TimeoutError),
    "ClientClosedError": (WanError,),
    "CallbackError": (WanError,),
    "JournalError": (WanError,),
    "BudgetExceededError": (WanError,),
}
CLASSES: dict[str, type[WanError]] = {name: getattr(errors, name) for name in errors.__all__}
FAILED = TaskRecord(task_id="t1", state=TaskState.FAIL, fail_code="500", fail_message="bad\nimage", request={"a": [1]})
SENT_AT = datetime(2026, 8, 1, 12, tzinfo=UTC)

SAMPLES: list[tuple[WanError, dict[str, Any], str]] = [
    *(
        (CLASSES[name]("what\n happened"), {}, "what\n happened")
        for name in ("WanError", "ConfigurationError", "ClientClosedError", "CallbackError", "JournalError")
    ),
    (
        InvalidInputError("seed", -1, "an integer"),
        {"field": "seed", "given": -1, "allowed": "an integer"},
        "seed: -1 is not allowed; allowed: an integer",
    ),
    (TransportError("no\nroute"), {"message": "no\nroute", "sent": True}, "no route"),
    (TransportError("refused", False), {"message": "refused", "sent": False}, "refused"),
    (
        SubmissionUnknownError("reset"),
        {"message": "reset", "sent": True, "sent_at": None},
        "reset; the provider may have created the task and may charge it; it was not sent again",
    ),
    (
        SubmissionUnknownError("reset", SENT_AT),
        {"message": "reset", "sent": True, "sent_at": SENT_AT},
        "reset (sent 2026-08-01T12:00:00+00:00); the provider may have created the task and may charge it; it was not"
        " sent again",
    ),
    (
        SubmissionUnknownError("HTML", SENT_AT, "<html>"),
        {"message": "HTML", "sent_at": SENT_AT, "answer": "<html>"},
        "HTML (sent 2026-08-01T12:00:00+00:00); the provider may have created the task and may charge it; it was not"
        " sent again",
    ),
    (
        ResponseError("unreadable", 502, b"<html>\n" + b"x" * 5000),
        {
            "message": "unreadable",
            "status": 502,
            "body": b"<html>\n" + b"x" * 1017,
            "answer": "<html>\n" + "x" * 1017,
        },
        f"unreadable (HTTP 502, body b'<html>\\n{'x' * 193}')",
    ),
    *(
        (
            CLASSES[name](599, "bad\n\tthing", 503),
            {"code": 599, "message": "bad\n\tthing", "status": 503},
            "599: bad thing",
        )
        for name, bases in TREE.items()
        if name == "ApiError" or bases == (ApiError,)
    ),
    (ApiError(0), {"code": 0, "message": "", "status": 200}, "0: no message"),
    (
        RateLimitError(429, "slow", 200, 2.5),
        {"code": 429, "message": "slow", "status": 200, "retry_after": 2.5},
        "429: slow",
    ),
    (TaskFailedError(FAILED), {"record": FAILED}, "task t1 failed [500]: bad image"),
    (
        TaskFailedError(TaskRecord(task_id="t2")),
        {"record": TaskRecord(task_id="t2")},
        "task t2 failed: no reason was given",
    ),
    (
        TaskTimeoutError("t1"),
        {"task_id": "t1"},
        "task t1 is not finished yet; it still runs and can be waited for again",
    ),
    (
        BudgetExceededError(1234567.5, 1e6),
        {"max_credits": 1234567.5, "committed": 1e6},
        "the next submission could exceed max_credits=1234567.5 (committed: 1000000)",
    ),
]


def test_the_tree() -> None:
    assert {name: cls.__bases__ for name, cls in CLASSES.items()} == TREE
    assert {name: getattr(wan_async, name) for name in CLASSES} == CLASSES
    assert set(CLASSES) == {
        name for name, value in vars(errors).items() if inspect.isclass(value) and name.endswith("Error")
    }


def test_the_docstring_draws_the_tree() -> None:
    drawn: list[tuple[str, str]] = []
    path: list[str] = []
    for line in (errors.__doc__ or "").splitlines():
        if match := re.match(r"([│├└─ ]*)(\w+Error)\b(.*)", line):
            depth, name = len(match[1]) // 4, match[2]
            path[depth:] = [name]
            drawn.append((name, path[depth - 1] if depth else "Exception"))
            also = {"ValueError", "TimeoutError"} & {base.__name__ for base in CLASSES[name].__bases__}
            assert all(f"also a {base}" in match[3] for base in also)
    assert drawn == [(name, bases[0].__name__) for name, bases in TREE.items()]


def test_each_class_has_a_sample() -> None:
    assert {type(error) for error, _, _ in SAMPLES} == set(CLASSES.values())


@pytest.mark.parametrize(("error", "attributes", "text"), SAMPLES, ids=lambda value: type(value).__name__)
def test_its_data_and_words(error: WanError, attributes: dict[str, Any], text: str) -> None:
    assert {name: getattr(error, name) for name in attributes} == attributes
    assert str(error) == text


@pytest.mark.parametrize("error", [error for error, _, _ in SAMPLES], ids=lambda value: type(value).__name__)
def test_it_survives_pickling_and_copying(error: WanError) -> None:
    protocols = range(pickle.HIGHEST_PROTOCOL + 1)
    twins = [copy.copy(error), copy.deepcopy(error), *(pickle.loads(pickle.dumps(error, n)) for n in protocols)]
    for twin in twins:
        assert type(twin) is type(error)
        assert twin.args == error.args
        assert vars(twin) == vars(error)
        assert str(twin) == str(error)


@pytest.mark.parametrize("error", [error for error, _, _ in SAMPLES], ids=lambda value: type(value).__name__)
def test_its_data_are_its_arguments(error: WanError) -> None:
    again = type(error)(*error.args)
    assert vars(again) == vars(error)
    assert str(again) == str(error)


@pytest.mark.parametrize(
    "given",
    [lambda: None, (one for one in "ab"), [open], re, {"a": object}.keys()],
    ids=["lambda", "generator", "built-in", "module", "keys"],
)
def test_a_refused_value_that_cannot_be_pickled_crosses_as_text(given: object) -> None:
    error = InvalidInputError("prompt", given, "text")
    assert error.given is given
    twin = pickle.loads(pickle.dumps(error))
    assert (twin.field, twin.allowed, type(twin)) == ("prompt", "text", InvalidInputError)
    try:
        pickle.dumps(given)
    except (TypeError, AttributeError, pickle.PicklingError):
        assert twin.given == shown(given)
    else:
        assert twin.given == given


def test_long_values_are_cut() -> None:
    assert shown("x" * 5001) == f"'{'x' * 80}'… (5001 characters)"
    assert shown("x" * 80) == f"'{'x' * 80}'"
    assert shown([0] * 1000) == f"{repr([0] * 1000)[:80]}…"
    assert shown(10**5000) == "<int>"


class Spread:
    def __repr__(self) -> str:
        return "array([\n  1,\r\n  2])"


@given(st.text() | st.binary() | st.lists(st.text() | st.floats()) | st.integers() | st.just(Spread()))
def test_a_shown_value_is_one_short_line(value: object) -> None:
    text = shown(value)
    assert len(text.splitlines()) == 1
    assert len(text) < 900  # 80 characters, each escaped in up to 10
    text.encode()


ENCODED: list[tuple[WanError, str, str]] = [
    (RateLimitError(429, "slow\ndown"), "RateLimitError", "429: slow down"),
    (TaskFailedError(FAILED), "TaskFailedError", "task t1 failed [500]: bad image"),
    (
        AuthenticationError(401, "no", 200, "the key was refused by x"),
        "AuthenticationError",
        "401: no (the key was refused by x)",
    ),
    (
        InvalidInputError("prompt", "cut \ud83d", "text"),
        "InvalidInputError",
        r"prompt: 'cut \ud83d' is not allowed; allowed: text",
    ),
    (JournalError("a\udcff.db"), "JournalError", r"a\udcff.db"),
    (WanError(), "WanError", ""),
]


@pytest.mark.parametrize(("error", "kind", "words"), ENCODED, ids=lambda value: getattr(value, "detail", ""))
def test_msgspec_writes_an_error_as_its_type_and_words(error: WanError, kind: str, words: str) -> None:
    outcome = Outcome(index=0, key="k", input=None, error=error)
    assert json.loads(msgspec.json.encode(outcome))["error"] == {"type": kind, "detail": words}
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(error)) == {"type": kind, "detail": words}


def test_a_refused_key_survives_pickling_with_its_words() -> None:
    for error in (AuthenticationError(401, "no"), AuthenticationError(401, "no", 200, "by x")):
        twin = pickle.loads(pickle.dumps(error))
        assert (twin.args, twin.refused, str(twin)) == (error.args, error.refused, str(error))
