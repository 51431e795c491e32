"""What happens on a kept connection just before a request is written to it: the request does not leave, or did not."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, cast

import pytest

from wan_async import SessionPool, TransportError
from wan_async._protocol import Request, requests
from wan_async._transport import direct
from wan_async._transport.handler import Handler

from ..servers import answer, http, scripted

CREATE = Request("POST", requests.CREATE_TASK, b'{"model": "m"}')
RECORD = requests.record_info("t1")


def closed(handler: Handler) -> None:
    cast("asyncio.Transport", handler.transport).close()


def says(piece: bytes) -> Callable[[Handler], None]:
    return lambda handler: handler.data_received(piece)


HAPPENS = {
    "the connection closes": closed,
    "a 408 comes": says(http(408, b"bye", {"Connection": "close"})),
    "a refusal comes": says(http(200, b'{"code": 429}')),
    "half a head comes": says(b"HTTP/1.1 200 OK\r\nX-Cut"),
    "what is no HTTP comes": says(b"bye\r\n\r\n"),
}


class Between:
    """Has something happen to the connection between its being taken and being written to."""

    def __init__(self, pool: SessionPool, monkeypatch: pytest.MonkeyPatch) -> None:
        self._pool = pool
        self._message = direct.message
        self._happens: Callable[[Handler], None] | None = None
        monkeypatch.setattr(direct, "message", self._made)

    def once(self, happens: Callable[[Handler], None]) -> None:
        self._happens = happens

    def _made(self, *arguments: Any) -> bytes:
        happens, self._happens = self._happens, None
        if happens is not None:
            (handler,) = vars(self._pool.sessions().api.connector)["_acquired"]
            asyncio.get_running_loop().call_soon(happens, handler)  # before the requests of this pass are written
        return self._message(*arguments)


@pytest.mark.parametrize("happens", HAPPENS.values(), ids=HAPPENS)
async def test_a_submission_is_told_as_unsent(
    happens: Callable[[Handler], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    async with scripted() as server, SessionPool(connections=1) as pool:
        between = Between(pool, monkeypatch)
        await pool.exchange(server.url, "k", CREATE, 1.0)
        between.once(happens)
        with pytest.raises(TransportError, match="ended before the request was sent") as caught:
            await pool.exchange(server.url, "k", CREATE, 1.0)
        assert not caught.value.sent
        assert "came" not in vars(caught.value)
        assert (await pool.exchange(server.url, "k", CREATE, 1.0)).status == 200
        assert (server.posts, server.connections) == (2, 2)


@pytest.mark.parametrize("happens", HAPPENS.values(), ids=HAPPENS)
async def test_a_read_goes_out_on_another_connection(
    happens: Callable[[Handler], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    async with scripted(answer(body="first"), answer(body="second")) as server, SessionPool(connections=1) as pool:
        between = Between(pool, monkeypatch)
        await pool.exchange(server.url, "k", RECORD, 1.0)
        between.once(happens)
        assert (await pool.exchange(server.url, "k", RECORD, 1.0)).body == b'"second"'
        assert (len(server.received), server.connections) == (2, 2)


async def test_a_line_break_that_comes_then_costs_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    async with scripted(answer(body="first"), answer(body="second")) as server, SessionPool(connections=1) as pool:
        between = Between(pool, monkeypatch)
        await pool.exchange(server.url, "k", CREATE, 1.0)
        between.once(says(b"\r\n"))
        assert (await pool.exchange(server.url, "k", CREATE, 1.0)).body == b'"second"'
        assert server.connections == 1


async def test_on_a_new_connection_too(monkeypatch: pytest.MonkeyPatch) -> None:
    async with scripted() as server, SessionPool(connections=1) as pool:
        between = Between(pool, monkeypatch)
        between.once(says(http(503, b"go away")))
        with pytest.raises(TransportError) as caught:
            await pool.exchange(server.url, "k", CREATE, 1.0)
        assert (caught.value.sent, server.posts) == (False, 0)
