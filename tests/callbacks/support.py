"""What the callback tests share: callbacks made independently of the library, and receivers."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import io
import json
import os
import signal
import sys
import time
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

from wan_async import Callbacks, RateLimit, Wan22TextToVideoTurbo, WanClient
from wan_async._callbacks.bus import CallbackBus
from wan_async._protocol.callbacks import WakeUp
from wan_async.emulator import Emulator, Fault
from wan_async.integrations.receiver import receiving

from ..databases import free_port

KEY = "hook-key"
FAST = RateLimit(10_000, per=1.0)
PROGRAMS = Path(__file__).with_name("programs")


def signed(task_id: str, key: str = KEY, at: float | None = None) -> dict[str, str]:
    """The headers as the contract tells them, without a line of the library."""
    stamp = str(int(time.time() if at is None else at))
    mac = hmac.new(key.encode("utf-8"), digestmod=hashlib.sha256)
    mac.update(task_id.encode("utf-8"))
    mac.update(b".")
    mac.update(stamp.encode("ascii"))
    return {"X-Webhook-Timestamp": stamp, "X-Webhook-Signature": base64.standard_b64encode(mac.digest()).decode()}


def body(task_id: str, **fields: Any) -> bytes:
    return json.dumps({"code": 200, "msg": "ok", "data": {"taskId": task_id, "state": "success", **fields}}).encode()


def clip(number: int = 0) -> Wan22TextToVideoTurbo:
    return Wan22TextToVideoTurbo(prompt=f"clip {number:05}.")


def provider(*faults: Fault, seconds: float = 0.2, webhook_key: str | None = KEY, **options: Any) -> Emulator:
    return Emulator(
        limit=None,
        query_limit=None,
        seconds=seconds,
        webhook_key=webhook_key,
        faults=faults,
        render=False,
        callback_pauses=(0.1, 0.2, 0.4),
        **options,
    )


def client(url: str, callbacks: Callbacks | None, **options: Any) -> WanClient:
    return WanClient("k", base_url=url, limit=FAST, query_limit=FAST, callbacks=callbacks, **options)


def callbacks_at(port: int, key: str | None = KEY, **options: Any) -> Callbacks:
    return Callbacks(f"http://127.0.0.1:{port}/wan", key, **options)


@asynccontextmanager
async def called_back(
    emulator: Emulator, *, key: str | None = KEY, adopt_within: float = 30.0, **options: Any
) -> AsyncGenerator[tuple[WanClient, Callbacks]]:
    """A client of the emulator with a receiver of its own, over real HTTP."""
    callbacks = callbacks_at(free_port(), key, adopt_within=adopt_within)
    port = int(callbacks.url.rpartition(":")[2].partition("/")[0])
    async with (
        emulator.serve() as url,
        receiving(callbacks, port, path="/wan"),
        client(url, callbacks, **options) as wan,
    ):
        yield wan, callbacks


@asynccontextmanager
async def called_back_in_process(
    emulator: Emulator, *, key: str | None = KEY, adopt_within: float = 30.0, **options: Any
) -> AsyncGenerator[tuple[WanClient, Callbacks]]:
    """The same without sockets, for virtual time: what is soon after what then hangs on no machine."""
    callbacks = callbacks_at(1, key, adopt_within=adopt_within)

    async def receive(url: str, headers: Mapping[str, str], data: bytes) -> int:
        return (await callbacks.receive(headers, data, url=url)).status

    async with client("https://p.example", callbacks, pool=emulator.transport(post=receive), **options) as wan:
        yield wan, callbacks


async def post(url: str, data: bytes, headers: dict[str, str] | None = None) -> tuple[int, Any]:
    async with (
        aiohttp.ClientSession() as session,
        session.post(url, data=io.BytesIO(data), headers=headers, allow_redirects=False) as response,
    ):
        return response.status, json.loads(await response.read())


async def until(condition: Callable[[], object], seconds: float = 10.0) -> None:
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.01)


class Ear:
    def __init__(self) -> None:
        self.wake_ups: list[WakeUp] = []
        self.misses = 0

    def heard(self, wake_up: WakeUp) -> None:
        self.wake_ups.append(wake_up)

    def missed(self) -> None:
        self.misses += 1


@asynccontextmanager
async def listening_to(bus: CallbackBus) -> AsyncGenerator[Ear]:
    ear = Ear()
    bus.attach(ear)
    try:
        yield ear
    finally:
        await bus.detach(ear)


@asynccontextmanager
async def running(arguments: Sequence[str], **environment: str) -> AsyncGenerator[asyncio.subprocess.Process]:
    """A process of this Python that is ended at the end; its output can be read."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *arguments,
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, **environment},
        start_new_session=True,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.terminate()
        try:
            async with asyncio.timeout(5):
                await process.communicate()
        except TimeoutError:
            os.killpg(process.pid, signal.SIGKILL)  # its workers too
            await process.communicate()
            raise


async def _listens(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    await writer.wait_closed()
    return True


async def listening(port: int, seconds: float = 20.0) -> None:
    """Wait until a server answers at this port."""
    async with asyncio.timeout(seconds):
        while not await _listens(port):
            await asyncio.sleep(0.05)
