"""The callback receiver as a handler of aiohttp.web."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

from aiohttp import ClientError, web

from .._protocol.callbacks import BODY_WITHIN, MAX_BODY, CallbackReply, reply

if TYPE_CHECKING:
    from .asgi import TakeCallback


async def answer(request: web.Request, take: TakeCallback) -> web.Response:
    """Hand a callback to `take` and give its answer; a body that does not come in time is a 408."""
    try:
        async with asyncio.timeout(BODY_WITHIN):
            body = await _body(request)
    except TimeoutError:
        return await _hang_up(request, _response(reply(408, "the body did not come")))
    except (ConnectionError, ClientError, web.RequestPayloadError):
        cut = _response(reply(400, "the body was cut short, or cannot be unpacked"))
        return cut if _is_gone(request) else await _hang_up(request, cut)
    return _response(await take(request.headers, body, url=request.path_qs))


async def _body(request: web.Request) -> bytes:
    """The body, or so much of it that it is too large."""
    body = bytearray()
    async for chunk in request.content.iter_any():
        body += chunk
        if len(body) > MAX_BODY:
            break
    return bytes(body)


async def _hang_up(request: web.Request, response: web.Response) -> web.Response:
    """Answer, and end the connection; aiohttp itself would go on waiting for the body, for 10 s, or log its fault."""
    response.force_close()
    with suppress(ConnectionError):  # the sender was faster
        await response.prepare(request)
        await response.write_eof()
    request.protocol.force_close()
    return response


def _is_gone(request: web.Request) -> bool:
    """True if the sender has hung up: nobody reads the answer."""
    return request.transport is None or request.transport.is_closing()


def _response(its: CallbackReply) -> web.Response:
    return web.Response(status=its.status, body=its.body, content_type="application/json")
