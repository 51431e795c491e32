"""An account's windows in PostgreSQL (extra `postgres`): a function visits them, in one statement.

The time is the server's. The table `wan_async_limit` and the function `wan_async_limit_visit` are made on first use; a
role that may not make them needs SELECT, INSERT, UPDATE and DELETE on the one and EXECUTE on the other. The table is
not logged: what a crashed server forgets counts as a full window.
"""

from __future__ import annotations

from importlib.resources import files
from typing import Any, LiteralString, cast

import msgspec

from .._docs import documented
from .._policy.shared_window import Turn, Visit
from .._psycopg import (
    AsyncClientCursor,
    AsyncConnection,
    PsycopgError,
    connected,
    errors,
    hanging_up_after,
    is_readable,
    require_its_loop,
)
from ..errors import ConfigurationError
from .storage import StorageAwayError, StoredLimits, place

_PATIENCE = 2.0
"""Seconds after which a server that says nothing is away."""
_VISIT: LiteralString = """
SELECT * FROM wan_async_limit_visit(%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s,
                                    %s, %s)"""
_IS_MADE: LiteralString = """
SELECT EXISTS (
    SELECT FROM pg_proc WHERE proname = 'wan_async_limit_visit' AND pronargs = 23 AND pg_function_is_visible(oid)
) AND EXISTS (SELECT FROM pg_class WHERE relname = 'wan_async_limit' AND pg_table_is_visible(oid))"""
_ALONE: LiteralString = "SELECT pg_advisory_xact_lock(hashtextextended('wan_async_limit', 0))"
_NEVER = (errors.InvalidAuthorizationSpecification, errors.InvalidPassword, errors.ProgrammingError)
_GONE = (errors.UndefinedTable, errors.UndefinedFunction)
"""Errors of what was dropped: the next connection makes it again, and the state was lost."""


@documented
class PostgresLimits(StoredLimits, frozen=True):
    """`postgresql://user@host/database`: PostgreSQL 12 or newer."""

    at_once = 4

    def check(self) -> None:
        """Refuse a URL that psycopg cannot read."""
        if not is_readable(self.url):
            allowed = "postgresql://user@host:port/database, with %XX for a password's signs"
            words = f"{place(self.url)!r} is not allowed; allowed: {allowed}"
            raise ConfigurationError(f"limit_storage: {words}")

    def connect(self) -> PostgresStorage:
        """See `StoredLimits`."""
        require_its_loop("limit_storage")
        return PostgresStorage(self.url)


class PostgresStorage:
    """A `LimitStorage` in PostgreSQL, over a few connections.

    Args:
        url: where it is.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._free: list[AsyncConnection] = []

    async def visit(self, name: str, visit: Visit, keep: float) -> Turn:
        """See `LimitStorage`."""
        values, at = msgspec.structs.astuple(visit), visit.__struct_fields__.index("counted")
        permits, lefts = [permit for permit, _ in visit.counted], [left for _, left in visit.counted]
        row = [name, keep, *values[:at], permits, lefts, *values[at + 1 :]]
        try:
            return Turn(*await self._ask(row))
        except (PsycopgError, OSError, TimeoutError) as error:
            raise self._as_ours(error) from None

    async def aclose(self) -> None:
        """See `LimitStorage`."""
        while self._free:
            await self._free.pop().close()

    async def _ask(self, row: list[Any]) -> tuple[Any, ...]:
        connection = self._free.pop() if self._free else await self._connect()
        try:
            with hanging_up_after(_PATIENCE, connection):
                found = await (await connection.execute(_VISIT, row)).fetchone()
        except BaseException:
            await connection.close()
            raise
        self._free.append(connection)
        assert found is not None  # noqa: S101 - a function gives one row
        return found

    async def _connect(self) -> AsyncConnection:
        """A connection to a database that has the function."""
        return await connected(self._url, _PATIENCE, self._make)

    async def _make(self, connection: AsyncConnection) -> None:
        if await (await connection.execute(_IS_MADE)).fetchone() == (True,):
            return
        script = files(__name__.rpartition(".")[0]).joinpath("window.sql").read_text(encoding="utf-8")
        async with connection.transaction():
            await connection.execute(_ALONE)
            await AsyncClientCursor(connection).execute(cast("LiteralString", script))

    def _as_ours(self, error: Exception) -> Exception:
        words = " ".join(f"{type(error).__name__}: {error}".split())
        refused = "authentication failed" in words or "does not exist" in words or "no pg_hba.conf entry" in words
        never = isinstance(error, _NEVER) and not isinstance(error, _GONE)
        if never or (isinstance(error, errors.OperationalError) and refused):
            return ConfigurationError(f"limit_storage: PostgreSQL refused: {words}")
        return StorageAwayError(words)
