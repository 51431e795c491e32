"""The callback receiver as an ASGI application, without a framework."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .._callbacks import CallbackReply


class Receive(Protocol):
    """`Callbacks.receive`."""

    async def __call__(self, headers: Mapping[str, str], body: bytes, *, url: str | None = None) -> CallbackReply: ...


def receiver(take: Receive, max_body: int) -> Callable[[Any, Any, Any], Awaitable[None]]:
    """An ASGI application that hands POSTed callbacks to `take`.

    Args:
        take: what verifies and answers, `Callbacks.receive`.
        max_body: bytes after which a body is read no further.
    """

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await _live(receive, send)
        elif scope["type"] == "http":
            status, body = await _answer(scope, receive)
            headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
            await send({"type": "http.response.start", "status": status, "headers": headers})
            await send({"type": "http.response.body", "body": body})

    async def _answer(scope: Any, receive: Any) -> tuple[int, bytes]:
        if scope["method"] != "POST":
            return 405, b'{"code":405,"msg":"POST only"}'
        body = bytearray()
        while len(body) <= max_body:
            message = await receive()
            body += message.get("body", b"")
            if message["type"] == "http.disconnect" or not message.get("more_body"):
                break
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        reply = await take(headers, bytes(body), url="?" + scope.get("query_string", b"").decode("latin-1"))
        return reply.status, reply.body

    return app


async def _live(receive: Any, send: Any) -> None:
    """Answer the server's start and end."""
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return
