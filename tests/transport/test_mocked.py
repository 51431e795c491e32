"""The calls on a mocked aiohttp: what is asked, and how an answer's envelope becomes an error on each of them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator
from types import SimpleNamespace
from typing import Any, cast

import msgspec
import pytest
from aiohttp import ClientResponse
from aioresponses import aioresponses
from yarl import URL

from wan_async import (
    ApiError,
    AuthenticationError,
    FeatureDisabledError,
    InsufficientCreditsError,
    KeyQuotaError,
    MaintenanceError,
    NotFoundError,
    RejectedError,
    ResponseError,
    Retry,
    ServerError,
    SubmissionUnknownError,
    TaskState,
    Wan26ImageToVideo,
    WanClient,
    WanError,
)

BASE = "https://api.apikley.ru"
CREATE = f"{BASE}/api/v1/jobs/createTask"
RECORD = f"{BASE}/api/v1/jobs/recordInfo?taskId=t1"
CREDIT = f"{BASE}/api/v1/chat/credit"
CLIP = Wan26ImageToVideo(prompt="a fox", image_urls=["https://x/y.png"], duration=5)


class Answered(ClientResponse):
    """aioresponses 0.7.9 does not give the `stream_writer` that aiohttp asks for since 3.14."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, stream_writer=cast("Any", SimpleNamespace(output_size=0)), **kwargs)


class Provider:
    """Answers each request to (method, URL) once."""

    def __init__(self, mocked: Any) -> None:
        self._mocked = mocked

    def answers(self, method: str, url: str, payload: object = None, *, status: int = 200, body: str = "") -> None:
        self._mocked.add(url, method, payload=payload, status=status, body=body, response_class=Answered)

    def sent(self, method: str, url: str) -> dict[str, Any]:
        """The headers and body of the one request to there."""
        (call,) = self._mocked.requests[method, URL(url)]
        return call.kwargs


@pytest.fixture
def provider(monkeypatch: pytest.MonkeyPatch) -> Generator[Provider]:
    monkeypatch.setenv("APIKLEY_API_KEY", "k")
    monkeypatch.delenv("APIKLEY_BASE_URL", raising=False)
    with aioresponses() as mocked:
        yield Provider(mocked)


async def test_create_task(provider: Provider) -> None:
    provider.answers("POST", CREATE, {"code": 200, "msg": "success", "data": {"taskId": "t1"}})
    async with WanClient() as wan:
        assert (await wan.submit(CLIP)).id == "t1"
    request = provider.sent("POST", CREATE)
    assert msgspec.json.decode(request["data"]) == {
        "model": "wan/2-6-image-to-video",
        "input": {"prompt": "a fox", "image_urls": ["https://x/y.png"], "duration": "5"},
    }
    assert request["headers"]["Authorization"] == "Bearer k"
    assert request["headers"]["Content-Type"] == "application/json"
    assert (request["allow_redirects"], request["raise_for_status"]) == (False, False)
    assert request["timeout"].connect == 10.0


async def test_record_info(provider: Provider) -> None:
    provider.answers("GET", RECORD, {"code": 200, "msg": "success", "data": {"taskId": "t1", "state": "queuing"}})
    async with WanClient() as wan:
        assert (await wan.record("t1")).state is TaskState.QUEUING
    request = provider.sent("GET", RECORD)
    assert request["headers"]["Content-Type"] == "application/json"
    assert request["data"] is None


async def test_credit(provider: Provider) -> None:
    provider.answers("GET", CREDIT, {"code": 200, "msg": "success", "data": 7})
    async with WanClient() as wan:
        assert await wan.credits() == 7.0
    assert provider.sent("GET", CREDIT)["headers"]["Authorization"] == "Bearer k"


ENVELOPES: dict[tuple[int, str], type[WanError]] = {
    (400, "no"): RejectedError,
    (401, "no"): AuthenticationError,
    (402, "no"): InsufficientCreditsError,
    (404, "no"): NotFoundError,
    (422, "recordInfo is null"): NotFoundError,
    (422, "no"): RejectedError,
    (433, "no"): KeyQuotaError,
    (455, "no"): MaintenanceError,
    (500, "no"): ServerError,
    (500, "Credits insufficient"): InsufficientCreditsError,
    (505, "no"): FeatureDisabledError,
    (799, "no"): ApiError,
}
CALLS: dict[tuple[str, str], Callable[[WanClient], Awaitable[object]]] = {
    ("POST", CREATE): lambda wan: wan.submit(CLIP),
    ("GET", RECORD): lambda wan: wan.record("t1"),
    ("GET", CREDIT): lambda wan: wan.credits(),
}


@pytest.mark.parametrize(("code", "words"), ENVELOPES)
@pytest.mark.parametrize(("method", "url"), CALLS)
async def test_envelope_errors_on_each_call(provider: Provider, method: str, url: str, code: int, words: str) -> None:
    provider.answers(method, url, {"code": code, "msg": words})
    async with WanClient(retry=Retry(max_elapsed=0)) as wan:
        with pytest.raises(ApiError) as caught:
            await CALLS[method, url](wan)
    assert type(caught.value) is ENVELOPES[code, words]
    assert (caught.value.code, caught.value.status) == (code, 200)
    assert caught.value.message.startswith(words)  # recordInfo adds the id that was asked for


@pytest.mark.parametrize(("method", "url"), CALLS)
async def test_what_is_no_envelope_on_each_call(provider: Provider, method: str, url: str) -> None:
    provider.answers(method, url, status=502, body="<html>")
    async with WanClient(retry=Retry(max_elapsed=0)) as wan:
        with pytest.raises(SubmissionUnknownError if method == "POST" else ResponseError, match="HTTP 502"):
            await CALLS[method, url](wan)
