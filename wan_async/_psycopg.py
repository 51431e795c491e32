"""The driver of PostgreSQL (extra `postgres`): a connection for asyncio, through poolers too, given up in time."""

from __future__ import annotations

import asyncio
import socket
import sys
from collections.abc import Awaitable, Callable, Generator, Mapping
from contextlib import contextmanager, suppress
from typing import Any
from urllib.parse import urlsplit

from .errors import ConfigurationError

try:
    import psycopg
    from psycopg import AsyncClientCursor, AsyncConnection, errors
    from psycopg import Error as PsycopgError
    from psycopg.conninfo import conninfo_to_dict, make_conninfo
except ImportError as _missing:  # without libpq it is there and cannot be imported
    raise ModuleNotFoundError(
        f"psycopg is not installed: pip install 'wan-async[postgres]' ({_missing})", name="psycopg"
    ) from None

__all__ = [
    "AsyncClientCursor",
    "AsyncConnection",
    "PsycopgError",
    "conninfo_to_dict",
    "errors",
    "make_conninfo",
    "psycopg",
]

_NOT_HERE = (
    "psycopg works in no ProactorEventLoop, which is what asyncio runs on Windows: "
    "asyncio.run(main(), loop_factory=asyncio.SelectorEventLoop) from Python 3.12 on"
)


def require_its_loop(who: str) -> None:
    """Refuse an event loop that psycopg does not work in."""
    if sys.platform == "win32" and isinstance(asyncio.get_running_loop(), asyncio.ProactorEventLoop):
        raise ConfigurationError(f"{who}: {_NOT_HERE}")


async def connected(url: str, seconds: float, make: Callable[[AsyncConnection], Awaitable[None]]) -> AsyncConnection:
    """A connection in autocommit to a database in which `make` has found, or made, what is needed.

    Each statement is a transaction of its own and none is prepared, so a pooler may stand between.
    """
    async with asyncio.timeout(seconds):
        connection = await AsyncConnection.connect(url, autocommit=True, prepare_threshold=None, client_encoding="UTF8")
    try:
        with hanging_up_after(2 * seconds, connection):
            await make(connection)
    except BaseException:
        await connection.close()
        raise
    return connection


def is_misread(url: str, read: Mapping[str, Any]) -> bool:
    """Whether a part of the password was read as something else, and would be shown: its `@` or `/` is not `%XX`."""
    ports = str(read.get("port") or "").split(",")
    readable = all(port.isdecimal() or not port for port in ports)
    parts = urlsplit(url)
    cut = "@" in parts.path and "@" not in parts.netloc and ":" in parts.netloc
    return cut or "@" in str(read.get("host") or "")[1:] or not readable


def is_readable(url: str) -> bool:
    """Whether psycopg reads the URL as it is meant; its own words of what it cannot read hold the password."""
    try:
        return not is_misread(url, conninfo_to_dict(url))
    except PsycopgError:
        return False


@contextmanager
def hanging_up_after(seconds: float, connection: AsyncConnection) -> Generator[None]:
    """Make a fault of a server that says nothing: a cancelled query would wait for it again, for 10 s (psycopg 3.3)."""
    timer = asyncio.get_running_loop().call_later(seconds, hang_up, connection)
    try:
        yield
    finally:
        timer.cancel()


def hang_up(connection: psycopg.BaseConnection[Any]) -> None:
    """Have whatever waits for the server fail; from any thread."""
    with (
        suppress(OSError, PsycopgError),
        socket.fromfd(connection.fileno(), socket.AF_INET, socket.SOCK_STREAM) as end,
    ):
        end.shutdown(socket.SHUT_RDWR)
