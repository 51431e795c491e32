"""The limit storage as `wan-async doctor` finds it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import msgspec

from .._limits.shared import account_limits
from .._limits.storage import StorageAwayError, place
from ..errors import ConfigurationError, WanError

if TYPE_CHECKING:
    from .._policy.limiter import LimitState

_PATIENCE = 5.0
"""Seconds for a server to say its version."""
_OLDEST_POSTGRES = 12
_OLDEST_REDIS = 6


class StorageCheck(msgspec.Struct, frozen=True):
    """A storage: whether it is good, what that means, and what to do."""

    good: bool
    means: str
    do: str = ""


async def checked(url: str, base_url: str, key: str) -> StorageCheck:
    """Reach a storage, and read its version and the account's windows; takes part in nothing."""
    try:
        windows = await account_limits(url, base_url, key)
        version, do = await asyncio.wait_for(asyncio.to_thread(_version, url), 2 * _PATIENCE)
    except (StorageAwayError, TimeoutError) as error:
        why = str(error) or "no answer"
        return StorageCheck(
            False, f"{place(url)} is away: {why}", "start it, or check host, port and network: calls wait"
        )
    except WanError as error:
        do = "check the URL, and that this user may use it" if isinstance(error, ConfigurationError) else ""
        return StorageCheck(False, str(error), do)
    used = ", ".join(_words(window, state) for window, state in windows.items())
    return StorageCheck(not do, f"{place(url)}, {version}: {used}", do)


def _words(window: str, state: LimitState | None) -> str:
    if state is None:
        return f"no {window} yet"
    learnt = f", {state.learnt} learnt" if state.learnt < state.limit.n else ""
    brake = f", braked for {state.brake:.1f} s" if state.brake else ""
    return f"{state.used} of {state.limit.n} {window} in {state.limit.per:g} s{learnt}{brake}"


def _version(url: str) -> tuple[str, str]:
    """The server's name and version, and what to do about it."""
    match urlsplit(url).scheme.lower():
        case "file":
            return "a file of this machine", ""
        case "redis" | "rediss" | "unix":
            return _redis(url)
        case _:
            return _postgres(url)


def _postgres(url: str) -> tuple[str, str]:
    import psycopg

    try:
        with psycopg.connect(url, connect_timeout=int(_PATIENCE), autocommit=True) as connection:
            version = connection.info.server_version
    except psycopg.Error as error:
        raise StorageAwayError(type(error).__name__) from None
    do = "" if version // 10_000 >= _OLDEST_POSTGRES else f"PostgreSQL {_OLDEST_POSTGRES} or newer is needed"
    return f"PostgreSQL {version // 10_000}.{version % 10_000}", do


def _redis(url: str) -> tuple[str, str]:
    from redis import Redis, RedisError

    try:
        with Redis.from_url(url, socket_timeout=_PATIENCE) as server:  # pyright: ignore[reportUnknownMemberType]
            told: dict[str, Any] = server.info()  # pyright: ignore[reportUnknownMemberType]
    except RedisError as error:
        raise StorageAwayError(type(error).__name__) from None
    if told.get("valkey_version"):
        return f"Valkey {told['valkey_version']}", _of_memory(told)
    version = str(told.get("redis_version", "?"))
    major = version.partition(".")[0]
    do = f"Redis {_OLDEST_REDIS} or newer is needed" if major.isdecimal() and int(major) < _OLDEST_REDIS else ""
    return f"Redis {version}", do or _of_memory(told)


def _of_memory(told: dict[str, Any]) -> str:
    """Advice where the server may forget an account's window."""
    policy = str(told.get("maxmemory_policy", "noeviction"))
    return "" if policy == "noeviction" else f"set maxmemory-policy noeviction: {policy} may forget a window"
