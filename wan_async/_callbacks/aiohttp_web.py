"""The callback receiver as a handler of aiohttp.web."""

from __future__ import annotations

import asyncio
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
    except (ConnectionError, ClientError, web.RequestPayloadError):  # hung up in mid-body: nobody reads the answer
        return _response(reply(400, "the body was cut short"))
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
    """Answer, and end the connection; aiohttp itself would go on waiting for the body, for 10 s."""
    response.force_close()
    await response.prepare(request)
    await response.write_eof()
    if request.transport is not None:
        request.transport.close()
    return response


def _response(its: CallbackReply) -> web.Response:
    return web.Response(status=its.status, body=its.body, content_type="application/json")
