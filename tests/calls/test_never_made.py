"""A createTask whose connection was never made is sent again; one on a connection that was is not."""

from __future__ import annotations

import asyncio
import socket
import ssl

import aiohttp
import pytest
from aiohttp.abc import AbstractResolver, ResolveResult

from wan_async import (
    Retry,
    SessionPool,
    SubmissionUnknownError,
    Timeout,
    TransportError,
    WanError,
)
from wan_async.events import Called, Event, Repeated, Submitted

from ..servers import (
    Script,
    ScriptedServer,
    answer,
    answer_plainly,
    answer_then_close_idle,
    answer_then_reset_next,
    never,
    reset_in_handshake,
    scripted,
)
from .support import FOX, client, submitted

pytestmark = pytest.mark.usefixtures("prompt_repeats")


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
    events: list[Event] = []
    async with scripted(never) as server, SessionPool(connections=1) as pool:
        wan = client(server.url, pool, timeout=Timeout(0.6))
        first = asyncio.create_task(submitted(wan, SubmissionUnknownError))
        while not server.posts:
            await asyncio.sleep(0.01)
        await submitted(client(server.url, pool, on_event=events.append, timeout=Timeout(0.2)), None)
        await first
        assert server.posts == 2  # one each
    assert {type(event) for event in events} == {Called, Repeated, Submitted}
    assert "Connection timeout" in next(str(event.error) for event in events if isinstance(event, Repeated))


# kept-alive connections


async def test_a_stale_connection_that_was_seen_to_close_is_not_used() -> None:
    other = answer(body={"code": 200, "data": {"taskId": "t2"}})
    async with scripted(answer_then_close_idle, other) as server, client(server.url) as wan:
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
