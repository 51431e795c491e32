"""The answers of a connection come one after the other, and nothing of one is taken for another."""

from __future__ import annotations

import asyncio

import aiohttp
import pytest

from wan_async import SessionPool, TransportError
from wan_async._protocol import Request, requests

from ..servers import Peer, answer, chunked, close_after_reading, gzipped, http, raw, reset_after_reading, scripted

CREATE = Request("POST", requests.CREATE_TASK, b'{"model": "m"}')
KINDS = {
    "with its length": answer(body="first"),
    "in chunks": chunked(b'"fi', b'rst"'),
    "in chunks, with trailers": raw(
        http(200, b"", {"Content-Length": "", "Transfer-Encoding": "chunked"})
        + b"5\r\nfirst\r\n0\r\nRetry-After: 60\r\nContent-Encoding: gzip\r\n\r\n"
    ),
    "packed": gzipped("first"),
    "after a note": raw(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + http(200, b'"first"')),
    "with a head of its own": answer(body="first", headers={"X-Of-This": "one"}),
    "without a body": raw(http(204, b"", {"Content-Length": ""})),
    "larger than a piece": answer(body="x" * 300_000),
}


@pytest.mark.parametrize("first", KINDS.values(), ids=KINDS)
@pytest.mark.parametrize("second", KINDS.values(), ids=KINDS)
async def test_answers_on_one_connection_are_what_they_are_alone(first: object, second: object) -> None:
    async def alone(script: object) -> tuple[int, bytes, dict[str, str]]:
        async with scripted(script) as server, SessionPool() as pool:  # pyright: ignore[reportArgumentType]
            answer = await pool.exchange(server.url, "k", CREATE, 5.0)
            return answer.status, answer.body, dict(answer.headers)

    expected = [await alone(first), await alone(second)]
    async with scripted(first, second) as server, SessionPool(connections=1) as pool:  # pyright: ignore[reportArgumentType]
        came = [await pool.exchange(server.url, "k", CREATE, 5.0) for _ in range(2)]
        assert [(one.status, one.body, dict(one.headers)) for one in came] == expected
        assert server.connections == 1


@pytest.mark.parametrize("end", [close_after_reading, reset_after_reading])
async def test_a_connection_that_ends_without_an_answer_does_not_show_the_one_before(end: object) -> None:
    first = answer(headers={"X-Of-The-First": "its own"})
    async with scripted(first, end) as server, SessionPool(connections=1) as pool:  # pyright: ignore[reportArgumentType]
        assert (await pool.exchange(server.url, "k", CREATE, 5.0)).status == 200
        with pytest.raises(TransportError, match="the connection broke") as caught:
            await pool.exchange(server.url, "k", CREATE, 5.0)
        assert server.connections == 1
    cause = caught.value.__cause__
    assert "its own" not in f"{caught.value} {cause!r} {getattr(cause, 'message', '')!r}"


async def test_half_an_answer_that_comes_unasked_does_not_begin_the_next_one() -> None:
    unasked, came = http(422, b'{"code": 422}'), asyncio.Event()

    async def talks(peer: Peer) -> None:
        await answer()(peer)
        await asyncio.sleep(0.02)
        await peer.send(unasked[:30])
        came.set()

    async with scripted(talks, raw(unasked[30:])) as server, SessionPool(connections=1) as pool:
        assert (await pool.exchange(server.url, "k", CREATE, 5.0)).status == 200
        await came.wait()
        await asyncio.sleep(0.02)
        with pytest.raises(TransportError, match="ended before the request was sent") as caught:
            await pool.exchange(server.url, "k", CREATE, 5.0)
        assert (caught.value.sent, server.posts) == (False, 1)


async def test_a_line_break_behind_an_answer_costs_no_request() -> None:
    came = asyncio.Event()

    async def talks(peer: Peer) -> None:
        await answer()(peer)
        await asyncio.sleep(0.02)
        await peer.send(b"\r\n")
        came.set()

    async with scripted(talks, answer(body="second")) as server, SessionPool(connections=1) as pool:
        assert (await pool.exchange(server.url, "k", CREATE, 5.0)).status == 200
        await came.wait()
        await asyncio.sleep(0.02)
        assert (await pool.exchange(server.url, "k", CREATE, 5.0)).body == b'"second"'


async def test_half_a_head_behind_an_answer_is_no_part_of_the_next_one() -> None:
    """As its beginning it would make a refusal of a task that was created: that is sent again, and paid twice."""
    behind = http(429, b"", {"X-Cut": "off"}).partition(b"off")[0]
    async with scripted(raw(http(200, b"1") + behind), answer()) as server, SessionPool(connections=1) as pool:
        assert (await pool.exchange(server.url, "k", CREATE, 5.0)).body == b"1"
        assert (await pool.exchange(server.url, "k", CREATE, 5.0)).status == 200
        assert server.posts == 2


async def test_a_session_that_used_the_connection_before_leaves_no_limits_of_its_own() -> None:
    """A request of the session sets a parser with its own time limit and sizes."""
    long_head = answer(body="long", headers={"X-Long": "x" * 50_000})
    async with scripted(answer(), long_head) as server, SessionPool(connections=1) as pool:
        await pool.sessions().opened_transfers()  # by now its connections have our handler
        own = aiohttp.ClientTimeout(total=0.2)
        async with pool.sessions().api.get(server.url, timeout=own, max_line_size=100, max_field_size=9000) as response:
            await response.read()
        await asyncio.sleep(0.3)
        assert (await pool.exchange(server.url, "k", CREATE, 5.0)).body == b'"long"'
        assert server.connections == 1


async def test_a_session_takes_a_connection_that_was_used_before_and_leaves_it() -> None:
    async with scripted(*[answer(body="one")] * 3) as server, SessionPool(connections=1) as pool:
        await pool.exchange(server.url, "k", CREATE, 5.0)
        async with pool.sessions().api.get(server.url) as response:
            assert await response.json() == "one"
        await pool.exchange(server.url, "k", CREATE, 5.0)
        assert (len(server.received), server.connections) == (3, 1)
