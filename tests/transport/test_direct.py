"""Calls made directly on a session's connections: the same on the wire, and nothing hidden from whoever watches."""

from __future__ import annotations

import asyncio
import functools
import logging
from collections.abc import Awaitable, Callable
from typing import Any, cast

import aiohttp
import pytest

from wan_async import SessionPool, TransportError
from wan_async._protocol import Request, requests
from wan_async._transport import direct

from ..servers import (
    Peer,
    Received,
    answer,
    close_after_reading,
    http,
    raw,
    reset_after_reading,
    scripted,
)

CREATE = Request("POST", requests.CREATE_TASK, b'{"model": "m"}')
RECORD = requests.record_info("an id")
ANSWER = http(200, b"{}")


async def received(*sent: Request, prefix: str = "") -> list[Received]:
    """The requests that a server gets, all on one connection."""
    async with scripted() as server, SessionPool(connections=1) as pool:
        for one in sent:
            await pool.exchange(server.url + prefix, "k", one, 5.0)
        assert server.connections == 1
        return server.received


@pytest.mark.parametrize("prefix", ["", "/behind/a%20proxy"])
async def test_a_session_puts_the_same_on_the_wire(prefix: str, monkeypatch: pytest.MonkeyPatch) -> None:
    ours = await received(CREATE, RECORD, CREATE, prefix=prefix)
    monkeypatch.setattr(aiohttp, "__version__", "3.15.0")
    theirs = await received(CREATE, RECORD, CREATE, prefix=prefix)

    def shown(one: Received) -> tuple[object, ...]:
        return one.method, one.path, one.body, {k: v for k, v in one.headers.items() if k != "host"}

    assert [shown(one) for one in ours] == [shown(one) for one in theirs]
    assert ours[1].path == f"{prefix}/api/v1/jobs/recordInfo?taskId=an%20id"


async def test_the_host_is_told_with_its_port() -> None:
    async with scripted() as server, SessionPool() as pool:
        await pool.exchange(server.url, "k", RECORD, 5.0)
    assert server.received[0].headers["host"] == server.url.removeprefix("http://")


# those who watch


Calls = list[tuple[str, str]]


def replaced(monkeypatch: pytest.MonkeyPatch) -> Calls:
    """As recorders and monitoring agents do: a wrapper that looks like what it wraps."""
    seen: Calls = []
    wrapped: Callable[..., Awaitable[Any]] = aiohttp.ClientSession._request  # pyright: ignore[reportPrivateUsage]

    @functools.wraps(wrapped)
    async def wrapper(session: aiohttp.ClientSession, method: str, url: Any, **options: Any) -> Any:
        seen.append((method, str(url)))
        return await wrapped(session, method, url, **options)

    monkeypatch.setattr(aiohttp.ClientSession, "_request", wrapper)
    return seen


async def test_who_replaces_aiohttps_request_sees_all_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    async with scripted() as server, SessionPool() as pool:
        await pool.exchange(server.url, "k", CREATE, 5.0)
        with monkeypatch.context() as here:
            seen = replaced(here)
            await pool.exchange(server.url, "k", CREATE, 5.0)
        await pool.exchange(server.url, "k", CREATE, 5.0)
        assert server.posts == 3
    assert seen == [("POST", server.url + CREATE.path)]


def test_a_replacement_that_was_there_before_is_not_taken_for_aiohttps_own(monkeypatch: pytest.MonkeyPatch) -> None:
    original = aiohttp.ClientSession._request  # pyright: ignore[reportPrivateUsage]
    assert direct.aiohttps_own("_request") is original
    replaced(monkeypatch)
    assert direct.aiohttps_own("_request") is None
    monkeypatch.setattr(aiohttp.ClientSession, "_request", functools.partialmethod(original))
    assert direct.aiohttps_own("_request") is None


