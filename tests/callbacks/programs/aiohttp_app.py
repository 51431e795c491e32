"""A web backend on aiohttp.web: `python aiohttp_app.py PORT`."""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncGenerator

import msgspec
from aiohttp import web

from wan_async import Callbacks, InvalidInputError, WanClient
from wan_async.models import input_from

callbacks = Callbacks(os.environ["CALLBACK_URL"], os.environ["WEBHOOK_KEY"])
CLIENT = web.AppKey("client", WanClient)


async def lifetime(app: web.Application) -> AsyncGenerator[None]:
    async with WanClient(callbacks=callbacks) as app[CLIENT]:
        yield


async def make(request: web.Request) -> web.Response:
    fields = await request.json()
    try:
        task_input = input_from(fields.pop("model"), fields)
    except InvalidInputError as error:
        return web.json_response({"field": error.field, "message": str(error)}, status=422)
    record = await request.app[CLIENT].run(task_input)
    return web.Response(body=msgspec.json.encode(record), content_type="application/json")


app = web.Application()
app.cleanup_ctx.append(lifetime)
app.router.add_post("/wan/", callbacks.aiohttp_handler)
app.router.add_post("/clips", make)

if __name__ == "__main__":
    web.run_app(app, host="127.0.0.1", port=int(sys.argv[1]))
