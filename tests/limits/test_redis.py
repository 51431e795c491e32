"""What is Redis' own in a shared limit: refusals, its names, and what they reveal."""

from __future__ import annotations

import asyncio

import pytest
from redis import ResponseError
from redis.asyncio import Redis

from wan_async import ConfigurationError, RateLimit, RedisLimits, WanClient
from wan_async._limits.redis import _as_ours  # pyright: ignore[reportPrivateUsage]
from wan_async._limits.storage import StorageAwayError

from ..databases import RedisServer, redis_server
from .storages import call, shared

LIMIT = RateLimit(4, per=0.5)


async def test_no_key_is_in_it_and_it_expires(shared_redis: RedisServer) -> None:
    wan = WanClient("sk-very-secret", base_url="http://127.0.0.1:9", limit_storage=shared_redis.url, limit=LIMIT)
    permits = wan._permits  # pyright: ignore[reportPrivateUsage]
    async with wan:
        permits.counted_nowait(await permits.acquire())
    redis: Redis = Redis.from_url(shared_redis.url)  # pyright: ignore[reportUnknownMemberType]
    async with redis:
        names = [name async for name in redis.scan_iter("wan_async:limit:*")]  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
        assert names
        for name in names:  # pyright: ignore[reportUnknownVariableType]
            value = await redis.get(name)  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType, reportUnknownArgumentType]
            assert b"very-secret" not in name + value
            assert 0 < await redis.ttl(name) <= 3600  # pyright: ignore[reportUnknownMemberType, reportUnknownArgumentType]


async def test_a_password_that_is_refused_is_said_and_not_shown(shared_redis: RedisServer) -> None:
    url = shared_redis.url.replace("redis://", "redis://nobody:hunter2@")
    limiter = shared(url, LIMIT)
    limiter.hold()
    with pytest.raises(ConfigurationError, match="Redis refused") as caught:
        await limiter.acquire()
    await limiter.release()
    assert "hunter2" not in str(caught.value) + repr(RedisLimits(url)) + str(RedisLimits(url))


@pytest.mark.parametrize(
    "url",
    [
        "redis://me:hunter2@host:port/0",
        "redis://me:hunter2@host/0?nonsense=1",
        "redis://:hunter2/hunter2@host/0",
        "redis://:1234/hunter2@host/0",
        "redis://:hunter2#hunter2@host/0",
        "redis://:hunter2?hunter2@host/0",
        "unix://me:hunter2/hunter2@/run/redis",
    ],
)
def test_a_url_that_is_none_is_refused_at_once(url: str) -> None:
    with pytest.raises(ConfigurationError, match="%XX") as caught:
        RedisLimits(url)
    assert "hunter2" not in str(caught.value)


LATER = [
    ("CONFIG SET maxmemory 1", "CONFIG SET maxmemory 0"),
    ("REPLICAOF 127.0.0.1 1", "REPLICAOF NO ONE"),  # demoted, and promoted again
]


@pytest.mark.parametrize(("before", "after"), LATER)
async def test_a_server_that_will_do_later_is_waited_for(
    before: str, after: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with redis_server() as server, Redis.from_url(server.url) as redis:  # pyright: ignore[reportUnknownMemberType]
        limiter = shared(server.url, LIMIT)
        limiter.hold()
        await call(limiter)
        await redis.execute_command(*before.split())  # pyright: ignore[reportUnknownMemberType]
        waiting = asyncio.create_task(call(limiter))
        await asyncio.sleep(0.3)
        assert not waiting.done()
        await redis.execute_command(*after.split())  # pyright: ignore[reportUnknownMemberType]
        await asyncio.wait_for(waiting, 5)
        await limiter.release()
    assert ["are away" in record.message for record in caplog.records] == [True, False]


@pytest.mark.parametrize("word", ["CLUSTERDOWN", "TRYAGAIN", "NOREPLICAS", "MISCONF"])
def test_what_a_server_says_that_will_do_later_is_known_in_a_script_too(word: str) -> None:
    words = f"Error running script (call to f_1): @user_script:1: @user_script: 1: -{word} not now"
    for error in (ResponseError(words), ResponseError(f"{word} not now")):
        assert isinstance(_as_ours(error), StorageAwayError)


@pytest.mark.parametrize("options", [{"on_outage": "never"}, {"share": 0}, {"share": 2}])
def test_options_that_mean_nothing_are_refused(options: dict[str, object]) -> None:
    with pytest.raises(ConfigurationError):
        RedisLimits("redis://localhost", **options)  # pyright: ignore[reportArgumentType]
