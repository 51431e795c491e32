"""An application as users write them: an endpoint that asks for a clip, and one that gives it."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, FastAPI, HTTPException

from wan_async import SubmissionUnknownError, TaskRecord, Wan22TextToVideoTurbo, WanClient
from wan_async.integrations.fastapi import WanClientDependency

wan = WanClientDependency()
app = FastAPI(lifespan=wan.lifespan)
Client = Annotated[WanClient, Depends(wan)]


@app.post("/clips")
async def make(animal: str, client: Client) -> dict[str, str]:
    try:
        task = await client.submit(Wan22TextToVideoTurbo(prompt=f"a {animal} in the rain", resolution="480p"))
    except SubmissionUnknownError as error:
        raise HTTPException(502, "nobody knows") from error
    return {"task": task.id}


@app.get("/clips/{task_id}")
async def clip(task_id: str, client: Client) -> TaskRecord:
    return await client.wait(task_id)


async def portfolio(*animals: str) -> dict[str, bool]:
    """Whether there is a clip of each."""
    inputs = [(animal, Wan22TextToVideoTurbo(prompt=f"a {animal}")) for animal in animals]
    async with WanClient() as client, client.batch(inputs) as results:
        return {outcome.key: outcome.ok async for outcome in results}
