"""The arms: this library, aiohttp by hand and as people write it, httpx, and the SDKs of neighbouring services.

Each sends a createTask of the same content and asks for a finished task, with its own defaults: SDKs call their own
nearest methods, which the server answers in their own shapes. Retries, timeouts and checks are on wherever they are.
"""

from __future__ import annotations

import importlib
import json
import os
from contextlib import asynccontextmanager
from typing import Any

from ._arms import WORKERS, Opened

KEY = "sk-0123456789abcdef0123456789abcdef"
PROMPT = (
    "A slow cinematic dolly shot through a rain-soaked neon market at night, steam rising from food stalls, "
    "reflections rippling in puddles, a courier in a yellow coat pauses under a paper lantern and looks up"
)
FIELDS = {"prompt": PROMPT, "resolution": "720p", "aspect_ratio": "16:9", "seed": 1234567}
MODEL = "wan/2-2-a14b-text-to-video-turbo"
TASK_ID = "281e5b0f39b9a2c3d4e5f60718293a4b"
CREATE_TASK = "/api/v1/jobs/createTask"
RECORD_INFO = "/api/v1/jobs/recordInfo"


@asynccontextmanager
async def ours(url: str, **options: Any) -> Opened:
    """This library: checked input, windows, retries, typed answers; `submit` and `record`, nothing turned off."""
    from wan_async import RateLimit, Wan22TextToVideoTurbo, WanClient

    unlimited = RateLimit(1_000_000, per=1.0)
    async with WanClient(KEY, base_url=url, limit=unlimited, query_limit=unlimited, **options) as wan:
        yield {
            "submit": lambda: wan.submit(Wan22TextToVideoTurbo(**FIELDS)),  # type: ignore[arg-type]
            "poll": lambda: wan.record(TASK_ID),
        }


@asynccontextmanager
async def tuned(url: str) -> Opened:
    """aiohttp tuned by hand, with its own timeout: the same bytes, made once, and the answer's not looked at."""
    import aiohttp
    from multidict import CIMultiDict
    from yarl import URL

    body = json.dumps({"model": MODEL, "input": FIELDS}, separators=(",", ":")).encode()
    headers = CIMultiDict({
        "Authorization": f"Bearer {KEY}",
        "Content-Type": "application/json",
        "Accept": "application/json",
        "Accept-Encoding": "identity",
        "User-Agent": "wan-async/0.1.0",
    })  # fmt: skip
    create, record = URL(url + CREATE_TASK), URL(f"{url}{RECORD_INFO}?taskId={TASK_ID}")
    connector = aiohttp.TCPConnector(limit=WORKERS)
    jar = aiohttp.DummyCookieJar()
    async with aiohttp.ClientSession(connector=connector, cookie_jar=jar, auto_decompress=False) as session:

        async def submit() -> bytes:
            response = await session.post(create, data=body, headers=headers, allow_redirects=False)
            return await response.read()

        async def poll() -> bytes:
            response = await session.get(record, headers=headers, allow_redirects=False)
            return await response.read()

        yield {"submit": submit, "poll": poll}


@asynccontextmanager
async def written(url: str) -> Opened:
    """aiohttp as people write it: `json=`, `async with`, `raise_for_status`, `.json()`."""
    import aiohttp

    async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {KEY}"}) as session:

        async def submit() -> Any:
            async with session.post(url + CREATE_TASK, json={"model": MODEL, "input": FIELDS}) as response:
                response.raise_for_status()
                return (await response.json())["data"]["taskId"]

        async def poll() -> Any:
            async with session.get(url + RECORD_INFO, params={"taskId": TASK_ID}) as response:
                response.raise_for_status()
                return (await response.json())["data"]["state"]

        yield {"submit": submit, "poll": poll}


@asynccontextmanager
async def httpx(url: str) -> Opened:
    """httpx as people write it."""
    async with importlib.import_module("httpx").AsyncClient(
        base_url=url, headers={"Authorization": f"Bearer {KEY}"}
    ) as client:

        async def submit() -> Any:
            response = await client.post(CREATE_TASK, json={"model": MODEL, "input": FIELDS})
            return response.raise_for_status().json()["data"]["taskId"]

        async def poll() -> Any:
            response = await client.get(RECORD_INFO, params={"taskId": TASK_ID})
            return response.raise_for_status().json()["data"]["state"]

        yield {"submit": submit, "poll": poll}


@asynccontextmanager
async def fal(url: str) -> Opened:
    """fal-client: `submit` and `status`. Its URL is https in a constant of the module, which is changed here."""
    os.environ["FAL_KEY"] = KEY
    fal_client = importlib.import_module("fal_client")
    vars(importlib.import_module("fal_client.client"))["QUEUE_URL_FORMAT"] = f"{url}/"
    client = fal_client.AsyncClient(key=KEY)
    handle = await client.submit("fal-ai/wan", arguments=FIELDS)
    yield {"submit": lambda: client.submit("fal-ai/wan", arguments=FIELDS), "poll": handle.status}


@asynccontextmanager
async def replicate(url: str) -> Opened:
    """replicate: `predictions.async_create` and `predictions.async_get`."""
    predictions = importlib.import_module("replicate").Client(api_token=KEY, base_url=url).predictions
    version = "5c7d5dc6dd8bf75c1acaa8565735e798"
    yield {
        "submit": lambda: predictions.async_create(version=version, input=FIELDS),
        "poll": lambda: predictions.async_get("gm3qorzdhgbfurvjtvhg6dckhu"),
    }


@asynccontextmanager
async def openai(url: str, **options: Any) -> Opened:
    """openai: `videos.create` and `videos.retrieve`."""
    client = importlib.import_module("openai").AsyncOpenAI(api_key=KEY, base_url=f"{url}/openai", **options)
    yield {
        "submit": lambda: client.videos.create(prompt=PROMPT, model="sora-2", size="1280x720", seconds="4"),
        "poll": lambda: client.videos.retrieve("video_1"),
    }
    await client.close()


def openai_on_aiohttp(url: str) -> Any:
    """openai on aiohttp, its own option for speed."""
    return openai(url, http_client=importlib.import_module("openai").DefaultAioHttpClient())


@asynccontextmanager
async def runwayml(url: str, **options: Any) -> Opened:
    """runwayml: `text_to_video.create` and `tasks.retrieve`."""
    client = importlib.import_module("runwayml").AsyncRunwayML(api_key=KEY, base_url=f"{url}/runway", **options)
    yield {
        "submit": lambda: client.text_to_video.create(
            model="veo3.1", prompt_text=PROMPT, ratio="1280:720", duration=4, seed=1234567
        ),
        "poll": lambda: client.tasks.retrieve("17f20503-6c24-4c16-946b-35dbbce2af2f"),
    }
    await client.close()


def runwayml_on_aiohttp(url: str) -> Any:
    """runwayml on aiohttp, its own option for speed."""
    return runwayml(url, http_client=importlib.import_module("runwayml").DefaultAioHttpClient())
