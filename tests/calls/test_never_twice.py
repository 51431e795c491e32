"""The table: for each fault at each moment of a createTask, how many POSTs the provider sees and what the caller gets.

The rule: a second POST only where the connection was certainly never made, or the service said 429 or 455.
"""

from __future__ import annotations

import pickle
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import msgspec
import pytest

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
    Timeout,
    TransportError,
    WanError,
)
from wan_async._transport.direct import Direct

from ..servers import (
    CREATED,
    Script,
    answer,
    close_after_reading,
    cut,
    envelope,
    gzipped,
    http,
    never,
    raw,
    reset_after_reading,
    reset_at_once,
    scripted,
)
from .support import FOX, client, submitted

pytestmark = pytest.mark.usefixtures("prompt_repeats")

BODY = b'{"code":200,"msg":"success","data":{"taskId":"t1"}}'
WHOLE = http(200, BODY)
IN_CHUNKS = http(200, b"", {"Content-Length": "", "Transfer-Encoding": "chunked"})
HTML = b"<html><h1>502 Bad Gateway</h1></html>"
UNKNOWN = SubmissionUnknownError


class Row(msgspec.Struct):
    """The first scripts of the provider, which creates all that comes later."""

    scripts: tuple[Script, ...]
    posts: int
    outcome: type[WanError] | None  # None: the task's id
    timeout: Timeout = Timeout(10.0)


def longer(body: bytes) -> bytes:
    """An answer of which less comes than it says."""
    return http(200, body, {"Content-Length": "99"})


def row(*scripts: Script, posts: int, outcome: type[WanError] | None) -> Row:
    return Row(scripts, posts, outcome)


def slow(script: Script) -> Row:
    return Row((script,), 1, UNKNOWN, Timeout(0.3))


def http_date(seconds: float) -> str:
    return format_datetime(datetime.now(UTC) + timedelta(seconds=seconds), usegmt=True)