async def test_who_replaces_the_public_method_sees_all_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object, **options: object) -> None:
        raise OSError("not from a test")

    async with scripted() as server, SessionPool() as pool:
        monkeypatch.setattr(aiohttp.ClientSession, "request", refused)
        with pytest.raises(TransportError, match="not from a test"):
            await pool.exchange(server.url, "k", CREATE, 5.0)
        assert server.posts == 0


OTHERWISE: dict[str, dict[str, Any]] = {
    "by the environment's proxy": {"trust_env": True},
    "by a proxy": {"proxy": "http://127.0.0.1:1"},
    "with other requests": {"request_class": type("Requests", (aiohttp.ClientRequest,), {})},
    "with other answers": {"response_class": type("Answers", (aiohttp.ClientResponse,), {})},
}


@pytest.mark.parametrize("how", OTHERWISE)
async def test_a_session_that_sends_otherwise_sends_itself(how: str) -> None:
    async with aiohttp.ClientSession() as usual, aiohttp.ClientSession(**OTHERWISE[how]) as session:
        assert direct.Direct.of(usual) is not None
        assert direct.Direct.of(session) is None


async def test_who_has_all_sessions_traced_sees_all_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: Calls = []

    async def started(session: object, context: object, about: aiohttp.TraceRequestStartParams) -> None:
        seen.append((about.method, str(about.url)))

    trace = aiohttp.TraceConfig()
    trace.on_request_start.append(started)
    make = aiohttp.ClientSession.__init__
    monkeypatch.setattr(aiohttp.ClientSession, "__init__", functools.partialmethod(make, trace_configs=[trace]))
    async with scripted() as server, SessionPool() as pool:
        await pool.exchange(server.url, "k", RECORD, 5.0)
    assert seen == [("GET", server.url + RECORD.path)]


# connections that end


@pytest.mark.parametrize("end", [close_after_reading, reset_after_reading])
async def test_a_read_goes_out_once_more_when_its_connection_breaks(end: Callable[[Peer], Awaitable[None]]) -> None:
    async with scripted(end) as server, SessionPool() as pool:
        assert (await pool.exchange(server.url, "k", RECORD, 5.0)).status == 200
        assert len(server.received) == 2
    async with scripted(end, end) as server, SessionPool() as pool:
        with pytest.raises(TransportError, match="the connection broke"):
            await pool.exchange(server.url, "k", RECORD, 5.0)
        assert len(server.received) == 2


async def test_a_read_is_not_repeated_where_nobody_listens() -> None:
    tried = 0

    class Counting(aiohttp.TCPConnector):
        async def connect(self, *arguments: Any, **options: Any) -> Any:
            nonlocal tried
            tried += 1
            return await super().connect(*arguments, **options)

    async with scripted(listening=False) as server, aiohttp.ClientSession(connector=Counting()) as session:
        calls = direct.Direct.of(session)
        assert calls is not None
        with pytest.raises(aiohttp.ClientConnectorError):
            await calls.exchange(server.url, "", RECORD, aiohttp.ClientTimeout(connect=5.0))
    assert tried == 1


@pytest.mark.parametrize("end", [close_after_reading, reset_after_reading])
async def test_a_submission_does_not(end: Callable[[Peer], Awaitable[None]]) -> None:
    async with scripted(end) as server, SessionPool() as pool:
        with pytest.raises(TransportError, match="the connection broke") as caught:
            await pool.exchange(server.url, "k", CREATE, 5.0)
        assert caught.value.sent
        assert (server.posts, server.connections) == (1, 1)


async def test_what_comes_unasked_is_no_answer() -> None:
    """A server that gives up waiting says 408 before it closes, here at leisure: that is no answer to the next call."""
    came = asyncio.Event()

    async def talks(peer: Peer) -> None:
        await peer.read()
        await peer.send(ANSWER)
        await asyncio.sleep(0.02)
        await peer.send(http(408, b"too late"))
        came.set()

    async with scripted(talks) as server, SessionPool(connections=1) as pool:
        assert (await pool.exchange(server.url, "k", CREATE, 5.0)).status == 200
        await came.wait()
        await asyncio.sleep(0.02)
        with pytest.raises(TransportError, match="ended before the request was sent") as caught:
            await pool.exchange(server.url, "k", CREATE, 5.0)
        assert not caught.value.sent
        assert (await pool.exchange(server.url, "k", CREATE, 5.0)).status == 200
        assert (server.posts, server.connections) == (2, 2)


