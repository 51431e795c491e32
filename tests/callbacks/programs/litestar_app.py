"""A web backend on Litestar, which reads and writes our structs natively: `uvicorn litestar_app:app`."""

# no `from __future__ import annotations`: Litestar reads the handlers' annotations when they are made
import os

from litestar import Litestar, asgi, post
from litestar.di import Provide

from wan_async import Callbacks, TaskRecord, Wan22TextToVideoTurbo, WanClient
from wan_async.integrations.fastapi import WanClientDependency

callbacks = Callbacks(os.environ["CALLBACK_URL"], os.environ["WEBHOOK_KEY"])
wan = WanClientDependency(lambda: WanClient(callbacks=callbacks))


@post("/clips")
async def make(data: Wan22TextToVideoTurbo, client: WanClient) -> TaskRecord:
    return await client.run(data)


receiver = asgi("/wan", is_mount=True, copy_scope=True)(callbacks.asgi_app())  # pyright: ignore[reportArgumentType] - its own type
app = Litestar([make, receiver], lifespan=[wan.lifespan], dependencies={"client": Provide(wan)})
