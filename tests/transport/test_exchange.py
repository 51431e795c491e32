"""Every way in which an exchange can fail is a `TransportError` that says whether the request may have left."""

from __future__ import annotations

import asyncio
import socket
import ssl
import traceback
from collections.abc import Generator
from contextlib import contextmanager

import aiohttp
import pytest
import trustme
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.http_exceptions import BadHttpMessage

from wan_async import ConfigurationError, SessionPool, TransportError
from wan_async._protocol import Answer, Request, requests

from ..servers import (
    CREATED,
    Script,
    answer,
    answer_plainly,
    chunked,
    close_after_reading,
    cut,
    gzipped,
    http,
    never,
    raw,
    reset_after_reading,
    reset_at_once,
    reset_in_handshake,
    scripted,
)

KEY = "key-that-nobody-may-see"
WHOLE = http(200, b'{"code": 200}')
IN_CHUNKS = http(200, b"", {"Content-Length": "", "Transfer-Encoding": "chunked"})
MEBIBYTE = 1 << 20
REQUEST = Request("POST", requests.CREATE_TASK, b"{}")


@pytest.fixture(params=["direct", "by the session"], autouse=True)
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both ways of a call: an aiohttp that was not tried gets all by the session."""
    if request.param != "direct":
        monkeypatch.setattr(aiohttp, "__version__", "3.15.0")


class Unresolved(AbstractResolver):
    """Knows no name, without asking anybody."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        raise OSError(None, "Name or service not known")

    async def close(self) -> None:
        pass


async def exchange(url: str, pool: SessionPool | None = None, timeout: float = 5.0) -> Answer:
    async with pool or SessionPool() as pool:
        return await pool.exchange(url, KEY, REQUEST, timeout)


@contextmanager
def fails(*, sent: bool, words: str) -> Generator[None]:
    with pytest.raises(TransportError, match=words) as caught:
        yield
    assert type(caught.value) is TransportError
    assert caught.value.sent is sent
    chain = [caught.value, caught.value.__cause__, caught.value.__context__]
    assert KEY not in f"{chain!r} {[getattr(error, 'args', ()) for error in chain]!r}"
    assert KEY not in "".join(traceback.format_exception(caught.value))


SENT_ROWS: dict[str, tuple[Script, str]] = {
    "reset before the first byte was read": (reset_at_once, "the connection broke"),
    "reset after reading": (reset_after_reading, "the connection broke"),
    "closed after reading": (close_after_reading, "the connection broke: Server disconnected"),
    "cut in the status line": (cut(WHOLE, 8), "the connection broke"),
    "cut in the headers": (cut(WHOLE, 40), "the connection broke"),
    "cut in the body": (cut(WHOLE, len(WHOLE) - 3), "the connection broke"),
    "cut in a chunk": (raw(IN_CHUNKS + b"9\r\n{", then=lambda peer: peer.close()), "broke"),
    "reset in the body": (raw(WHOLE[:-3], then=lambda peer: peer.reset()), "the connection broke"),
    "a length longer than the body": (cut(http(200, b"{}", {"Content-Length": "90"}), 999), "the connection broke"),
    "no HTTP": (raw(b"SSH-2.0-OpenSSH_9.6\r\n", then=lambda peer: peer.close()), "the connection broke"),
    "two lengths": (raw(http(200, b"{}", {"content-length": "7"})), "the connection broke"),
    "a broken chunk length": (raw(IN_CHUNKS + b"zz\r\n"), "broke"),
    "a body that is not gzip": (answer(body=b"plain", headers={"Content-Encoding": "gzip"}), "the connection broke"),
    "no answer in time": (never, "no answer within 0.2 s"),
    "half an answer, then nothing": (raw(WHOLE[:-3]), "no answer within 0.2 s"),
    "larger than 1 MiB": (answer(body=b"x" * (MEBIBYTE + 1)), "an answer larger than 1048576 bytes"),
    "larger than 1 MiB, in chunks": (chunked(*[b"x" * 65536] * 17), "an answer larger than 1048576 bytes"),
    "larger than 1 MiB when unpacked": (gzipped("x" * MEBIBYTE), "an answer larger than 1048576 bytes"),
}  # fmt: skip