@pytest.mark.parametrize("given_up", ["cancelled", "too late"])
async def test_a_call_that_is_given_up_takes_its_connection_along(given_up: str) -> None:
    """Else the next call would be given its answer."""
    late = asyncio.Event()

    async def slow(peer: Peer) -> None:
        await peer.read()
        await late.wait()
        await peer.send(http(200, b'"first"'))

    async with scripted(slow, answer(body=b'"second"')) as server, SessionPool(connections=1) as pool:
        first = asyncio.create_task(pool.exchange(server.url, "k", CREATE, 0.1 if given_up == "too late" else 5.0))
        while not server.posts:
            await asyncio.sleep(0.001)
        if given_up == "cancelled":
            first.cancel()
        with pytest.raises((asyncio.CancelledError, TransportError)):
            await first
        late.set()
        assert (await pool.exchange(server.url, "k", CREATE, 5.0)).body == b'"second"'
        assert server.connections == 2


async def test_a_second_answer_to_one_request_is_dropped_with_its_connection() -> None:
    async with scripted(raw(ANSWER + http(200, b'"another"'))) as server, SessionPool(connections=1) as pool:
        assert (await pool.exchange(server.url, "k", RECORD, 5.0)).body == b"{}"
        assert (await pool.exchange(server.url, "k", RECORD, 5.0)).body != b'"another"'
        assert server.connections == 2


