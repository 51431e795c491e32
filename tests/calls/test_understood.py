"""Odd answers, and what the calls make of them: whose record it is, whose page, and what an error keeps of it."""

from __future__ import annotations

import logging
import pickle
from unittest.mock import ANY

import pytest

from wan_async import (
    ApiError,
    AuthenticationError,
    InsufficientCreditsError,
    NotFoundError,
    ResponseError,
    Retry,
    SubmissionUnknownError,
    TaskState,
    Timeout,
    WanClient,
)
from wan_async._protocol import Answer
from wan_async.events import Submitted

from .support import CREATED, CREDITS, FOX, RECORD, FakeTransport, Rig, says

pytestmark = pytest.mark.virtual_time

STRANGERS = says(
    200, {"taskId": "t2", "model": "m", "state": "success", "resultJson": '{"resultUrls":["https://x/2"]}'}
)


async def test_a_strangers_record_is_a_failed_poll_that_is_repeated() -> None:
    assert (await Rig(STRANGERS, STRANGERS, RECORD).calls.record("t1")).state is TaskState.WAITING
    with pytest.raises(ResponseError, match="another task than t1"):
        await Rig(STRANGERS).calls.record("t1")
    with pytest.raises(ResponseError, match="another task than t1"):
        await Rig(STRANGERS).calls.read_once("t1")


@pytest.mark.parametrize("status", [401, 403, 404, 500, 502, 503])
async def test_a_gateways_page_is_no_verdict_on_a_task(status: int) -> None:
    page = Answer(status, b"<html>deploying</html>")
    assert (await Rig(page, page, RECORD).calls.record("t1")).state is TaskState.WAITING
    with pytest.raises(ResponseError):
        await Rig(page).calls.read_once("t1")


@pytest.mark.parametrize("status", [401, 403, 404])
async def test_a_gateways_page_is_a_verdict_on_a_submission(status: int) -> None:
    with pytest.raises(ApiError) as caught:
        await Rig(Answer(status, b"<html>no</html>")).calls.create_task(FOX)
    assert caught.value.code == status


async def test_an_unknown_task_is_named() -> None:
    with pytest.raises(NotFoundError, match=r"recordInfo is null \(task t1\)"):
        await Rig(says(422, msg="recordInfo is null")).calls.record("t1")


async def test_what_came_instead_of_an_id_is_kept() -> None:
    body = b'{"code":200,"data":{"id":"paid-for"}}' + b" " * 2000
    with pytest.raises(SubmissionUnknownError) as caught:
        await Rig(Answer(200, body)).calls.create_task(FOX)
    assert caught.value.answer == body[:1024].decode()
    assert pickle.loads(pickle.dumps(caught.value)).answer == caught.value.answer


@pytest.mark.parametrize("status", [200, 401, 403, 429])
async def test_a_page_that_shows_the_key_does_not_bring_it_into_the_error(status: int) -> None:
    page = Answer(status, b"<html>you sent Authorization: Bearer key</html>")
    with pytest.raises((SubmissionUnknownError, ApiError)) as caught:
        await Rig(page, page, says(401, msg="wrong: key")).calls.create_task(FOX)
    error: BaseException | None = caught.value
    while error is not None:
        assert "key" not in str(error.args).replace("the key", "")
        error = error.__cause__ or error.__context__


async def test_a_wait_of_decades_is_doubted_and_told_once(caplog: pytest.LogCaptureFixture) -> None:
    late = says(429, headers={"retry-after": "1700000000"})
    rig = Rig(late, late, CREATED)
    with caplog.at_level(logging.WARNING, "wan_async.calls"):
        assert await rig.calls.create_task(FOX) == "t1"
    assert [end for end in rig.counted.ends if end[0] == "rejected"] == [
        ("rejected", 1.0, 60.0),
        ("rejected", 2.0, 60.0),
    ]
    doubts = [record.getMessage() for record in caplog.records if "throttled" not in record.getMessage()]
    assert doubts == ["the service asks to wait for 1700000000 s (Retry-After); a minute is waited, then tried"]


