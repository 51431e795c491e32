"""What is Redis' own in `RedisBus`; what it shares with PostgreSQL is in test_shared_bus.py."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
from collections.abc import Awaitable
from typing import cast

import pytest
from redis.asyncio import Redis

from wan_async import ConfigurationError
from wan_async._callbacks import shared_bus
from wan_async._protocol.callbacks import WakeUp
from wan_async.integrations.redis import RedisBus

from ..databases import RedisServer
from .support import listening_to, until


async def test_garbage_on_the_channel_is_a_line_in_the_log(
    shared_redis: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    bus = RedisBus(shared_redis.url, channel="garbage")
    redis: Redis = Redis.from_url(shared_redis.url)  # pyright: ignore[reportUnknownMemberType]
    long = b'{"task_id":"%s"}' % (b"x" * 201)
    async with listening_to(bus) as ear, redis:
        for text in (b"\xff", b"{}", b'{"task_id":7}', b'{"task_id":""}', long, b""):
            await redis.xadd("garbage", {"wake": text})
        await redis.xadd("garbage", {"other": "x"})
        await bus.publish(WakeUp("a"))
        await until(lambda: len(ear.wake_ups) == 2)
    assert ear.wake_ups == [WakeUp("a")] * 2  # directly, and by the channel
    assert caplog.text.count("no callback") == 7


async def test_a_channel_that_is_something_else_is_no_crash(
    shared_redis: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    redis: Redis = Redis.from_url(shared_redis.url)  # pyright: ignore[reportUnknownMemberType]
    async with redis:
        await cast("Awaitable[int]", redis.set("text", "text"))
    async with listening_to(bus := RedisBus(shared_redis.url, channel="text")):
        await bus.publish(WakeUp("a"))
        await until(lambda: "Redis is away" in caplog.text)
    assert "did not take" in caplog.text


async def test_a_redis_that_says_nothing_delays_no_receipt_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared_bus, "PATIENCE", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        bus = RedisBus(f"redis://127.0.0.1:{silent.getsockname()[1]}")
        async with bus, listening_to(bus) as ear:
            async with asyncio.timeout(1):
                await asyncio.gather(*(bus.publish(WakeUp(f"{number}")) for number in range(20)))
            assert len(ear.wake_ups) == 20


BAD = ("", "localhost", "http://localhost", None, "redis://:secret/secret@h", "redis://:1/secret@h", "redis://h?no=1")


@pytest.mark.parametrize("url", BAD)
def test_a_url_that_is_none_of_redis_is_refused(url: str) -> None:
    with pytest.raises(ConfigurationError, match=r"RedisBus\.url") as caught:
        RedisBus(url)
    assert "secret" not in str(caught.value)


def test_no_password_is_shown() -> None:
    assert "secret" not in repr(RedisBus("redis://:secret@localhost"))


def test_without_the_extra_the_command_that_installs_it_is_named() -> None:
    program = """
import sys
import wan_async
assert not {"redis", "pydantic", "pydantic_core", "fastapi", "starlette"} & sys.modules.keys()
sys.modules["redis"] = None
try:
    import wan_async.integrations.redis
except ModuleNotFoundError as missing:
    print(missing)
"""
    printed = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert "pip install 'wan-async[redis]'" in printed