@pytest.mark.parametrize("row", SENT_ROWS)
async def test_what_may_have_reached_the_provider_counts_as_sent(row: str) -> None:
    script, words = SENT_ROWS[row]
    async with scripted(script) as server:
        with fails(sent=True, words=words):
            await exchange(server.url, timeout=0.2 if "in 0.2 s" in words else 5.0)
        assert server.connections == 1


ANSWER_ROWS: dict[str, tuple[Script, bytes]] = {
    "with its length": (answer(body=b'{"code": 1}'), b'{"code": 1}'),
    "in chunks": (chunked(b'{"code"', b": 1}"), b'{"code": 1}'),
    "until the end of the connection": (
        raw(http(200, b'{"code": 1}', {"Content-Length": ""}), then=lambda peer: peer.close()),
        b'{"code": 1}',
    ),
    "packed although nobody asked": (gzipped(7), b"7"),
    "empty": (answer(body=b""), b""),
    "of 1 MiB": (answer(body=b"x" * MEBIBYTE), b"x" * MEBIBYTE),
    "of 1 MiB in chunks": (chunked(*[b"x" * 65536] * 16), b"x" * MEBIBYTE),
    "after a 103": (raw(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + WHOLE), b'{"code": 200}'),
}


@pytest.mark.parametrize("row", ANSWER_ROWS)
async def test_a_whole_answer_is_read_whatever_its_form(row: str) -> None:
    script, body = ANSWER_ROWS[row]
    async with scripted(script) as server:
        assert (await exchange(server.url)).body == body


async def test_an_answer_has_its_status_and_its_headers_in_any_case() -> None:
    async with scripted(answer(503, b"<html>", {"Retry-After": "7"})) as server:
        got = await exchange(server.url)
    assert (got.status, got.headers["retry-after"], got.headers["Retry-After"]) == (503, "7", "7")
    assert got.received_at > 1.7e9


# what certainly did not leave


async def test_a_refused_connection_is_unsent() -> None:
    async with scripted(listening=False) as server:
        with fails(sent=False, words="no connection: Cannot connect to host 127.0.0.1"):
            await exchange(server.url)


async def test_an_unknown_name_is_unsent() -> None:
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(resolver=Unresolved())) as session:
        with fails(sent=False, words="no connection: Cannot connect to host api.invalid"):
            await exchange("http://api.invalid", SessionPool(session))


@pytest.mark.parametrize("script", [answer_plainly, reset_in_handshake], ids=["plain HTTP", "reset in the handshake"])
async def test_a_tls_handshake_that_fails_is_unsent(script: Script) -> None:
    async with scripted(script) as server:
        with fails(sent=False, words="no connection"):
            await exchange(server.url.replace("http:", "https:"))
        assert server.posts == 0


async def test_a_handshake_that_takes_too_long_is_unsent() -> None:
    async def silent(peer: object) -> None:
        await asyncio.Event().wait()

    async with scripted(silent) as server:
        with fails(sent=False, words="no connection: Connection timeout"):
            await exchange(server.url.replace("http:", "https:"), timeout=0.2)


async def test_certificates_are_verified(untrusted: ssl.SSLContext) -> None:
    async with scripted(tls=untrusted) as server:
        with fails(sent=False, words="certificate verify failed"):
            await exchange(server.url)
        assert server.posts == 0


async def test_a_callers_own_trust_holds(authority: trustme.CA, untrusted: ssl.SSLContext) -> None:
    trusting = ssl.create_default_context()
    trusting.load_verify_locations(cadata=authority.cert_pem.bytes().decode())
    async with (
        scripted(tls=untrusted) as server,
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=trusting)) as session,
    ):
        assert (await exchange(server.url, SessionPool(session))).status == 200


