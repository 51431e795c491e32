"""Senders that do not finish: a body that never comes, one that is cut short, and connections that are only held."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest

from wan_async import Callbacks
from wan_async.integrations import receiver

from .support import KEY, body, post, signed
from .test_frameworks import aiohttp_web, bare, served
from .test_replies import URL, Bus

HALF = b"POST /wan/ HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\n{"


@asynccontextmanager
async def receiving_in(kind: str, callbacks: Callbacks) -> AsyncGenerator[int]:
    async with aiohttp_web(callbacks) if kind == "aiohttp" else served(bare(callbacks)) as url:
        yield int(url.rpartition(":")[2].partition("/")[0])


@pytest.mark.parametrize("kind", ["aiohttp", "asgi"])
async def test_a_body_that_never_comes_is_a_408_and_the_connection_ends(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = "aiohttp_web" if kind == "aiohttp" else "asgi"
    monkeypatch.setattr(f"wan_async._callbacks.{module}.BODY_WITHIN", 0.2)
    async with receiving_in(kind, Callbacks(URL, KEY)) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(HALF)
        async with asyncio.timeout(10):
            answer = await reader.read()  # to its end: the server hangs up
        writer.close()
    assert answer.startswith(b"HTTP/1.1 408")
    assert b"the body did not come" in answer


@pytest.mark.parametrize("kind", ["aiohttp", "asgi"])
async def test_a_sender_that_hangs_up_in_mid_body_is_no_error(kind: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    callbacks = Callbacks(URL, KEY, bus=(bus := Bus()))
    async with receiving_in(kind, callbacks) as port:
        for _ in range(3):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(HALF)
            await writer.drain()
            await asyncio.sleep(0.05)
            writer.transport.abort()
        await asyncio.sleep(0.1)
        assert (await post(f"http://127.0.0.1:{port}/wan/", body("t"), signed("t")))[0] == 200
    assert [one.task_id for one in bus.published] == ["t"]
    assert caplog.records == []


async def test_a_body_that_cannot_be_unpacked_is_a_400_and_no_error(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    async with receiving_in("aiohttp", Callbacks(URL, KEY)) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"POST /wan/ HTTP/1.1\r\nHost: h\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}")
        async with asyncio.timeout(5):
            answer = await reader.read()
        writer.close()
    assert answer.startswith(b"HTTP/1.1 400")
    assert caplog.records == []


async def test_connections_that_are_only_held_give_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(receiver, "CONNECTIONS", 8)
    callbacks = Callbacks(URL, KEY, bus=Bus())
    async with receiving_in("aiohttp", callbacks) as port:
        held = [await asyncio.open_connection("127.0.0.1", port) for _ in range(30)]
        assert (await post(f"http://127.0.0.1:{port}/wan/", body("t"), signed("t")))[0] == 200
        async with asyncio.timeout(10):
            ends = [await reader.read() for reader, _ in held[:22]]  # hung up on, to make room
        assert ends == [b""] * 22
        for _, writer in held:
            writer.close()


async def test_a_connection_that_is_used_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(receiver, "CONNECTIONS", 4)
    async with receiving_in("aiohttp", Callbacks(URL, KEY)) as port:
        reader, used = await asyncio.open_connection("127.0.0.1", port)
        held: list[asyncio.StreamWriter] = []
        for _ in range(12):
            used.write(b"GET /wan/ HTTP/1.1\r\nHost: h\r\n\r\n")
            async with asyncio.timeout(10):
                assert b"HTTP/1.1 405" in await reader.readuntil(b"405: Method Not Allowed")
            held.append((await asyncio.open_connection("127.0.0.1", port))[1])
        for writer in (used, *held):
            writer.close()