async def test_an_answer_that_comes_again_is_no_other_submissions() -> None:
    """As a cache brings it that keeps what it should not."""
    rig = Rig(CREATED, CREATED, says(200, {"taskId": "t2"}), CREATED)
    ids: list[str] = []
    unknown: list[SubmissionUnknownError] = []
    for _ in range(4):
        try:
            ids.append(await rig.calls.create_task(FOX))
        except SubmissionUnknownError as error:
            unknown.append(error)
    assert ids == ["t1", "t2"]
    assert [str(error).partition(" (")[0] for error in unknown] == [
        "createTask answered with task t1, which another submission has"
    ] * 2
    assert [event for event in rig.events if isinstance(event, Submitted)] == [
        Submitted("t1", FOX.model, ANY, at=ANY),
        Submitted("t2", FOX.model, ANY, at=ANY),
    ]
    assert rig.counted.how() == [("counted", None)] * 4
    assert all(error.sent_at for error in unknown)


@pytest.mark.parametrize("key", ["k", "task", "Id", "taskId", "code", "200", "data", '"'])
async def test_a_key_that_is_a_part_of_other_words_makes_no_value_of_an_error(key: str) -> None:
    """What is shown of an answer hides the key, if it is no test's of a letter or two; what is read of it does not."""
    pool = FakeTransport(STRANGERS)
    with pytest.raises(ResponseError) as caught:
        await WanClient(key, pool=pool, retry=Retry(0)).record("t1")
    assert (key in caught.value.answer) is (len(key) < 3)
    with pytest.raises(SubmissionUnknownError):
        await WanClient(key, pool=FakeTransport(says(200, {"odd": 1}))).submit(FOX)


@pytest.mark.parametrize("key", ["k", "code", "429", "4", "words", "}"])
async def test_a_key_that_is_a_part_of_a_verdict_makes_no_other_of_it(key: str) -> None:
    pool = FakeTransport(says(429), says(429), CREATED)
    assert (await WanClient(key, pool=pool).submit(FOX)).id == "t1"
    with pytest.raises(InsufficientCreditsError) as caught:
        await WanClient(key, pool=FakeTransport(says(402, msg="words"))).submit(FOX)
    assert key not in caught.value.message


async def test_the_ids_that_are_remembered_are_bounded_and_the_last(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wan_async._calls.REMEMBERED", 2)
    answers = [
        says(200, {"taskId": task_id}) for task_id in ("t1", "t2", "t1", "t3", "t1", "t4", "t5", "t6", "t7", "t2")
    ]
    rig = Rig(*answers)
    unknown: list[bool] = []
    for _ in answers:
        try:
            await rig.calls.create_task(FOX)
            unknown.append(False)
        except SubmissionUnknownError:
            unknown.append(True)
    assert unknown == [False, False, True, False, True, False, False, False, False, False]


async def test_of_two_items_with_one_answer_the_second_is_told() -> None:
    done = {"taskId": "t1", "state": "success", "resultJson": '{"resultUrls":["https://x/1"]}'}
    pool = FakeTransport(CREATED, CREATED, says(200, done))
    async with WanClient("k", pool=pool) as wan, wan.batch([FOX, FOX]) as results:
        outcomes = sorted([outcome async for outcome in results], key=lambda outcome: outcome.index)
    assert [outcome.ok for outcome in outcomes] == [True, False]
    assert isinstance(outcomes[1].error, SubmissionUnknownError)
    assert results.stats.unknown == 1


@pytest.mark.parametrize("given", ["given", None])
async def test_a_refused_key_says_where_it_came_from_and_who_refused_it(
    given: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("APIKLEY_API_KEY", "from-the-environment")
    source = "the environment's APIKLEY_API_KEY" if given is None else "the argument api_key"
    refused = "the key from " + source + " was refused by api.example.com:8443"
    pool = FakeTransport(says(401, msg="no access"))
    wan = WanClient(given, base_url="https://api.example.com:8443/v2", pool=pool)
    async with wan, wan.with_options(timeout=Timeout(3.0)) as other:
        for call in (wan.submit(FOX), wan.credits(), wan.record("t1"), other.credits(), wan.run(FOX)):
            with pytest.raises(AuthenticationError) as caught:
                await call
            assert str(caught.value) == f"401: no access ({refused})"
            assert caught.value.args == (401, "no access", 200, refused)


@pytest.mark.parametrize("url", ["https://h/api/v1", "https://h/api/v1/", "https://h/"])
async def test_a_base_url_may_name_what_the_paths_begin_with(url: str) -> None:
    pool = FakeTransport(CREDITS)
    async with WanClient("k", base_url=url, pool=pool) as wan:
        await wan.credits()
    assert pool.asked[0][0] == "https://h"
