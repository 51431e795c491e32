"""The table: for each fault at each moment of a createTask, how many POSTs the provider sees and what the caller gets.

The rule: a second POST only where the connection was certainly never made, or the service said 429 or 455.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import aiohttp
import msgspec
import pytest
from aiohttp.abc import AbstractResolver, ResolveResult

from wan_async import (
    ApiError,
    AuthenticationError,
    FeatureDisabledError,
    InsufficientCreditsError,
    KeyQuotaError,
    MaintenanceError,
    NotFoundError,
    RateLimit,
    RejectedError,
    ResponseError,
    Retry,
    ServerError,
    SessionPool,
    SubmissionUnknownError,
    Timeout,
    TransportError,
    Wan22TextToVideoTurbo,
    WanClient,
    WanError,
)
from wan_async.events import Event, Repeated

from ..servers import (
    CREATED,
    Script,
    ScriptedServer,
    answer,
    answer_plainly,
    answer_then_close_idle,
    answer_then_reset_next,
    close_after_reading,
    cut,
    envelope,
    gzipped,
    http,
    never,
    raw,
    reset_after_reading,
    reset_at_once,
    reset_in_handshake,
    scripted,
)

FOX = Wan22TextToVideoTurbo(prompt="a fox in the rain")
LIMIT = RateLimit(20, per=0.5)
WHOLE = http(200, b'{"code":200,"msg":"success","data":{"taskId":"t1"}}')
HTML = b"<html><h1>502 Bad Gateway</h1></html>"
UNKNOWN, CREATED_ONCE = SubmissionUnknownError, None


class Row(msgspec.Struct):
    """The first scripts of the provider, which creates all that comes later."""

    scripts: tuple[Script, ...]
    posts: int
    outcome: type[WanError] | None  # None: the task's id


def row(*scripts: Script, posts: int, outcome: type[WanError] | None) -> Row:
    return Row(scripts, posts, outcome)


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
    "half an answer, then nothing": row(raw(WHOLE[:-9]), posts=1, outcome=UNKNOWN),
    "no answer in time": row(never, posts=1, outcome=UNKNOWN),
    "HTML 500": row(answer(500, HTML), posts=1, outcome=UNKNOWN),
    "HTML 502": row(answer(502, HTML), posts=1, outcome=UNKNOWN),
    "HTML 503": row(answer(503, HTML, {"Retry-After": "1"}), posts=1, outcome=UNKNOWN),
    "HTML 504": row(answer(504, HTML), posts=1, outcome=UNKNOWN),
    "empty 500": row(answer(500, b""), posts=1, outcome=UNKNOWN),
    "HTML 200": row(answer(200, HTML), posts=1, outcome=UNKNOWN),
    "empty 200": row(answer(200, b""), posts=1, outcome=UNKNOWN),
    "no JSON": row(answer(200, b'{"code":200,"data":{"taskId":"t'), posts=1, outcome=UNKNOWN),
    "JSON that is no envelope": row(answer(200, {"taskId": "t1"}), posts=1, outcome=UNKNOWN),
    "not UTF-8": row(answer(200, b'{"code":200,"msg":"\xff"}'), posts=1, outcome=UNKNOWN),
    "200 without an id": row(answer(200, {"code": 200, "data": {}}), posts=1, outcome=UNKNOWN),
    "200 with an empty id": row(answer(200, {"code": 200, "data": {"taskId": ""}}), posts=1, outcome=UNKNOWN),
    "200 with null data": row(answer(200, {"code": 200, "data": None}), posts=1, outcome=UNKNOWN),
    "204": row(raw(b"HTTP/1.1 204 No Content\r\n\r\n"), posts=1, outcome=UNKNOWN),
    "a 301 to another host": row(answer(301, b"", {"Location": "http://127.0.0.1:1/"}), posts=1, outcome=UNKNOWN),
    "a 307 to the same host": row(answer(307, b"", {"Location": "/again"}), posts=1, outcome=UNKNOWN),
    "larger than 1 MiB": row(answer(200, b" " * (1 << 20) + b"{}"), posts=1, outcome=UNKNOWN),
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
    "200 in the envelope of an HTTP 500": row(answer(500, CREATED), posts=1, outcome=None),
}


@pytest.fixture(autouse=True)
def prompt_repeats(monkeypatch: pytest.MonkeyPatch) -> None:
    """Repeats come after a hundredth of their longest delay."""
    monkeypatch.setattr("random.random", lambda: 0.01)


async def submitted(wan: WanClient, outcome: type[WanError] | None) -> WanError | None:
    """Submit; it must end as told."""
    async with wan:
        if outcome is None:
            assert (await wan.submit(FOX)).id == "t1"
            return None
        with pytest.raises(outcome) as caught:
            await wan.submit(FOX)
    assert type(caught.value) is outcome
    assert "secret" not in f"{caught.value!r} {caught.value} {caught.value.__cause__!r} {caught.value.__context__!r}"
    return caught.value


def client(url: str, pool: SessionPool | None = None, **changes: object) -> WanClient:
    wan = WanClient("secret", base_url=url, pool=pool, limit=LIMIT, retry=Retry(max_elapsed=5), timeout=Timeout(0.4))
    return wan.with_options(**changes)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", TABLE)
async def test_the_table(name: str) -> None:
    expected = TABLE[name]
    async with scripted(*expected.scripts) as server:
        await submitted(client(server.url), expected.outcome)
        assert server.posts == expected.posts
        assert all(request.body == server.received[0].body for request in server.received)


@pytest.mark.parametrize("name", [name for name in TABLE if TABLE[name].outcome is UNKNOWN])
async def test_an_unknown_fate_names_its_cause_and_its_time(name: str) -> None:
    before = datetime.now(UTC)
    async with scripted(*TABLE[name].scripts) as server:
        error = await submitted(client(server.url), SubmissionUnknownError)
    assert isinstance(error, SubmissionUnknownError)
    assert isinstance(error.__cause__, (TransportError, ResponseError))
    assert str(error.__cause__) in str(error)
    assert error.sent_at is not None
    assert before <= error.sent_at <= datetime.now(UTC)
    assert error.sent


# the connection was certainly never made


async def test_refused_then_accepted_is_one_post() -> None:
    async with scripted(listening=False) as server:
        listening: list[asyncio.Task[None]] = []

        def listen(event: Event) -> None:
            if isinstance(event, Repeated) and not listening:
                listening.append(asyncio.create_task(server.listen()))

        await submitted(client(server.url, on_event=listen), None)
        assert (server.posts, len(listening)) == (1, 1)


async def test_refused_for_as_long_as_it_is_repeated_is_no_post() -> None:
    async with scripted(listening=False) as server:
        error = await submitted(client(server.url, retry=Retry(max_elapsed=0.05)), TransportError)
    assert isinstance(error, TransportError)
    assert not error.sent


class Names(AbstractResolver):
    """Fails so many times, then finds every name on loopback."""

    def __init__(self, failures: int) -> None:
        self.failures = failures

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        self.failures -= 1
        if self.failures >= 0:
            raise OSError(None, "Temporary failure in name resolution")
        return [ResolveResult(hostname=host, host="127.0.0.1", port=port, family=family, proto=0, flags=0)]

    async def close(self) -> None:
        pass


@pytest.mark.parametrize(("failures", "posts", "outcome"), [(2, 1, None), (99, 0, TransportError)])
async def test_dns(failures: int, posts: int, outcome: type[WanError] | None) -> None:
    connector = aiohttp.TCPConnector(resolver=Names(failures))
    async with scripted() as server, aiohttp.ClientSession(connector=connector) as session:
        url = server.url.replace("127.0.0.1", "api.invalid")
        wan = client(url, SessionPool(session), retry=Retry(max_elapsed=5 if outcome is None else 0.05))
        await submitted(wan, outcome)
        assert server.posts == posts


@pytest.mark.parametrize("script", [answer_plainly, reset_in_handshake], ids=["plain HTTP", "reset in the handshake"])
async def test_tls_that_fails_is_no_post(script: Script) -> None:
    async with scripted(*[script] * 99) as server:
        wan = client(server.url.replace("http:", "https:"), retry=Retry(max_elapsed=0.05))
        await submitted(wan, TransportError)
        assert server.posts == 0
        assert server.connections > 1


async def test_a_certificate_that_nobody_knows_is_no_post(untrusted: ssl.SSLContext) -> None:
    async with scripted(tls=untrusted) as server:
        await submitted(client(server.url, retry=Retry(max_elapsed=0.05)), TransportError)
        assert server.posts == 0


async def test_no_connection_free_in_time_is_sent_when_one_is() -> None:
    repeated: list[Event] = []
    async with scripted(never) as server, SessionPool(connections=1) as pool:
        wan = client(server.url, pool, on_event=repeated.append)
        first = asyncio.create_task(submitted(wan, SubmissionUnknownError))
        while not server.posts:
            await asyncio.sleep(0.01)
        await submitted(client(server.url, pool, on_event=repeated.append, timeout=Timeout(0.2)), None)
        await first
        assert server.posts == 2  # one each
    assert [
        event.error.sent
        for event in repeated
        if isinstance(event, Repeated) and isinstance(event.error, TransportError)
    ][:1] == [False]


# kept-alive connections


async def test_a_stale_connection_that_was_seen_to_close_is_not_used() -> None:
    async with scripted(answer_then_close_idle) as server, client(server.url) as wan:
        await wan.submit(FOX)
        await asyncio.sleep(0.1)
        await wan.submit(FOX)
        assert (server.posts, server.connections) == (2, 2)


async def test_a_stale_connection_that_is_reset_on_use_leaves_the_fate_open() -> None:
    async with scripted(answer_then_reset_next) as server, client(server.url) as wan:
        await wan.submit(FOX)
        with pytest.raises(SubmissionUnknownError):
            await wan.submit(FOX)
        assert (server.posts, server.connections) == (1, 1)


async def test_cancelled_in_the_air_is_not_sent_again() -> None:
    async with scripted(never) as server, client(server.url) as wan:
        submitting = asyncio.create_task(wan.submit(FOX))
        while not server.posts:
            await asyncio.sleep(0.01)
        submitting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await submitting
        await wan.submit(FOX)
        assert server.posts == 2  # this one and the cancelled one
        await _quiet(server)


async def _quiet(server: ScriptedServer) -> None:
    posts = server.posts
    await asyncio.sleep(0.1)
    assert server.posts == posts


def test_only_429_and_455_lead_to_a_second_post() -> None:
    repeated = {name.split(",")[0].split(" ")[0] for name, expected in TABLE.items() if expected.posts > 1}
    assert repeated == {"429", "455"}
    assert MaintenanceError not in {expected.outcome for expected in TABLE.values()}
