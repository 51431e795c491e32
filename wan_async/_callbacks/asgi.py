"""The callback receiver as an ASGI application, without a framework."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from .._protocol.callbacks import BODY_WITHIN, MAX_BODY
from ..errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.routing import BaseRoute

    from .._protocol.callbacks import CallbackReply

AsgiMessage: TypeAlias = MutableMapping[str, Any]
"""An ASGI event, or a connection's scope."""

Receive: TypeAlias = Callable[[], Awaitable[AsgiMessage]]
Send: TypeAlias = Callable[[AsgiMessage], Awaitable[None]]
ASGIApp: TypeAlias = Callable[[AsgiMessage, Receive, Send], Awaitable[None]]


class TakeCallback(Protocol):
    """`Callbacks.receive`."""

    async def __call__(self, headers: Mapping[str, str], body: bytes, *, url: str | None = None) -> CallbackReply: ...


class Receiver:
    """An ASGI application that hands POSTed callbacks to `take`, whatever their path.

    It is an object, since Starlette takes a function for an endpoint that is given a request.
    """

    def __init__(self, take: TakeCallback) -> None:
        self._take = take

    async def __call__(self, scope: AsgiMessage, receive: Receive, send: Send) -> None:
        match scope["type"]:
            case "lifespan":
                await _live(receive, send)
            case "websocket":
                await send({"type": "websocket.close"})
            case _ if scope["method"] != "POST":
                await _answer(send, 405, b'{"code":405,"msg":"POST only"}', (b"allow", b"POST"))
            case _:
                await self._take_body(scope, receive, send)

    async def _take_body(self, scope: AsgiMessage, receive: Receive, send: Send) -> None:
        try:
            async with asyncio.timeout(BODY_WITHIN):
                body = await _body(receive)
        except TimeoutError:
            await _answer(send, 408, b'{"code":408,"msg":"the body did not come"}', (b"connection", b"close"))
            return
        if body is not None:
            headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
            query: bytes = scope.get("query_string", b"")
            reply = await self._take(headers, body, url=f"?{query.decode('latin-1')}")
            await _answer(send, reply.status, reply.body)


def starlette_route(path: str, app: ASGIApp) -> BaseRoute:
    """A route of Starlette and FastAPI to `app` at `path`, with and without a slash at its end.

    Raises:
        ConfigurationError: the path does not begin with a slash, or Starlette is not installed.
    """
    if not isinstance(path, str) or not path.startswith("/"):
        raise ConfigurationError(f"path: {path!r} is not allowed; allowed: a path that begins with /")
    try:
        from starlette.convertors import register_url_convertor
        from starlette.routing import Route
    except ModuleNotFoundError as missing:
        raise ConfigurationError(f"asgi_route needs Starlette ({missing}): pip install starlette") from None
    register_url_convertor(_SLASH, _optional_slash())
    stem = path.rstrip("/")
    # in the path itself: FastAPI's include_router makes another route of that
    return Route(f"{stem}{{end:{_SLASH}}}" if stem else "/", app, include_in_schema=False)


_SLASH = "wan_async_slash"


def _optional_slash() -> Any:
    """Matches a slash or nothing: of "/wan" Starlette itself would answer "/wan/" by a redirect, and the reverse."""
    from starlette.convertors import Convertor

    class OptionalSlash(Convertor[str]):
        regex = "/?"

        def convert(self, value: str) -> str:
            return value

        def to_string(self, value: str) -> str:
            return value

    return OptionalSlash()


async def _body(receive: Receive) -> bytes | None:
    """The body, or so much of it that it is too large; None if the sender is gone."""
    body = bytearray()
    while len(body) <= MAX_BODY:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        body += message.get("body", b"")
        if not message.get("more_body"):
            break
    return bytes(body)


async def _answer(send: Send, status: int, body: bytes, *headers: tuple[bytes, bytes]) -> None:
    length = str(len(body)).encode()
    fields = [(b"content-type", b"application/json"), (b"content-length", length), *headers]
    await send({"type": "http.response.start", "status": status, "headers": fields})
    await send({"type": "http.response.body", "body": body})


async def _live(receive: Receive, send: Send) -> None:
    """Answer the server's start and end."""
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return
