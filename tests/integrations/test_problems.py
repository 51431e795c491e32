"""Every error as an answer of a web backend."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.routing import Route
from starlette.testclient import TestClient

import wan_async
from wan_async import TaskRecord, TaskState, Wan26ImageToVideo, WanError, errors
from wan_async.integrations.fastapi import exception_handlers
from wan_async.integrations.problems import problem_of

FAILED = TaskRecord(task_id="t", model="m", state=TaskState.FAIL, fail_code="501", fail_message="too dark")

ANSWERS: list[tuple[WanError, int, dict[str, Any], dict[str, str]]] = [
    (errors.InvalidInputError("shots[0]", 3, "1 or 2"), 422, {"field": "shots[0]", "allowed": "1 or 2"}, {}),
    (errors.RejectedError(422, "the prompt is against the rules"), 422, {}, {}),
    (errors.NotFoundError(422, "recordInfo is null"), 404, {}, {}),
    (errors.TaskTimeoutError("t"), 504, {"task_id": "t"}, {"Retry-After": "1"}),
    (errors.TaskFailedError(FAILED), 502, {"task_id": "t", "fail_code": "501"}, {}),
    (errors.TransportError("no route to 10.0.0.7"), 502, {}, {}),
    (errors.SubmissionUnknownError("reset by 10.0.0.7"), 502, {}, {}),
    (errors.ResponseError("HTML", 502, b"<html>10.0.0.7"), 502, {}, {}),
    (errors.ServerError(500, "10.0.0.7 broke"), 502, {}, {}),
    (errors.RateLimitError(429, "slow down", 429, 2.2), 503, {}, {"Retry-After": "3"}),
    (errors.RateLimitError(429), 503, {}, {"Retry-After": "10"}),
    (errors.MaintenanceError(455), 503, {}, {"Retry-After": "10"}),
    (errors.AuthenticationError(401, "key 10.0.0.7"), 503, {}, {}),
    (errors.InsufficientCreditsError(402, "10.0.0.7"), 503, {}, {}),
    (errors.KeyQuotaError(433), 503, {}, {}),
    (errors.FeatureDisabledError(505), 503, {}, {}),
    (errors.ConfigurationError("WAN_KEY at 10.0.0.7"), 503, {}, {}),
    (errors.JournalError("/srv/10.0.0.7.db"), 503, {}, {}),
    (errors.ClientClosedError("closed"), 503, {}, {}),
    (errors.WanError("others"), 503, {}, {}),
]


@pytest.mark.parametrize(("error", "status", "more", "headers"), ANSWERS, ids=lambda value: type(value).__name__)
def test_each_error_is_a_problem(error: WanError, status: int, more: dict[str, Any], headers: dict[str, str]) -> None:
    problem = problem_of(error)
    assert (problem.status, problem.headers) == (status, headers)
    assert problem.body == {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": problem.body["detail"],
        "error": type(error).__name__,
        **more,
    }
    assert problem.body["detail"]
    assert "10.0.0.7" not in json.dumps(problem.body), "its users learn what is the backend's own"


def test_each_kind_of_error_was_thought_of() -> None:
    thought_of = {type(error) for error, *_ in ANSWERS}
    inside = {errors.ApiError, errors.BudgetExceededError, errors.CallbackError}
    assert {getattr(wan_async.errors, name) for name in errors.__all__} - thought_of - inside == set()


def test_starlette_answers_with_it_as_the_handlers_say() -> None:
    async def make(_: Request) -> Any:
        return Wan26ImageToVideo(prompt="a", image_urls=["https://example.com/a.png"])

    app = Starlette(routes=[Route("/", make)], exception_handlers=exception_handlers)
    answer = TestClient(app).get("/")
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["field"] == "prompt"