TABLE = {
    # the fate is open: never again
    "reset before the first byte was read": row(reset_at_once, posts=0, outcome=UNKNOWN),
    "reset after reading": row(reset_after_reading, posts=1, outcome=UNKNOWN),
    "closed after reading": row(close_after_reading, posts=1, outcome=UNKNOWN),
    "half an answer: cut in the headers": row(cut(WHOLE, 40), posts=1, outcome=UNKNOWN),
    "half an answer: cut in the body": row(cut(WHOLE, len(WHOLE) - 9), posts=1, outcome=UNKNOWN),
    "half an answer: reset in the body": row(raw(WHOLE[:-9], then=lambda p: p.reset()), posts=1, outcome=UNKNOWN),
    "half an answer, then nothing": slow(raw(WHOLE[:-9])),
    "no answer in time": slow(never),
    "HTML 500": row(answer(500, HTML), posts=1, outcome=UNKNOWN),
    "HTML 502": row(answer(502, HTML), posts=1, outcome=UNKNOWN),
    "HTML 503": row(answer(503, HTML, {"Retry-After": "1"}), posts=1, outcome=UNKNOWN),
    "HTML 504": row(answer(504, HTML), posts=1, outcome=UNKNOWN),
    "empty 500": row(answer(500, b""), posts=1, outcome=UNKNOWN),
    "HTML 200": row(answer(200, HTML), posts=1, outcome=UNKNOWN),
    "empty 200": row(answer(200, b""), posts=1, outcome=UNKNOWN),
    "no JSON": row(answer(200, b'{"code":200,"data":{"taskId":"t'), posts=1, outcome=UNKNOWN),
    "JSON that is no envelope": row(answer(200, {"status": "accepted"}), posts=1, outcome=UNKNOWN),
    "not UTF-8": row(answer(200, b'{"code":200,"msg":"\xff"}'), posts=1, outcome=UNKNOWN),
    "200 without an id": row(answer(200, {"code": 200, "data": {}}), posts=1, outcome=UNKNOWN),
    "200 with an empty id": row(answer(200, {"code": 200, "data": {"taskId": ""}}), posts=1, outcome=UNKNOWN),
    "200 with null data": row(answer(200, {"code": 200, "data": None}), posts=1, outcome=UNKNOWN),
    "204": row(raw(b"HTTP/1.1 204 No Content\r\n\r\n"), posts=1, outcome=UNKNOWN),
    "a 301 to another host": row(answer(301, b"", {"Location": "http://127.0.0.1:1/"}), posts=1, outcome=UNKNOWN),
    "a 307 to the same host": row(answer(307, b"", {"Location": "/again"}), posts=1, outcome=UNKNOWN),
    "larger than 1 MiB": row(answer(200, b" " * (1 << 20) + b"{}"), posts=1, outcome=UNKNOWN),
    "a refusal with an id, cut": row(cut(longer(b'{"code":500,"data":{"taskId":"t1"}'), 999), posts=1, outcome=UNKNOWN),
    "a refusal, cut": row(cut(longer(b'{"code":429}'), 999), posts=1, outcome=UNKNOWN),
    "408 by HTTP status": row(answer(408, b""), posts=1, outcome=UNKNOWN),
    "409 by HTTP status": row(answer(409, b""), posts=1, outcome=UNKNOWN),
    "425 by HTTP status": row(answer(425, b""), posts=1, outcome=UNKNOWN),
    # 429 and 455: nothing was created, so again
    "429 in the envelope": row(envelope(429), posts=2, outcome=None),
    "429 by HTTP status": row(answer(429, b""), posts=2, outcome=None),
    "429 by HTTP status, as HTML": row(answer(429, HTML), posts=2, outcome=None),
    "429 in both": row(envelope(429, status=429), posts=2, outcome=None),
    "429 twice": row(envelope(429), envelope(429), posts=3, outcome=None),
    "429 with Retry-After in seconds": row(envelope(429, headers={"Retry-After": "0.1"}), posts=2, outcome=None),
    "429 with Retry-After as a date": row(answer(429, b"", {"Retry-After": http_date(-9)}), posts=2, outcome=None),
    "429 with a Retry-After that is none": row(answer(429, b"", {"Retry-After": "soon"}), posts=2, outcome=None),
    "455": row(envelope(455), posts=2, outcome=None),
    "455 with HTTP 503": row(envelope(455, status=503), posts=2, outcome=None),
    "429, then a reset": row(envelope(429), reset_after_reading, posts=2, outcome=UNKNOWN),
    "455, then HTML 502": row(envelope(455), answer(502, HTML), posts=2, outcome=UNKNOWN),
    "455, then a verdict": row(envelope(455), envelope(402), posts=2, outcome=InsufficientCreditsError),
    # other verdicts: nothing was created, and once is enough
    "400": row(envelope(400), posts=1, outcome=RejectedError),
    "401": row(envelope(401), posts=1, outcome=AuthenticationError),
    "401 by HTTP status": row(answer(401, b""), posts=1, outcome=AuthenticationError),
    "402": row(envelope(402), posts=1, outcome=InsufficientCreditsError),
    "402 told as 500": row(envelope(500, "Credits insufficient"), posts=1, outcome=InsufficientCreditsError),
    "403 by HTTP status, of the CDN": row(answer(403, b"error code: 1010"), posts=1, outcome=ApiError),
    "407 by HTTP status, of a proxy": row(answer(407, HTML), posts=1, outcome=ApiError),
    "404 by HTTP status": row(answer(404, HTML), posts=1, outcome=NotFoundError),
    "408 in the envelope": row(envelope(408), posts=1, outcome=ApiError),
    "422": row(envelope(422), posts=1, outcome=RejectedError),
    "433": row(envelope(433), posts=1, outcome=KeyQuotaError),
    "500, validation": row(envelope(500, "This field is required"), posts=1, outcome=RejectedError),
    "500, something else": row(envelope(500, "Server exception"), posts=1, outcome=ServerError),
    "500 in the envelope with HTTP 500": row(envelope(500, "oops", status=500), posts=1, outcome=ServerError),
    "505": row(envelope(505), posts=1, outcome=FeatureDisabledError),
    # answers that say it was created, in odd ways
    "packed although nobody asked": row(gzipped(CREATED), posts=1, outcome=None),
    "no code beside the id": row(answer(200, {"data": {"taskId": "t1"}}), posts=1, outcome=None),
    "the id alone": row(answer(200, {"taskId": "t1"}), posts=1, outcome=None),
    "a code as text": row(answer(200, {"code": "200", "data": {"taskId": "t1"}}), posts=1, outcome=None),
    "429 as text": row(answer(200, {"code": "429"}), posts=2, outcome=None),
    "half an emoji beside the id": row(
        answer(200, rb'{"code":200,"msg":"\ud83d","data":{"taskId":"t1"}}'), posts=1, outcome=None
    ),
    # the connection broke behind the id
    "cut behind the id": row(cut(WHOLE, len(WHOLE) - 2), posts=1, outcome=None),
    "reset behind the id": row(raw(WHOLE[:-2], then=lambda p: p.reset()), posts=1, outcome=None),
    "the id, then nothing": Row((raw(WHOLE[:-2]),), 1, None, Timeout(0.3)),
    "a length longer than the body": row(cut(longer(BODY), 999), posts=1, outcome=None),
    "chunks without an end": row(cut(IN_CHUNKS + b"%x\r\n%s\r\n" % (len(BODY), BODY), 999), posts=1, outcome=None),
    "the id, and more than 1 MiB": row(answer(200, BODY[:-1] + b" " * (1 << 20)), posts=1, outcome=None),
    # no HTTP, but the id stands in it
    "a length of too few letters": row(answer(200, BODY, {"Content-Length": "49"}), posts=1, outcome=None),
    "junk behind it": row(raw(WHOLE + b"junk\r\n\r\n"), posts=1, outcome=None),
    "junk behind it, another answer's id in it": row(raw(WHOLE + BODY.replace(b"t1", b"t9")), posts=1, outcome=None),
    "two lengths": row(answer(200, BODY, {"content-length": "7"}), posts=1, outcome=None),
    "a header without a colon": row(raw(WHOLE.replace(b"\r\n", b"\r\nodd\r\n", 1)), posts=1, outcome=None),
    "a broken chunk": row(
        raw(IN_CHUNKS + b"2a\r\n%s\r\n9\r\n%s\r\nzz\r\n" % (BODY[:42], BODY[42:])), posts=1, outcome=None
    ),
    "a note before it": row(raw(b"HTTP/1.1 100 Go\r\n\r\n" + WHOLE + b"junk\r\n\r\n"), posts=1, outcome=None),
    "a refusal with junk behind it": row(
        raw(http(200, b'{"code":429,"data":{"taskId":"t1"}}') + b"junk\r\n\r\n"), posts=1, outcome=UNKNOWN
    ),
    "another protocol": row(raw(b"SSH-2.0\r\n\r\n" + BODY), posts=1, outcome=UNKNOWN),
    # heads that are longer than what aiohttp takes by itself
    "a policy of 20 KB": row(answer(headers={"Content-Security-Policy": "x" * 20_000}), posts=1, outcome=None),
    "300 headers": row(answer(headers={f"X-{number}": "x" for number in range(300)}), posts=1, outcome=None),
    "200 in the envelope of an HTTP 500": row(answer(500, CREATED), posts=1, outcome=None),
}


