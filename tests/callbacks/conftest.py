"""Servers of the callback tests' own, which a test may kill: the next one finds them started again."""

from __future__ import annotations

from collections.abc import Callable, Generator
from itertools import count

import msgspec
import pytest

from wan_async._callbacks.shared_bus import SharedBus
from wan_async.integrations.postgres import PostgresBus
from wan_async.integrations.redis import RedisBus

from ..databases import PostgresServer, RedisServer, Server

_channels = count(1)


class Shared(msgspec.Struct):
    """A server and its kind of bus.

    Attributes:
        channel: the test's own.
    """

    name: str
    server: Server
    make: Callable[..., SharedBus]
    channel: str = msgspec.field(default_factory=lambda: f"c{next(_channels)}")

    def bus(self, channel: str | None = None) -> SharedBus:
        return self.make(self.server.url, channel=channel or self.channel)


@pytest.fixture(scope="session")
def mortal_redis() -> Generator[Server]:
    with RedisServer() as server:
        yield server


@pytest.fixture(scope="session")
def mortal_postgres() -> Generator[Server]:
    with PostgresServer() as server:
        yield server


@pytest.fixture(params=["redis", "postgres"])
def shared(request: pytest.FixtureRequest) -> Shared:
    server: Server = request.getfixturevalue(f"mortal_{request.param}")
    server.start_now()
    if request.param == "redis":
        return Shared("Redis", server, RedisBus)
    return Shared("PostgreSQL", server, PostgresBus)
