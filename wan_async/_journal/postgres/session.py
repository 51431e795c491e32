"""A connection to one batch of a shared journal, and its transactions."""

from __future__ import annotations

import contextlib
from collections.abc import Generator
from typing import Any, Final, LiteralString, Self

import psycopg

from ...errors import JournalError
from . import connecting
from .connecting import Place

_BEGIN: Final[LiteralString] = "BEGIN ISOLATION LEVEL READ COMMITTED"

# A commit that was confirmed is on the disk, whatever the role's default is; whoever is stopped in the middle of a
# transaction holds others up for so long. In the middle of a pipeline it does not count as idle: there PostgreSQL 17
# ends it after 25 s, before those who wait give the server up, and an older one when its process or connection ends.
_SETTINGS: Final[LiteralString] = """
SELECT set_config('synchronous_commit', 'on', true), set_config('lock_timeout', '10s', true),
    set_config('idle_in_transaction_session_timeout', '10s', true)
"""
_SETTINGS_17: Final[LiteralString] = _SETTINGS + ", set_config('transaction_timeout', '25s', true)"
_VERSION_17: Final = 170_000
_MAKE_BATCH: Final[LiteralString] = "INSERT INTO wan_async_batch (name) VALUES (%s) ON CONFLICT (name) DO NOTHING"
_MOVED_TO: Final[LiteralString] = "SELECT moved_to FROM wan_async_batch WHERE id = %s"
_HOLD: Final[LiteralString] = "SELECT id FROM wan_async_batch WHERE id = %s FOR KEY SHARE"
_FIND_BATCH: Final[LiteralString] = "SELECT id FROM wan_async_batch WHERE name = %s"


class Session:
    """A connection in autocommit; used by one thread.

    Attributes:
        place: where the journal is.
        connection: to it.
        pooled: whether a pooler stands between.
        batch: the batch's id.
        worker: the id of the worker that this is; 0 for who only reads.
        ends_transactions: whether the server can end one that takes too long.
    """

    def __init__(self, place: Place, *, create: bool) -> None:
        """Connect; with `create`, make the tables and the batch if need be.

        Raises JournalError: not to be reached, of a newer version, or not there.
        """
        self.place = place
        self.worker = 0
        self.connection = connecting.connect(place)
        self.connected()
        self.ends_transactions = self.connection.info.server_version >= _VERSION_17
        with self.opening():
            self.pooled = connecting.is_pooled(self.connection)
            if self.pooled:
                self.connection.prepare_threshold = None
            if create:
                connecting.make_tables(self.connection, place)
                self.connection.execute(_MAKE_BATCH, (place.batch,))
            connecting.check_version(self.connection, place)
            found = self.query(_FIND_BATCH, place.batch)
            if not found:
                raise JournalError(f"{place.shown} is not there: the journal has no batch {place.batch!r}")
            ((self.batch,),) = found

    def connected(self) -> None:
        """Nothing; a session that lasts looks after its connection from here on."""

    @contextlib.contextmanager
    def opening(self) -> Generator[None]:
        """Close the connection where that fails, and raise it as a JournalError."""
        words = None
        try:
            yield
        except psycopg.Error as fault:
            words = connecting.hidden(self.place, str(fault))
        except BaseException:
            self.connection.close()
            raise
        if words is not None:
            self.connection.close()
            raise JournalError(f"{self.place.shown} cannot be opened: {words}")

    def query(self, statement: LiteralString, *values: Any) -> list[tuple[Any, ...]]:
        """Rows, of the present moment."""
        return self.connection.execute(statement, values).fetchall()

    def send(self, statement: LiteralString, values: dict[str, Any]) -> psycopg.Cursor[tuple[Any, ...]]:
        """A statement about this batch and this worker."""
        return self.connection.execute(statement, {**values, "batch": self.batch, "worker": self.worker})

    def stay(self) -> None:
        """In a transaction: keep the batch from being copied before its end; JournalError if it was."""
        self.query(_HOLD, self.batch)
        self.refuse_moved()

    def moved_to(self) -> str | None:
        """The place where the batch was copied to."""
        ((moved_to,),) = self.query(_MOVED_TO, self.batch)
        return moved_to

    def refuse_moved(self) -> None:
        """JournalError if the batch is gone on with elsewhere."""
        moved_to = self.moved_to()
        if moved_to is not None:
            raise JournalError(f"{self.place.shown} was copied to {moved_to}: go on with that")

    @contextlib.contextmanager
    def writing(self, *, pipelined: bool = False) -> Generator[None]:
        """A transaction whose commit is on the disk; `pipelined`: in one round trip, results come at its end.

        Where a pipeline breaks off, psycopg (3.3) takes for prepared what the server passed over: then nothing is.
        """
        try:
            with self.connection.pipeline() if pipelined else contextlib.nullcontext():
                self.connection.execute(_BEGIN)
                self.connection.execute(_SETTINGS_17 if self.ends_transactions else _SETTINGS)
                yield
                self.connection.execute("COMMIT")
        except BaseException:
            if pipelined:
                self.connection.prepare_threshold = None
            with contextlib.suppress(psycopg.Error):
                self.connection.execute("ROLLBACK")
            raise

    def close(self) -> None:
        """Close the connection; also when called again."""
        with contextlib.suppress(psycopg.Error):
            self.connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