@pytest.mark.parametrize("patched", [False, True])
async def test_a_second_answer_behind_the_body_is_dropped_too(patched: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """By then a session has given the connection back, and takes it again with that answer in it."""
    head, blank, body = ANSWER.partition(b"\r\n\r\n")

    async def twice(peer: Peer) -> None:
        await peer.read()
        await peer.send(head + blank)
        await asyncio.sleep(0.02)
        await peer.send(body + http(200, b'"another"'))

    monkeypatch.setattr(direct.Direct, "is_patched", patched)
    async with scripted(twice, answer(body="second")) as server, SessionPool(connections=1) as pool:
        assert (await pool.exchange(server.url, "k", CREATE, 5.0)).body == body
        assert (await pool.exchange(server.url, "k", CREATE, 5.0)).body == b'"second"'
        assert (server.posts, server.connections) == (2, 2)


async def test_a_connection_with_half_a_request_in_it_is_not_used_again() -> None:
    """The server answers before it has read all: what is left would stand before the next request."""
    answered = asyncio.Event()

    async def refuses(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        cast("asyncio.ReadTransport", writer.transport).pause_reading()
        writer.write(ANSWER)
        await answered.wait()
        writer.transport.abort()

    server = await asyncio.start_server(refuses, "127.0.0.1", 0)
    large = Request("POST", requests.CREATE_TASK, b"x" * (12 << 20))
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server, SessionPool(connections=1) as pool:
        for _ in range(2):
            assert (await pool.exchange(url, "k", large, 5.0)).body == b"{}"
        answered.set()


async def test_a_pool_that_closes_tells_who_waits_for_a_connection() -> None:
    async def silent(peer: Peer) -> None:
        await peer.read()
        await asyncio.sleep(5)

    async with scripted(silent) as server:
        pool = SessionPool(connections=1)
        first, second = (asyncio.create_task(pool.exchange(server.url, "k", CREATE, 5.0)) for _ in range(2))
        while not server.posts:
            await asyncio.sleep(0.001)
        await pool.aclose()
        with pytest.raises(TransportError) as told:
            await first
        assert told.value.sent
        with pytest.raises(TransportError, match="closed before the request was sent") as told:
            await second
        assert not told.value.sent


async def test_a_session_of_the_callers_own_that_closes_tells_it_too() -> None:
    async def silent(peer: Peer) -> None:
        await peer.read()
        await asyncio.sleep(5)

    connector = aiohttp.TCPConnector(limit=1)
    async with scripted(silent) as server, aiohttp.ClientSession(connector=connector) as session:
        pool = SessionPool(session)
        calls = [asyncio.create_task(pool.exchange(server.url, "k", CREATE, 5.0)) for _ in range(2)]
        while not server.posts:
            await asyncio.sleep(0.001)
        await session.close()
        for call in calls:
            with pytest.raises(TransportError):
                await call


async def test_a_status_that_does_not_exist_is_an_answer() -> None:
    async with scripted(raw(b"HTTP/1.1 099 X\r\nContent-Length: 2\r\n\r\n{}")) as server, SessionPool() as pool:
        assert (await pool.exchange(server.url, "k", CREATE, 1.0)).status == 99


async def test_an_answer_that_is_no_http_is_a_transport_error() -> None:
    async with scripted(answer(200, b"{}", {"Content-Length": "many"})) as server, SessionPool() as pool:
        with pytest.raises(TransportError) as caught:
            await pool.exchange(server.url, "k", CREATE, 5.0)
    assert caught.value.sent


# how it is written


@pytest.mark.parametrize("closed", [False, True])
def test_a_connection_that_closed_since_is_not_written_to(closed: bool) -> None:
    written: list[bytes] = []

    class Transport(asyncio.WriteTransport):
        def is_closing(self) -> bool:
            return closed

        def write(self, data: bytes | bytearray | memoryview) -> None:
            written.append(bytes(data))

    direct.write(Transport(), b"GET")
    assert written == ([] if closed else [b"GET"])


def test_a_connection_that_refuses_is_aborted_and_keeps_no_other_from_being_written_to() -> None:
    aborted: list[bool] = []

    class Transport(asyncio.WriteTransport):
        def is_closing(self) -> bool:
            return False

        def write(self, data: bytes | bytearray | memoryview) -> None:
            raise RuntimeError("the handle is closed")

        def abort(self) -> None:
            aborted.append(True)

    direct.write(Transport(), b"GET")
    assert aborted == [True]


async def test_requests_of_one_pass_are_written_back_to_back(monkeypatch: pytest.MonkeyPatch) -> None:
    order: list[str] = []
    message, write = direct.message, direct.write

    def noted(*arguments: Any) -> bytes:
        order.append("made")
        return message(*arguments)

    def noted_write(*arguments: Any) -> bool:
        order.append("written")
        return write(*arguments)

    async with scripted() as server, SessionPool(connections=2) as pool:

        async def two() -> None:
            await asyncio.gather(*(pool.exchange(server.url, "k", RECORD, 5.0) for _ in range(2)))

        await two()
        monkeypatch.setattr(direct, "write", noted_write)
        monkeypatch.setattr(direct, "message", noted)
        await two()
    assert order == ["made", "made", "written", "written"]


@pytest.mark.parametrize("value", ["k\r\nX-Other: 1", "k\nX-Other: 1", "k\0"])
def test_a_line_break_cannot_become_another_header(value: str) -> None:
    assert direct.lines([("A", "1"), ("B", "2")]) == "A: 1\r\nB: 2\r\n"
    with pytest.raises(ValueError, match="line break"):
        direct.lines([("A", "1"), ("Authorization", value)])


async def test_another_aiohttp_is_told_once(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr(aiohttp, "__version__", "3.99.1")
    with caplog.at_level(logging.INFO, "wan_async"):
        for _ in range(2):
            async with scripted() as server, SessionPool() as pool:
                await pool.exchange(server.url, "k", CREATE, 5.0)
    assert [(record.levelname, record.getMessage()) for record in caplog.records] == [
        ("INFO", "API calls go by aiohttp's own sessions, slower: its 3.99.1 was not tried, only 3.14.x")
    ]
