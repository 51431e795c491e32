"""An account's windows in Redis or Valkey (extra `redis`): a script visits them in one round trip.

The time is the server's. What is kept is some 600 bytes an account, and is forgotten when nobody visits it for an hour.
All of it is under one name with a hash tag. Redis must not evict it: `maxmemory-policy noeviction`.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable
from importlib.resources import files
from typing import cast
from urllib.parse import urlsplit

import msgspec

from .._docs import documented
from .._policy.shared_window import Turn, Visit
from ..errors import ConfigurationError
from .storage import StorageAwayError, StoredLimits, place

try:
    from redis import exceptions
    from redis.asyncio import ConnectionPool, Redis
    from redis.asyncio.retry import Retry
    from redis.backoff import NoBackoff
except ModuleNotFoundError as _missing:
    raise ModuleNotFoundError("redis is not installed: pip install 'wan-async[redis]'", name=_missing.name) from None

_PATIENCE = 2.0
"""Seconds after which a server that says nothing is away."""
_ALLOWED = "redis://host:port/number, rediss://…, unix:///socket"
_LATER = (
    exceptions.BusyLoadingError,
    exceptions.ClusterDownError,
    exceptions.MasterDownError,
    exceptions.OutOfMemoryError,
    exceptions.ReadOnlyError,
    exceptions.TryAgainError,
)
_LATER_WORDS = re.compile("(^|-)(LOADING|BUSY|CLUSTERDOWN|TRYAGAIN|MASTERDOWN|READONLY|OOM|NOREPLICAS|MISCONF) ")
"""Answers of a server that will do later, such as a master that is a replica now; also in what a script says."""

_encode = msgspec.msgpack.Encoder().encode
_decoder = msgspec.msgpack.Decoder(Turn)


@documented
class RedisLimits(StoredLimits, frozen=True):
    """`redis://host:6379/0`, `rediss://…` or `unix:///socket`: Redis 6 or newer, or Valkey."""

    at_once = 16

    def check(self) -> None:
        """Refuse a URL that redis cannot read."""
        require_url("limit_storage", self.url)

    def connect(self) -> RedisStorage:
        """See `StoredLimits`."""
        return RedisStorage(self.url)


class RedisStorage:
    """A `LimitStorage` in Redis.

    Args:
        url: where it is.
    """

    def __init__(self, url: str) -> None:
        self._redis = connected(url, _PATIENCE, _PATIENCE)
        self._script = self._redis.register_script(
            files(__name__.rpartition(".")[0]).joinpath("window.lua").read_bytes()
        )

    async def visit(self, name: str, visit: Visit, keep: float) -> Turn:
        """See `LimitStorage`."""
        account, _, purpose = name.partition(":")
        key = f"wan_async:limit:{{{account}}}:{purpose}"
        try:
            async with asyncio.timeout(2 * _PATIENCE):
                answer = await cast("Awaitable[bytes]", self._script([key], [_encode(visit), int(keep * 1000)]))
        except (exceptions.RedisError, OSError, TimeoutError) as error:
            if isinstance(error, exceptions.ResponseError):  # the name may mean another server by now
                await self._redis.connection_pool.disconnect(inuse_connections=False)
            raise _as_ours(error) from None
        return _decoder.decode(answer)

    async def aclose(self) -> None:
        """See `LimitStorage`."""
        await self._redis.aclose()


def connected(url: str, connecting: float, answering: float) -> Redis:
    """A connection, opened when used, to a server that may take so many seconds; whoever uses it tries again.

    RESP2 is understood by every version.
    """
    return Redis.from_url(  # pyright: ignore[reportUnknownMemberType]
        url,
        protocol=2,
        retry=Retry(NoBackoff(), 0),
        socket_connect_timeout=connecting,
        socket_timeout=answering,
    )


def require_url(name: str, url: str) -> None:
    """Refuse a URL that redis cannot read, or in which it reads a part of the password as something else."""
    try:
        parts = urlsplit(url)
        if parts.netloc and "@" not in parts.netloc and "@" in parts.path + parts.fragment:
            raise ValueError("a password's / or #")
        # Only a connection knows what options there are; it is not opened.
        ConnectionPool.from_url(url).make_connection()  # pyright: ignore[reportUnknownMemberType]
    except (ValueError, TypeError, AttributeError):
        words = f"{place(url) if isinstance(url, str) else url!r} is not allowed"  # pyright: ignore[reportUnnecessaryIsInstance]
        raise ConfigurationError(f"{name}: {words}; allowed: {_ALLOWED}, with %XX for a password's signs") from None


def _as_ours(error: Exception) -> Exception:
    words = f"{type(error).__name__}: {error}"
    later = isinstance(error, _LATER) or _LATER_WORDS.search(str(error)) is not None
    refused = isinstance(error, exceptions.ResponseError | exceptions.AuthenticationError)
    if refused and not later:
        return ConfigurationError(f"limit_storage: Redis refused: {words}")
    return StorageAwayError(words)