@pytest.mark.parametrize("name", TABLE)
async def test_the_table(name: str) -> None:
    expected = TABLE[name]
    async with scripted(*expected.scripts) as server:
        await submitted(client(server.url, timeout=expected.timeout), expected.outcome)
        assert server.posts == expected.posts
        assert all(request.body == server.received[0].body for request in server.received)


@pytest.mark.parametrize("name", [name for name in TABLE if TABLE[name].outcome is UNKNOWN])
async def test_an_unknown_fate_names_its_cause_and_its_time(name: str) -> None:
    before = datetime.now(UTC)
    async with scripted(*TABLE[name].scripts) as server:
        error = await submitted(client(server.url, timeout=TABLE[name].timeout), SubmissionUnknownError)
    assert isinstance(error, SubmissionUnknownError)
    assert isinstance(error.__cause__, (TransportError, ResponseError))
    assert str(error.__cause__) in str(error)
    assert error.sent_at is not None
    assert before <= error.sent_at <= datetime.now(UTC)
    assert error.sent


def test_only_429_and_455_lead_to_a_second_post() -> None:
    repeated = {name.split(",")[0].split(" ")[0] for name, expected in TABLE.items() if expected.posts > 1}
    assert repeated == {"429", "455"}
    assert MaintenanceError not in {expected.outcome for expected in TABLE.values()}


@pytest.mark.parametrize("direct", [True, False])
async def test_what_came_before_the_connection_broke_is_kept_without_the_key(
    direct: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Direct, "is_patched", not direct)
    script = cut(longer(b'{"code":200,"you":"Bearer sk-5ecret","data":{"taskId":"cut'), 999)
    async with scripted(script) as server, client(server.url).with_options(api_key="sk-5ecret") as wan:
        with pytest.raises(SubmissionUnknownError) as caught:
            await wan.submit(FOX)
    error = caught.value
    assert error.answer == '{"code":200,"you":"Bearer ...","data":{"taskId":"cut'
    assert "5ecret" not in f"{error!r} {vars(error)} {vars(error.__cause__)}"
    assert pickle.loads(pickle.dumps(error)).answer == error.answer


async def test_a_read_that_broke_off_keeps_nothing_that_cannot_be_pickled() -> None:
    scripts = [cut(longer(b'{"code":200,"data":7'), 999)] * 9
    async with scripted(*scripts) as server, client(server.url, retry=Retry(0.1)) as wan:
        with pytest.raises(TransportError) as caught:
            await wan.credits()
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)
