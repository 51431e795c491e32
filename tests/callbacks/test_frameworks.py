"""The receiver in real servers: aiohttp.web by itself, the ASGI application under uvicorn, alone and mounted."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeAlias

import aiohttp
import pytest
import uvicorn
from fastapi import FastAPI
from litestar import Litestar, asgi
from quart import Quart
from starlette.applications import Starlette
from starlette.routing import Mount

from wan_async import CallbackReply, Callbacks
from wan_async._callbacks.asgi import ASGIApp, AsgiMessage, Receiver
from wan_async._protocol.callbacks import MAX_BODY, WakeUp
from wan_async.integrations.receiver import receiving

from ..databases import free_port
from .support import KEY, body, listening, post, signed
from .test_replies import URL, Bus

Make: TypeAlias = Callable[[Callbacks], Any]


def bare(callbacks: Callbacks) -> Any:
    return callbacks.asgi_app()


def starlette(callbacks: Callbacks) -> Any:
    return Starlette(routes=[Mount("/wan", callbacks.asgi_app())])


def fastapi(callbacks: Callbacks) -> Any:
    app = FastAPI()
    app.mount("/wan", callbacks.asgi_app())
    return app


def litestar(callbacks: Callbacks) -> Any:
    return Litestar([asgi("/wan", is_mount=True, copy_scope=True)(callbacks.asgi_app())])  # pyright: ignore[reportArgumentType]


def quart(callbacks: Callbacks) -> Any:
    app, ours = Quart(__name__), callbacks.asgi_app()
    theirs = app.asgi_app

    async def both(scope: Any, receive: Any, send: Any) -> None:
        mine = scope["type"] == "http" and scope["path"].startswith("/wan")
        await (ours if mine else theirs)(scope, receive, send)

    app.asgi_app = both  # pyright: ignore[reportAttributeAccessIssue]
    return app


@asynccontextmanager
async def aiohttp_web(callbacks: Callbacks) -> AsyncGenerator[str]:
    async with receiving(callbacks, path="/wan/") as url:
        yield url


@asynccontextmanager
async def served(app: Any) -> AsyncGenerator[str]:
    server = uvicorn.Server(uvicorn.Config(app, port=(port := free_port()), log_level="error", access_log=False))
    server.install_signal_handlers = lambda: None  # type: ignore[attr-defined]
    serving = asyncio.create_task(server._serve())  # pyright: ignore[reportPrivateUsage] - without signal handlers
    try:
        await listening(port)
        yield f"http://127.0.0.1:{port}/wan/"
    finally:
        server.should_exit = True
        await serving


@asynccontextmanager
async def receiving_in(make: Make | None, callbacks: Callbacks) -> AsyncGenerator[str]:
    async with aiohttp_web(callbacks) if make is None else served(make(callbacks)) as url:
        yield url


@pytest.mark.parametrize("make", [None, bare, starlette, fastapi, litestar, quart])
async def test_every_server_takes_and_refuses_the_same(make: Make | None) -> None:
    callbacks = Callbacks(URL, KEY, bus=(bus := Bus()))
    genuine = signed("t")  # once: a second later it would be no replay
    async with receiving_in(make, callbacks) as url:
        assert await post(url + "?wan_token=abc", body("t"), genuine) == (200, {"code": 200, "msg": "success"})
        for data, headers, status in (
            (body("t"), signed("t", "forged"), 401),
            (body("t"), signed("t", at=0), 401),
            (body("t"), {}, 401),
            (b"garbage", signed("t"), 400),
            (b"", signed("t"), 400),
            (body("t", pad="x" * MAX_BODY), signed("t"), 413),
            (body("t"), genuine, 200),
        ):
            assert (await post(url, data, headers))[0] == status
    assert bus.published == [WakeUp("t", "abc")]


@pytest.mark.parametrize("make", [None, bare])
async def test_other_methods_are_not_allowed(make: Make | None) -> None:
    async with receiving_in(make, Callbacks(URL)) as url, aiohttp.ClientSession() as session, session.get(url) as reply:
        assert reply.status == 405
        assert reply.headers["Allow"] == "POST"


@pytest.mark.parametrize("make", [None, bare])
async def test_a_body_that_never_ends_is_read_no_further_than_it_may_be(make: Make | None) -> None:
    sent = 0

    async def endless() -> AsyncGenerator[bytes]:
        nonlocal sent
        while sent < 64 * MAX_BODY:
            sent += 1 << 16
            yield b" " * (1 << 16)

    async with receiving_in(make, Callbacks(URL, KEY)) as url, aiohttp.ClientSession() as session:
        try:
            async with session.post(url, data=endless()) as reply:
                assert reply.status == 413
        except (aiohttp.ClientError, ConnectionError):
            pass  # it hung up first
    assert sent < 32 * MAX_BODY


async def test_a_body_that_grows_when_it_is_unpacked_is_too_large() -> None:
    packed = gzip.compress(b" " * (64 * MAX_BODY))
    async with aiohttp_web(Callbacks(URL, KEY)) as url:
        assert (await post(url, packed, {"Content-Encoding": "gzip"}))[0] == 413


async def test_a_sender_that_is_gone_gets_no_answer_and_tells_nothing() -> None:
    messages = iter([{"type": "http.request", "body": b"{", "more_body": True}, {"type": "http.disconnect"}])
    sent: list[AsgiMessage] = []

    async def receive() -> AsgiMessage:
        return next(messages)

    async def send(message: AsgiMessage) -> None:
        sent.append(message)

    async def take(*_: object, **__: object) -> CallbackReply:
        raise AssertionError("half a body was taken")

    app: ASGIApp = Receiver(take)
    await app({"type": "http", "method": "POST", "headers": []}, receive, send)
    assert sent == []


async def test_a_websocket_is_turned_away() -> None:
    sent: list[AsgiMessage] = []

    async def receive() -> AsgiMessage:
        raise AssertionError("nothing more is asked")

    async def send(message: AsgiMessage) -> None:
        sent.append(message)

    await Callbacks(URL).asgi_app()({"type": "websocket"}, receive, send)
    assert sent == [{"type": "websocket.close"}]
