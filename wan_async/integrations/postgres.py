"""Callbacks between processes over PostgreSQL (extra `postgres`), where there is no Redis.

The table `wan_async_callback` carries them, NOTIFY only says that there is something to read: through a pooler that
drops it (pgbouncer in transaction mode) callbacks are heard within 5 s instead of at once.

```sql
CREATE TABLE wan_async_callback (
    id bigint GENERATED ALWAYS AS IDENTITY,         -- ascends in the order of the commits of a channel
    channel text NOT NULL,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    callback text NOT NULL,                         -- JSON: task_id, token
    PRIMARY KEY (channel, id)
);
```

It is made on first use. A role that may not make it needs SELECT, INSERT and DELETE on it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, LiteralString

from .._callbacks import shared_bus
from .._callbacks.shared_bus import SharedBus
from .._psycopg import (
    AsyncClientCursor,
    AsyncConnection,
    connected,
    hanging_up_after,
    is_readable,
    require_its_loop,
)
from ..errors import ConfigurationError

__all__ = ["PostgresBus"]

_MAKE: LiteralString = """
SELECT pg_advisory_xact_lock(hashtextextended('wan_async_callback', 0));
CREATE TABLE IF NOT EXISTS wan_async_callback (
    id bigint GENERATED ALWAYS AS IDENTITY,
    channel text NOT NULL,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    callback text NOT NULL,
    PRIMARY KEY (channel, id)
)"""

# One round trip and one transaction, which a pooler keeps on one connection. A reader goes on from the last id that it
# saw, so ids of a channel must become visible in their order: whoever adds waits for the one before, by the lock.
_APPEND: LiteralString = """
SELECT pg_advisory_xact_lock(hashtextextended('wan_async_callback ' || %(channel)s, 0));
INSERT INTO wan_async_callback (channel, callback) SELECT %(channel)s, unnest(%(callbacks)s::text[]);
DELETE FROM wan_async_callback WHERE channel = %(channel)s AND (
    at < now() - make_interval(secs => %(recent)s)
    OR id <= (SELECT id FROM wan_async_callback WHERE channel = %(channel)s ORDER BY id DESC OFFSET %(kept)s LIMIT 1));
NOTIFY wan_async_callback"""

_RECENTLY: LiteralString = """
SELECT coalesce(max(id), 0) FROM wan_async_callback
WHERE channel = %s AND at < now() - make_interval(secs => %s)"""

_PAGE: LiteralString = """
SELECT id, callback FROM wan_async_callback WHERE channel = %s AND id > %s ORDER BY id LIMIT %s"""


class _Table:
    """The log, over two connections: one that reads, and one that adds."""

    def __init__(self, url: str, channel: str) -> None:
        require_its_loop("PostgresBus")
        self._url = url
        self._channel = channel
        self._after = 0
        self._reading: AsyncConnection | None = None
        self._adding: AsyncConnection | None = None

    async def append(self, messages: Sequence[bytes]) -> None:
        if self._adding is None or self._adding.closed:
            self._adding = await self._connect()
        values = {
            "channel": self._channel,
            "callbacks": [message.decode() for message in messages],
            "recent": shared_bus.RECENT,
            "kept": shared_bus.KEPT,
        }
        with hanging_up_after(shared_bus.PATIENCE, self._adding):
            await AsyncClientCursor(self._adding).execute(_APPEND, values)

    async def rewind(self) -> None:
        if self._reading is None or self._reading.closed:
            self._reading = await self._connect()
        with hanging_up_after(2 * shared_bus.BLOCK, self._reading):
            await self._reading.execute("LISTEN wan_async_callback")
            ((self._after,),) = await _ask(self._reading, _RECENTLY, self._channel, shared_bus.RECENT)

    async def read(self) -> list[bytes]:
        assert self._reading is not None  # noqa: S101 - rewound before
        page = await self._page(self._reading)
        if not page:
            async for _ in self._reading.notifies(timeout=shared_bus.BLOCK, stop_after=1):
                pass
            page = await self._page(self._reading)  # without a notification too: a pooler may drop it
        return page

    async def aclose(self) -> None:
        for connection in (self._reading, self._adding):
            if connection is not None:
                await connection.close()

    async def _page(self, connection: AsyncConnection) -> list[bytes]:
        with hanging_up_after(2 * shared_bus.BLOCK, connection):
            rows = await _ask(connection, _PAGE, self._channel, self._after, shared_bus.PAGE)
        if rows:
            self._after = rows[-1][0]
        return [callback.encode() for _, callback in rows]

    async def _connect(self) -> AsyncConnection:
        """A connection to a database that has the table."""
        return await connected(self._url, shared_bus.PATIENCE, _make)


async def _make(connection: AsyncConnection) -> None:
    if await _ask(connection, "SELECT to_regclass('wan_async_callback')") == [(None,)]:
        await AsyncClientCursor(connection).execute(_MAKE)


async def _ask(connection: AsyncConnection, query: LiteralString, *values: object) -> list[tuple[Any, ...]]:
    return await (await connection.execute(query, values)).fetchall()


class PostgresBus(SharedBus):
    """A `CallbackBus` over PostgreSQL: `Callbacks(url, key, bus=PostgresBus("postgresql://…/db"))` in each worker.

    It connects when it is used, twice in each worker: to read while a client listens, and to add. It closes with the
    last client of an event loop. Where there is no client, in a receiver alone, `aclose` or `async with` closes it.
    While PostgreSQL is away, callbacks are answered all the same, waiting tasks are polled every 15 s, and nothing is
    lost.

    Args:
        url: the database, such as `postgresql://user@host/database`.
        channel: keeps accounts and environments apart that share a database.

    Raises:
        ConfigurationError: the URL cannot be used. On Windows, when a client is entered: its event loop is none that
            psycopg works in; `asyncio.SelectorEventLoop` is.
    """

    def __init__(self, url: str, *, channel: str = "callbacks") -> None:
        if not isinstance(url, str) or not url.startswith(("postgresql://", "postgres://")):
            raise ConfigurationError("PostgresBus.url: not allowed; allowed: postgresql://user@host/database")
        if not is_readable(url):
            raise ConfigurationError(
                "PostgresBus.url: cannot be read; allowed: postgresql://user@host:port/database?option=value, "
                "with %XX for what is not a letter or a digit"
            )
        super().__init__("PostgreSQL", lambda: _Table(url, channel))
        self._channel = channel

    def __repr__(self) -> str:
        return f"PostgresBus(channel={self._channel!r})"
