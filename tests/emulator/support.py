"""Raw calls on an emulator, by nothing of the library's client."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import msgspec

from wan_async.emulator import Call, Emulator, Reply

HEADERS = {"Authorization": "Bearer k", "Content-Type": "application/json"}
MODEL = "wan/2-2-a14b-text-to-video-turbo"
FOX: dict[str, Any] = {"model": MODEL, "input": {"prompt": "a fox", "resolution": "480p"}}


def ask(provider: Emulator, method: str, path: str, body: object = None, **query: str) -> Reply:
    """One call straight to the provider's state, with the key."""
    headers = {name.lower(): value for name, value in HEADERS.items()}
    return provider.handle(Call(method, path, query, headers, b"" if body is None else msgspec.json.encode(body)))


def told(reply: Reply) -> Any:
    """An answer's JSON."""
    return msgspec.json.decode(reply.body)


def create(provider: Emulator, body: object = None) -> Any:
    return told(ask(provider, "POST", "/api/v1/jobs/createTask", FOX if body is None else body))


def record(provider: Emulator, task_id: str) -> Any:
    return told(ask(provider, "GET", "/api/v1/jobs/recordInfo", taskId=task_id))


class Http:
    """The same over real HTTP."""

    def __init__(self, url: str, session: aiohttp.ClientSession) -> None:
        self.url = url
        self.session = session

    async def create(self, body: object = None) -> Any:
        data = msgspec.json.encode(FOX if body is None else body)
        async with self.session.post(f"{self.url}/api/v1/jobs/createTask", data=data, headers=HEADERS) as response:
            return msgspec.json.decode(await response.read())

    async def record(self, task_id: str) -> Any:
        url = f"{self.url}/api/v1/jobs/recordInfo?taskId={task_id}"
        async with self.session.get(url, headers=HEADERS) as response:
            return msgspec.json.decode(await response.read())


@asynccontextmanager
async def over_http(provider: Emulator) -> AsyncGenerator[Http]:
    async with provider.serve() as url, aiohttp.ClientSession() as session:
        yield Http(url, session)