async def test_a_pinned_certificate_that_differs_is_unsent(untrusted: ssl.SSLContext) -> None:
    pinned = aiohttp.Fingerprint(b"\0" * 32)
    async with (
        scripted(tls=untrusted) as server,
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=pinned)) as session,
    ):
        with fails(sent=False, words="no connection"):
            await exchange(server.url, SessionPool(session))
        assert server.posts == 0


async def test_a_proxy_that_refuses_the_tunnel_is_unsent() -> None:
    async with scripted(answer(407, b"")) as proxy, aiohttp.ClientSession(proxy=proxy.url) as session:
        with fails(sent=False, words="no connection: 407"):
            await exchange("https://api.invalid", SessionPool(session))
        assert [request.method for request in proxy.received] == ["CONNECT"]


async def test_a_connection_that_comes_too_late_is_unsent() -> None:
    async with scripted(never) as server, SessionPool(connections=1) as pool:
        first = asyncio.create_task(exchange(server.url, pool, timeout=0.6))
        await asyncio.sleep(0.05)
        with fails(sent=False, words="no connection: Connection timeout"):
            await exchange(server.url, pool, timeout=0.2)
        with fails(sent=True, words="no answer within"):
            await first
        assert server.posts == 1


async def test_a_url_that_cannot_be_asked_is_unsent() -> None:
    for url in ("http:///x", "ftp://127.0.0.1"):
        with fails(sent=False, words="no connection"):
            await exchange(url)


# a caller's own session


UNFORESEEN = [
    RuntimeError("<TCPTransport closed=True>"),
    ValueError("odd"),
    EOFError(),
    OSError("odd"),
    BadHttpMessage(""),
]


@pytest.mark.parametrize("fault", UNFORESEEN, ids=lambda fault: type(fault).__name__)
async def test_a_fault_that_nobody_foresaw_counts_as_sent(fault: Exception) -> None:
    async def broken(*_: object) -> None:
        raise fault

    trace = aiohttp.TraceConfig()
    trace.on_request_headers_sent.append(broken)
    async with scripted() as server, aiohttp.ClientSession(trace_configs=[trace]) as session:
        with fails(sent=True, words="the connection broke: "):
            await exchange(server.url, SessionPool(session))


async def test_a_bug_is_no_transport_error() -> None:
    async with scripted() as server, SessionPool() as pool:
        with pytest.raises(TypeError):
            await pool.exchange(server.url, KEY, Request("POST", "/", 5), 1.0)  # type: ignore[arg-type]


async def test_a_closed_session_is_told() -> None:
    async with aiohttp.ClientSession() as session:
        pool = SessionPool(session)
        async with pool:
            pass
    with pytest.raises(ConfigurationError, match=r"SessionPool\.session: the given session is closed"):
        await exchange("http://127.0.0.1:1", pool)


async def test_the_callers_middleware_cannot_send_again() -> None:
    async def twice(request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
        (await handler(request)).release()
        return await handler(request)

    async with scripted() as server, aiohttp.ClientSession(middlewares=[twice]) as session:
        await exchange(server.url, SessionPool(session))
        assert server.posts == 1


async def test_nothing_else_of_the_callers_session_disturbs() -> None:
    async with (
        scripted(answer(500, b"", {"Set-Cookie": "a=b"}), answer(500, CREATED)) as server,
        aiohttp.ClientSession(
            base_url="http://127.0.0.1:1/elsewhere/",
            raise_for_status=True,
            cookies={"mine": "1"},
            headers={"Authorization": "theirs", "Content-Type": "text/plain", "User-Agent": "x", "X-Own": "1"},
            timeout=aiohttp.ClientTimeout(total=1e-9),
        ) as session,
    ):
        pool = SessionPool(session)
        assert [(await exchange(server.url, pool)).status for _ in range(2)] == [500, 500]
        assert not session.closed
    headers = server.received[1].headers
    assert headers["authorization"] == f"Bearer {KEY}"
    assert headers["content-type"] == "application/json"
    assert headers["user-agent"].startswith("wan-async/")
