"""Every error comes back as it was."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from wan_async import errors
from wan_async._journal.errors_json import error_from_json, error_to_json
from wan_async.errors import (
    ApiError,
    BudgetExceededError,
    InvalidInputError,
    RateLimitError,
    ResponseError,
    SubmissionUnknownError,
    TaskFailedError,
    TaskTimeoutError,
    TransportError,
    WanError,
)

from .support import bad

APIS = [getattr(errors, name) for name in errors.__all__ if issubclass(getattr(errors, name), ApiError)]
ERRORS = [
    *[kind(422, "не то", 200) for kind in APIS],
    RateLimitError(429, "slow down", 429, 2.5),
    TransportError("refused", False),
    SubmissionUnknownError("reset", datetime(2026, 1, 2, 3, 4, 5, 678900, UTC)),
    SubmissionUnknownError("reset"),
    ResponseError("HTML", 502, b"<html>\xff"),
    InvalidInputError("prompt", None, "text"),
    InvalidInputError("image_urls", ["a", 1], "one link"),
    TaskTimeoutError("t"),
    BudgetExceededError(10.0, 9.5),
    WanError(),
    WanError("plain"),
]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_round_trip(error: WanError) -> None:
    text = error_to_json(error)
    again = error_from_json(text, None)
    assert type(again) is type(error)
    assert again.args == error.args
    assert str(again) == str(error)
    assert json.loads(text)["message"] == str(error)


def test_a_failed_tasks_record_is_taken_from_its_own_column() -> None:
    text = error_to_json(TaskFailedError(bad("t")))
    again = error_from_json(text, bad("t"))
    assert isinstance(again, TaskFailedError)
    assert again.record == bad("t")
    assert "422" in str(error_from_json(text, None))


def test_what_json_cannot_hold_is_spelled_out() -> None:
    given = error_from_json(error_to_json(InvalidInputError("seed", 1j, "an integer")), None).args[1]
    assert given == "1j"
    assert error_from_json(error_to_json(WanError("clips/\udce9")), None).args == ("clips/\\udce9",)


class OfACaller(TransportError):
    """A subclass that the library does not know."""


def test_an_unknown_type_comes_back_as_the_nearest_that_is_known() -> None:
    assert type(error_from_json(error_to_json(OfACaller("lost", True)), None)) is TransportError
    newer = '{"type": "NewerError", "args": ["a", "b"], "message": "from a newer version"}'
    assert type(error_from_json(newer, None)) is WanError
    misfit = '{"type": "BudgetExceededError", "args": [], "message": "edited by hand"}'
    assert str(error_from_json(misfit, None)) == "edited by hand"
