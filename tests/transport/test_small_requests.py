"""API calls' own request class puts the same on the wire as aiohttp's, later in the same pass of the event loop."""

from __future__ import annotations

import asyncio

import aiohttp
import pytest
from multidict import CIMultiDict
from yarl import URL

from wan_async import SessionPool, TransportError
from wan_async._protocol import Request, requests
from wan_async._small_requests import SmallRequest, request_class, write

from ..servers import Received, answer, scripted

CREATE = Request("POST", requests.CREATE_TASK, b'{"model": "m"}')
RECORD = requests.record_info("an id")


async def received(*sent: Request) -> list[Received]:
    """What a server gets, all on one connection."""
    async with scripted() as server, SessionPool(connections=1) as pool:
        for one in sent:
            await pool.exchange(server.url, "k", one, 5.0)
        assert server.connections == 1
        return server.received


async def test_aiohttps_own_class_puts_the_same_on_the_wire(monkeypatch: pytest.MonkeyPatch) -> None:
    assert request_class() is SmallRequest
    ours = await received(CREATE, RECORD, CREATE)
    monkeypatch.setattr(aiohttp, "__version__", "3.15.0")
    assert request_class() is aiohttp.ClientRequest
    theirs = await received(CREATE, RECORD, CREATE)

    def told(one: Received) -> tuple[object, ...]:
        return one.method, one.path, one.body, {k: v for k, v in one.headers.items() if k.lower() != "host"}

    assert [told(one) for one in ours] == [told(one) for one in theirs]


@pytest.mark.parametrize("closed", [False, True])
def test_a_connection_that_closed_since_is_not_written_to(closed: bool) -> None:
    written: list[bytes] = []

    class Transport(asyncio.WriteTransport):
        def is_closing(self) -> bool:
            return closed

        def write(self, data: bytes | bytearray | memoryview) -> None:
            written.append(bytes(data))

    write(Transport(), b"GET")
    assert written == ([] if closed else [b"GET"])


async def test_requests_of_one_pass_are_written_back_to_back(monkeypatch: pytest.MonkeyPatch) -> None:
    order: list[str] = []
    message = SmallRequest.message

    def noted(request: SmallRequest) -> bytes:
        order.append("made")
        return message(request)

    def noted_write(transport: asyncio.WriteTransport, whole: bytes) -> None:
        order.append("written")
        write(transport, whole)

    async with scripted() as server, SessionPool(connections=2) as pool:

        async def two() -> None:
            await asyncio.gather(*(pool.exchange(server.url, "k", RECORD, 5.0) for _ in range(2)))

        await two()
        monkeypatch.setattr("wan_async._small_requests.write", noted_write)
        monkeypatch.setattr(SmallRequest, "message", noted)
        await two()
    assert order == ["made", "made", "written", "written"]


@pytest.mark.parametrize("transport", [None, "closing"])
async def test_a_connection_that_closed_before_is_not_used(transport: str | None) -> None:
    class Closing:
        def is_closing(self) -> bool:
            return True

    class Protocol:
        def __init__(self) -> None:
            self.transport = Closing() if transport else None

    class Connection:
        protocol = Protocol()

    request = SmallRequest.__new__(SmallRequest)
    with pytest.raises(aiohttp.ClientConnectionResetError):
        await request.send(Connection())  # type: ignore[arg-type]


async def test_a_line_break_cannot_become_another_header() -> None:
    request = SmallRequest(
        "GET",
        URL("http://127.0.0.1/x"),
        headers=CIMultiDict({"Authorization": "Bearer k\r\nX-Other: 1"}),
        data=None,
        loop=asyncio.get_running_loop(),
        response_class=aiohttp.ClientResponse,
        timer=None,  # type: ignore[arg-type]
        session=None,  # type: ignore[arg-type]
        ssl=True,
    )
    with pytest.raises(ValueError, match="line break"):
        request.message()


async def test_an_answer_that_is_no_http_is_a_transport_error() -> None:
    async with scripted(answer(200, b"{}", {"Content-Length": "many"})) as server, SessionPool() as pool:
        with pytest.raises(TransportError) as caught:
            await pool.exchange(server.url, "k", CREATE, 5.0)
    assert caught.value.sent
