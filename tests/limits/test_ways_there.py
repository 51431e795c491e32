"""Ways to a storage: TLS, a Unix socket, a cluster's slots, a pooler between."""

from __future__ import annotations

import asyncio
import ssl
import sys
from pathlib import Path
from typing import Any

import pytest
import trustme
from redis import Redis

from wan_async import RateLimit, RedisLimits
from wan_async._limits.account import account
from wan_async._limits.storage import stored_limits

from ..databases import PostgresServer, RedisServer
from ..link import linked
from ..pooler import pgbouncer
from .storages import call, shared

LIMIT = RateLimit(3, per=0.5)


async def last_left(url: str, count: int, name: str = "w:submissions") -> float:
    """Seconds until the last of so many calls left, made by two who share a window of three in 0.5 s."""
    limiters = [shared(url, LIMIT, name) for _ in range(2)]
    began = asyncio.get_running_loop().time()
    for limiter in limiters:
        limiter.hold()
    left = await asyncio.gather(*(call(limiters[number % 2]) for number in range(count)))
    for limiter in limiters:
        await limiter.release()
    return max(left) - began


async def test_redis_over_tls(
    shared_redis: RedisServer,
    tmp_path: Path,
    authority: trustme.CA,
    untrusted: ssl.SSLContext,
) -> None:
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    async with linked(shared_redis.url, untrusted) as link:
        url = f"rediss://127.0.0.1:{link.port}/0?ssl_ca_certs={tmp_path / 'ca.pem'}"
        assert await last_left(url, 4, "tls:submissions") >= 0.5


async def test_a_certificate_that_is_not_trusted_is_no_way_there(
    shared_redis: RedisServer,
    untrusted: ssl.SSLContext,
) -> None:
    async with linked(shared_redis.url, untrusted) as link:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(last_left(f"rediss://127.0.0.1:{link.port}/0", 1), 1.0)


@pytest.mark.skipif(sys.platform == "win32", reason="no such sockets there")
async def test_redis_by_its_unix_socket(shared_redis: RedisServer) -> None:
    assert await last_left(shared_redis.socket_url, 4, "socket:submissions") >= 0.5


async def test_an_account_has_one_slot_of_a_cluster() -> None:
    name = account("https://host", "k")
    with RedisServer("--cluster-enabled", "yes") as server:
        redis: Any = Redis.from_url(server.url)  # pyright: ignore[reportUnknownMemberType]
        redis.execute_command("CLUSTER ADDSLOTS", *range(16384))
        async with asyncio.timeout(20):
            while redis.execute_command("CLUSTER INFO")["cluster_state"] != "ok":
                await asyncio.sleep(0.05)
        for purpose in ("submissions", "queries"):
            assert await last_left(server.url, 4, f"{name}:{purpose}") >= 0.5
        keys = redis.keys()
        assert len(keys) == 2
        assert len({redis.execute_command("CLUSTER KEYSLOT", key) for key in keys}) == 1
        redis.close()


async def test_postgresql_through_a_pooler_of_transactions(shared_postgres: PostgresServer, tmp_path: Path) -> None:
    with pgbouncer(shared_postgres.database(), tmp_path) as url:
        assert await last_left(url, 7) >= 1.0


def test_all_ways_to_redis_are_known() -> None:
    for url in ("redis://h", "rediss://h", "unix:///run/redis"):
        assert isinstance(stored_limits(url), RedisLimits)
