"""A web backend: `uvicorn fastapi_app:app --workers 2`; whichever worker is called back, the one that waits wakes."""

from __future__ import annotations

import os
from typing import Annotated

from fastapi import Body, Depends, FastAPI, Response

from wan_async import Callbacks, TaskRecord, WanClient, WanInput
from wan_async.integrations.fastapi import WanClientDependency
from wan_async.integrations.redis import RedisBus

callbacks = Callbacks(os.environ["CALLBACK_URL"], os.environ["WEBHOOK_KEY"], bus=RedisBus(os.environ["REDIS_URL"]))
wan = WanClientDependency(lambda: WanClient(callbacks=callbacks))
app = FastAPI(lifespan=wan.lifespan)
app.mount("/wan", callbacks.asgi_app())
Client = Annotated[WanClient, Depends(wan)]


@app.post("/clips")
async def make(body: Annotated[WanInput, Body()], client: Client, response: Response) -> TaskRecord:
    response.headers["X-Worker"] = str(os.getpid())
    return await client.run(body)


@app.get("/worker")
async def worker() -> int:
    return os.getpid()
