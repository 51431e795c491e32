"""A company's proxy and authority: every call goes through, and no error shows the proxy's password."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from wan_async import ConfigurationError, Retry, SessionPool, Timeout, TransportError, WanClient
from wan_async._transport.proxies import Proxies

from ..calls.support import FOX
from ..proxy import proxying
from ..servers import CREATED, answer, cut, raw, scripted
from .test_secrets import shown

PNG = b"\x89PNG\r\n\x1a\n"
PASSWORD = "s3cret-p@ss"
QUOTED = "s3cret-p%40ss"


def client(url: str, pool: SessionPool) -> WanClient:
    return WanClient("k", base_url=url, upload_url=url, pool=pool, retry=Retry(max_elapsed=0), timeout=Timeout(5))


async def test_calls_go_through_a_tunnel_to_whom_the_company_trusts(
    untrusted: ssl.SSLContext, trusting: ssl.SSLContext
) -> None:
    async with proxying() as proxy, scripted(tls=untrusted) as server:
        async with client(server.url, SessionPool(proxy=proxy.url, ssl=trusting)) as wan:
            await wan.submit(FOX)
        assert server.posts == 1
    assert proxy.asked == [f"CONNECT {server.url.removeprefix('https://')}"]


async def test_whom_nobody_trusts_is_not_called(untrusted: ssl.SSLContext) -> None:
    async with scripted(tls=untrusted) as server, client(server.url, SessionPool()) as wan:
        with pytest.raises(TransportError, match=r"no connection: .*certificate") as caught:
            await wan.submit(FOX)
        assert not caught.value.sent
        assert server.posts == 0


async def test_a_company_authority_alone_takes_the_direct_way(
    untrusted: ssl.SSLContext, trusting: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with scripted(tls=untrusted) as server, client(server.url, SessionPool(ssl=trusting)) as wan:
        monkeypatch.delattr("wan_async._transport.sessions.LoopSessions._by_session")
        await wan.submit(FOX)


@pytest.mark.parametrize("tunnel", [True, False])
async def test_uploads_and_downloads_go_through_it_too(
    tunnel: bool, untrusted: ssl.SSLContext, trusting: ssl.SSLContext, tmp_path: Path
) -> None:
    stored = answer(body={"code": 200, "data": {"downloadUrl": "https://x/y"}})
    async with (
        proxying() as proxy,
        scripted(
            stored, answer(body=b"clip", headers={"Content-Type": "video/mp4"}), tls=untrusted if tunnel else None
        ) as server,
        client(server.url, SessionPool(proxy=proxy.url, ssl=trusting)) as wan,
    ):
        await wan.upload(PNG)
        path = await wan.download(f"{server.url}/clip.mp4", tmp_path / "clip.mp4")
    assert path.read_bytes() == b"clip"
    assert len(proxy.asked) >= 1
    assert len(server.received) == 2


async def test_a_proxys_password_opens_it(untrusted: ssl.SSLContext, trusting: ssl.SSLContext) -> None:
    async with proxying(PASSWORD) as proxy, scripted(tls=untrusted) as server, scripted() as plain:
        pool = SessionPool(proxy=proxy.url.replace(PASSWORD, QUOTED), ssl=trusting)
        async with client(server.url, pool) as wan, wan.with_options(base_url=plain.url) as other:
            await wan.submit(FOX)
            await other.submit(FOX)
        (received,) = server.received
        assert "proxy-authorization" not in received.headers
        assert plain.posts == 1


@pytest.mark.parametrize("status", [0, 403, 407, 502])
async def test_an_error_names_the_proxy_and_not_its_password(status: int) -> None:
    async with proxying(PASSWORD) as proxy:
        proxy.refuses = status
        url = proxy.url.replace(PASSWORD, QUOTED if status else "wrong")
        async with client("https://api.invalid", SessionPool(proxy=url)) as wan:
            for call in (wan.submit(FOX), wan.credits(), wan.upload(PNG)):
                with pytest.raises(TransportError) as caught:
                    await call
                shows = f"no connection through the proxy http://{url.partition('@')[2]}: {status or 407}"
                assert str(caught.value).startswith(shows)
                assert [line for line in shown(caught.value) if "s3cret" in line or "wrong" in line] == []
                assert not caught.value.sent


BROKEN = {
    "hangs up": cut(b"", 0),
    "hangs up in its answer": cut(b"HTTP/1.1 200 OK\r\nX", 99),
    "is no proxy": raw(b"SSH-2.0-OpenSSH_9.6\r\n\r\n"),
}


@pytest.mark.parametrize("how", BROKEN)
@pytest.mark.parametrize("call", ["submit", "credits", "upload"])
async def test_what_breaks_before_the_tunnel_is_there_was_never_sent(how: str, call: str) -> None:
    async with scripted(BROKEN[how]) as proxy:
        url = proxy.url.replace("//", f"//user:{QUOTED}@")
        async with client("https://api.invalid", SessionPool(proxy=url)) as wan:
            calls = {"submit": lambda: wan.submit(FOX), "credits": wan.credits, "upload": lambda: wan.upload(PNG)}
            with pytest.raises(TransportError) as caught:
                await calls[call]()
    assert type(caught.value) is TransportError
    assert not caught.value.sent
    assert str(caught.value).startswith(f"no connection through the proxy {proxy.url}")
    assert [line for line in shown(caught.value) if "s3cret" in line] == []


async def test_an_answer_that_is_no_http_does_not_bring_the_proxys_password_along() -> None:
    async with scripted(raw(b"HTTP/1.1 200 OK\r\nodd: s3cr\r\nodd\r\n\r\n")) as proxy:
        url = proxy.url.replace("//", f"//user:{QUOTED}@")
        async with client("http://api.invalid", SessionPool(proxy=url)) as wan:
            with pytest.raises(TransportError, match="broke: Invalid header token") as caught:
                await wan.submit(FOX)
    assert caught.value.sent
    assert [line for line in shown(caught.value) if "s3cr" in line] == []


async def test_a_proxy_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", f"http://user:{QUOTED}@127.0.0.1:9")
    for pool in (SessionPool(trust_env=True), SessionPool(proxy=f"http://user:{QUOTED}@127.0.0.1:9")):
        async with client("https://api.invalid", pool) as wan:
            with pytest.raises(TransportError) as caught:
                await wan.submit(FOX)
            words = "no connection through the proxy http://127.0.0.1:9: Cannot connect to host 127.0.0.1:9"
            assert str(caught.value).startswith(words)
            assert [line for line in shown(caught.value) if "s3cret" in line] == []


async def test_the_environment_names_proxies_only_where_it_is_trusted(monkeypatch: pytest.MonkeyPatch) -> None:
    async with (
        proxying() as proxy,
        scripted(*[answer(body={**CREATED, "data": {"taskId": f"t{n}"}}) for n in range(3)]) as server,
    ):
        monkeypatch.setenv("http_proxy", proxy.url)
        monkeypatch.delenv("no_proxy", raising=False)
        async with client(server.url, SessionPool()) as wan:
            await wan.submit(FOX)
        assert proxy.asked == []
        async with client(server.url, SessionPool(trust_env=True)) as wan:
            await wan.submit(FOX)
        assert proxy.asked == [f"POST {server.url}/api/v1/jobs/createTask"]
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        async with client(server.url, SessionPool(trust_env=True)) as wan:
            await wan.submit(FOX)
        assert len(proxy.asked) == 1


def test_an_environments_proxy_may_lack_its_scheme(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", "proxy.example.com:3128")
    monkeypatch.delenv("no_proxy", raising=False)
    assert str(Proxies(None, trust_env=True).to("https://api.example.com/x")) == "http://proxy.example.com:3128"


def test_a_proxy_that_cannot_be_used_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", f"socks5://user:{QUOTED}@proxy.example.com")
    monkeypatch.delenv("no_proxy", raising=False)
    with pytest.raises(ConfigurationError, match="HTTPS_PROXY: not allowed; allowed: an http") as caught:
        Proxies(None, trust_env=True).to("https://api.example.com")
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize("proxy", ["socks5://h:1", "proxy:3128", "", 5, "http://"])
def test_a_proxy_is_a_url(proxy: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"SessionPool\.proxy: .*allowed: an http\(s\) URL"):
        SessionPool(proxy=proxy)


async def test_a_session_of_the_callers_own_has_its_own_settings() -> None:
    async with aiohttp.ClientSession() as session:
        for options in ({"trust_env": True}, {"proxy": "http://h:1"}, {"ssl": ssl.create_default_context()}):
            with pytest.raises(ConfigurationError, match="a session of your own has its own trust_env, proxy and ssl"):
                SessionPool(session, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("context", [False, True, "company.pem"])
def test_whom_to_trust_is_a_context(context: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"SessionPool\.ssl: .* allowed: an ssl\.SSLContext"):
        SessionPool(ssl=context)
