"""What is Redis' own in a shared limit: refusals, its names, and what they reveal."""

from __future__ import annotations

import pytest
from redis.asyncio import Redis

from wan_async import ConfigurationError, RateLimit, RedisLimits, WanClient

from ..databases import RedisServer
from .storages import shared

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


@pytest.mark.parametrize("options", [{"on_outage": "never"}, {"share": 0}, {"share": 2}])
def test_options_that_mean_nothing_are_refused(options: dict[str, object]) -> None:
    with pytest.raises(ConfigurationError):
        RedisLimits("redis://localhost", **options)  # pyright: ignore[reportArgumentType]
