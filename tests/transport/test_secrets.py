"""The key is not shown: not by an error, not by its causes, not by the locals of any frame of their tracebacks."""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Callable, Coroutine, Generator
from pathlib import Path
from typing import Any, TypeAlias

import aiohttp
import pytest

from wan_async import Retry, SessionPool, Timeout, WanClient, WanError

from ..calls.support import FOX
from ..servers import (
    Script,
    answer,
    chunked,
    close_after_reading,
    cut,
    envelope,
    http,
    never,
    raw,
    reset_after_reading,
    reset_at_once,
    scripted,
)

KEY = "sk-that-nobody-may-see"
WHOLE = http(200, b'{"code":200,"data":{"taskId":"t"}}')

TESTS = Path(__file__).parents[1]

Call: TypeAlias = Callable[[WanClient], Coroutine[Any, Any, Any]]


@pytest.fixture(params=["direct", "by the session"], autouse=True)
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both ways of a call: an aiohttp that was not tried gets all by the session."""
    if request.param != "direct":
        monkeypatch.setattr(aiohttp, "__version__", "3.15.0")


def shown(error: BaseException) -> Generator[str]:
    """Whatever a crash reporter shows of an error: words, causes, and the locals of the frames below the test's."""
    seen: set[int] = set()
    pending: list[BaseException | None] = [error]
    while pending:
        one = pending.pop()
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        pending += [one.__cause__, one.__context__]
        yield f"{one!r} {one} {one.args!r} {vars(one)!r} {getattr(one, '__notes__', ())!r}"
        for frame, _ in traceback.walk_tb(one.__traceback__):
            if TESTS not in Path(frame.f_code.co_filename).parents:
                yield from (f"{frame.f_code.co_qualname} {name} = {value!r}" for name, value in frame.f_locals.items())


FAULTS: dict[str, Script] = {
    "reset at once": reset_at_once,
    "reset after reading": reset_after_reading,
    "closed after reading": close_after_reading,
    "half a head": cut(WHOLE, 20),
    "half a body": cut(WHOLE, len(WHOLE) - 5),
    "no HTTP": raw(b"SSH-2.0-x\r\n\r\n"),
    "a broken head": raw(b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n"),
    "a broken chunk": raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"),
    "a broken encoding": answer(body=b"no gzip", headers={"Content-Encoding": "gzip"}),
    "too much": answer(body=b"x" * (1 << 21)),
    "too much in chunks": chunked(*[b"x" * (1 << 19)] * 3),
    "a head without an end": raw(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000),
    "never": never,
    "a redirect": answer(302, b"", {"Location": "http://127.0.0.1:9/"}),
    "a page that shows it": answer(500, f"<p>Authorization: Bearer {KEY}".encode()),
    "refused with it": envelope(401, f"the key {KEY} is unknown"),
    "a bare 403 with it": answer(403, KEY.encode()),
}
CALLS: dict[str, Call] = {
    "submit": lambda wan: wan.submit(FOX),
    "credits": lambda wan: wan.credits(),
    "upload": lambda wan: wan.upload(b"bytes"),
    "upload by URL": lambda wan: wan.upload("https://example.com/fox.png"),
}


def client(url: str) -> WanClient:
    return WanClient(KEY, base_url=url, upload_url=url, retry=Retry(max_elapsed=0), timeout=Timeout(0.3))


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("fault", FAULTS)
async def test_no_fault_shows_the_key(fault: str, call: str) -> None:
    async with scripted(*[FAULTS[fault]] * 5) as server, client(server.url) as wan:
        with pytest.raises(WanError) as caught:
            await CALLS[call](wan)
    assert [line for line in shown(caught.value) if KEY in line] == []


@pytest.mark.parametrize("call", CALLS)
async def test_no_connection_shows_the_key(call: str) -> None:
    async with scripted(listening=False) as server, client(server.url) as wan:
        with pytest.raises(WanError) as caught:
            await CALLS[call](wan)
    assert [line for line in shown(caught.value) if KEY in line] == []


@pytest.mark.parametrize("call", CALLS)
async def test_a_cancelled_call_does_not_show_the_key(call: str) -> None:
    async with scripted(never) as server, client(server.url).with_options(timeout=Timeout(9)) as wan:
        task = asyncio.ensure_future(CALLS[call](wan))
        while not server.received:
            await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError) as caught:
            await task
    assert [line for line in shown(caught.value) if KEY in line] == []


@pytest.mark.parametrize("call", CALLS)
async def test_a_bug_within_does_not_show_the_key(call: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """An error that nobody foresaw, as deep as it can come from."""

    async def connect(*_: object, **__: object) -> None:
        raise KeyError("a bug")

    async with scripted(never) as server, client(server.url) as wan:
        monkeypatch.setattr(aiohttp.TCPConnector, "connect", connect)
        with pytest.raises(KeyError, match="a bug") as caught:
            await CALLS[call](wan)
    assert [line for line in shown(caught.value) if KEY in line] == []


async def test_a_plain_key_is_hidden_in_the_errors_causes_too() -> None:
    """As a transport of somebody's own gives it to a pool."""
    from wan_async._protocol import requests

    async with scripted(raw(b"SSH-2.0-x\r\n\r\n")) as server, SessionPool() as pool:
        with pytest.raises(WanError) as caught:
            await pool.exchange(server.url, KEY, requests.credit(), 5.0)
    lines = [line for line in shown(caught.value) if KEY in line]
    assert [
        line for line in lines if not line.startswith(("SessionPool.exchange key", "LoopSessions.exchange key"))
    ] == []


def test_neither_arguments_nor_settings_show_the_key() -> None:
    wan = WanClient(KEY)
    inside = vars(wan)
    assert KEY not in f"{wan!r} {inside!r} {[vars(one) for one in inside.values() if hasattr(one, '__dict__')]!r}"
