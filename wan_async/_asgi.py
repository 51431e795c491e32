"""The callback receiver as an ASGI application, without a framework."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ._callbacks import CallbackReply

Message: TypeAlias = MutableMapping[str, Any]
"""An ASGI event, or a connection's scope."""

Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
ASGIApp: TypeAlias = Callable[[Message, Receive, Send], Awaitable[None]]


class TakeCallback(Protocol):
    """`Callbacks.receive`."""

    async def __call__(self, headers: Mapping[str, str], body: bytes, *, url: str | None = None) -> CallbackReply: ...


def receiver(take: TakeCallback, max_body: int) -> ASGIApp:
    """An ASGI application that hands POSTed callbacks to `take`, whatever their path.

    Args:
        take: what verifies and answers, `Callbacks.receive`.
        max_body: bytes after which a body is read no further.
    """

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        match scope["type"]:
            case "lifespan":
                await _live(receive, send)
            case "websocket":
                await send({"type": "websocket.close"})
            case _ if scope["method"] != "POST":
                await _answer(send, 405, b'{"code":405,"msg":"POST only"}', (b"allow", b"POST"))
            case _:
                body = await _body(receive, max_body)
                if body is not None:
                    reply = await take(_headers(scope), body, url=_query(scope))
                    await _answer(send, reply.status, reply.body)

    return app


async def _body(receive: Receive, max_body: int) -> bytes | None:
    """The body, or so much of it that it is too large; None if the sender is gone."""
    body = bytearray()
    while len(body) <= max_body:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        body += message.get("body", b"")
        if not message.get("more_body"):
            break
    return bytes(body)


def _headers(scope: Message) -> dict[str, str]:
    return {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}


def _query(scope: Message) -> str:
    query: bytes = scope.get("query_string", b"")
    return "?" + query.decode("latin-1")


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
