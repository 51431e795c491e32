"""A batch of a shared journal that nobody else has: one transaction, in which it is filled, or left for a file."""

from __future__ import annotations

import contextlib
from collections.abc import Generator, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, Final, LiteralString

import psycopg

from ...errors import JournalError
from ..columns import COPIED, PAST, path_to_column
from . import connecting
from .claims import in_the_air
from .connecting import Place
from .session import Session
from .texts import path_from_text, path_to_text, unfit

_TOGETHER: Final = 1000

# A file is put on the disk meanwhile; a role's own limits are made for queries.
_PATIENCE: Final[LiteralString] = """
SELECT set_config('idle_in_transaction_session_timeout', '5min', true), set_config('statement_timeout', '0', true)
"""
_PATIENCE_17: Final[LiteralString] = "SELECT set_config('transaction_timeout', '0', true)"
_HOLD: Final[LiteralString] = "SELECT moved_to FROM wan_async_batch WHERE id = %s FOR UPDATE"
_LIVES: Final[LiteralString] = """
SELECT host, pid FROM wan_async_worker WHERE batch = %s AND expires_at > clock_timestamp() LIMIT 1
"""
# A worker that comes back from a long pause renews its lease no more.
_BURY: Final[LiteralString] = """
UPDATE wan_async_worker SET expires_at = '-infinity' WHERE batch = %(batch)s AND expires_at <= clock_timestamp()
"""
_HAS_ITEMS: Final[LiteralString] = "SELECT EXISTS (SELECT FROM wan_async_item WHERE batch = %s)"
_EMPTY: Final[tuple[LiteralString, ...]] = (
    "DELETE FROM wan_async_item WHERE batch = %(batch)s",
    "DELETE FROM wan_async_earlier WHERE batch = %(batch)s",
    "UPDATE wan_async_worker SET spent = 0 WHERE batch = %(batch)s",
    "UPDATE wan_async_batch SET moved_to = NULL WHERE id = %(batch)s",
)
_RECEIVE: Final[LiteralString] = """
COPY wan_async_item (batch, position, key, model, input, state, token, task_id, sent_at, accepted_at, finished_at,
    record, error, path, credits, reported, attempt, seen) FROM STDIN
"""
_RECEIVE_EARLIER: Final[LiteralString] = """
INSERT INTO wan_async_earlier (batch, item, state, token, task_id, sent_at, accepted_at, finished_at, record, error,
    path, credits, attempt)
SELECT %(batch)s, (SELECT id FROM wan_async_item WHERE batch = %(batch)s AND key = %(key)s), %(state)s, %(token)s,
    %(task_id)s, %(sent_at)s, %(accepted_at)s, %(finished_at)s, %(record)s, %(error)s, %(path)s, %(credits)s,
    %(attempt)s
"""
# What the file's runs spent is this worker's, so that budgets count it.
_COUNT: Final[LiteralString] = """
INSERT INTO wan_async_worker (batch, host, pid, expires_at, limit_n, limit_per, spent)
SELECT %(batch)s, 'copied', 0, '-infinity', %(n)s, %(per)s,
    (SELECT coalesce(sum(credits), 0) FROM wan_async_item WHERE batch = %(batch)s)
    + (SELECT coalesce(sum(credits), 0) FROM wan_async_earlier WHERE batch = %(batch)s)
"""
_SENDING: Final[LiteralString] = """
SELECT key, extract(epoch FROM sent_at)::float8 FROM wan_async_item WHERE batch = %s AND state = 'sending' FOR UPDATE
"""
_ORPHANS: Final[LiteralString] = """
UPDATE wan_async_item AS item
SET state = 'unknown', error = asked.error, finished_at = clock_timestamp(), reported = false
FROM unnest(%(key)b::text[], %(error)b::text[]) AS asked (key, error)
WHERE item.batch = %(batch)s AND item.key = asked.key
"""
_MOVE: Final[LiteralString] = "UPDATE wan_async_batch SET moved_to = %(words)s WHERE id = %(batch)s"
_ITEMS: Final[LiteralString] = """
SELECT position, key, model, input, state, token, task_id, extract(epoch FROM sent_at)::float8,
    extract(epoch FROM accepted_at)::float8, extract(epoch FROM finished_at)::float8, record, error, path, credits,
    reported::int, attempt, seen::int
FROM wan_async_item WHERE batch = %s ORDER BY id
"""
_EARLIER: Final[LiteralString] = """
SELECT item.key, past.state, past.token, past.task_id, extract(epoch FROM past.sent_at)::float8,
    extract(epoch FROM past.accepted_at)::float8, extract(epoch FROM past.finished_at)::float8, past.record, past.error,
    past.path, past.credits, past.attempt
FROM wan_async_earlier AS past JOIN wan_async_item AS item ON item.batch = past.batch AND item.id = past.item
WHERE past.batch = %s ORDER BY past.item, past.attempt
"""
_LIMIT: Final[LiteralString] = """
SELECT limit_n, limit_per FROM wan_async_worker WHERE batch = %s AND limit_n IS NOT NULL ORDER BY id DESC LIMIT 1
"""
# Whoever asks waits until a transaction that may still decide has ended.
_DECIDING: Final[LiteralString] = "SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))"
_DECIDE: Final[LiteralString] = "INSERT INTO wan_async_copy (number, batch) VALUES (%(number)s, %(batch)s)"
_IS_DECIDED: Final[LiteralString] = "SELECT EXISTS (SELECT FROM wan_async_copy WHERE number = %s)"


class Sole(Session):
    """The one connection that has a batch."""

    _moved_to: str | None = None

    @contextlib.contextmanager
    def alone(self) -> Generator[None]:
        """A transaction in which nobody else has the batch; what is done in it counts with its end, or not at all.

        Raises JournalError: a worker has it, it was moved away, or the server says anything else.
        """
        words = None
        try:
            with self.writing():
                self.query(_PATIENCE)
                if self.ends_transactions:
                    self.query(_PATIENCE_17)
                self._bar()
                yield
        except psycopg.errors.LockNotAvailable:
            words = "somebody is beginning to use it, or copies it too"
        except psycopg.Error as fault:
            words = connecting.hidden(self.place, str(fault))
        if words is not None:
            raise JournalError(f"{self.place.shown} cannot be copied: {words}")

    def _bar(self) -> None:
        """Keep workers from beginning, and those from coming back whose leases have ended."""
        self._refuse_workers()
        ((self._moved_to,),) = self.query(_HOLD, self.batch)
        self.send(_BURY, {})
        self._refuse_workers()

    def _refuse_workers(self) -> None:
        for host, pid in self.query(_LIVES, self.batch):
            raise JournalError(f"{self.place.shown} is in use by process {pid} on {host}")

    def decide(self, number: str) -> None:
        """Have the copy of that number count with the end of the transaction."""
        self.query(_DECIDING, number)
        self.send(_DECIDE, {"number": number})

    # as the target

    def make_room(self, source: str) -> None:
        """Be empty: new, or holding what was moved to that very source before."""
        if self._moved_to is not None:
            if self._moved_to != source:
                raise JournalError(
                    f"{self.place.shown} was copied to {self._moved_to}: name another batch behind the #"
                )
            for statement in _EMPTY:
                self.send(statement, {})
        elif self.query(_HAS_ITEMS, self.batch)[0][0]:
            raise JournalError(f"{self.place.shown} holds items already: name another batch behind the #")

    def receive(
        self,
        items: Iterable[Sequence[Any]],
        earlier: Iterable[Sequence[Any]],
        limit: tuple[int, float] | None,
    ) -> None:
        """Take a file's rows, which nobody holds."""
        with self.connection.cursor() as cursor:
            with cursor.copy(_RECEIVE) as copy:
                for row in items:
                    copy.write_row((self.batch, *self._fit(COPIED, row).values()))
            for row in earlier:
                cursor.execute(_RECEIVE_EARLIER, {"batch": self.batch, **self._fit(("key", *PAST), row)})
        n, per = limit or (None, None)
        self.send(_COUNT, {"n": n, "per": per})

    def _fit(self, names: Sequence[str], row: Sequence[Any]) -> dict[str, Any]:
        """A file's row as the database takes it; JournalError, naming it, where it cannot."""
        values = dict(zip(names, row, strict=True))
        try:
            for name in ("sent_at", "accepted_at", "finished_at"):
                values[name] = None if values[name] is None else datetime.fromtimestamp(values[name], UTC)
            for name in ("reported", "seen"):
                if name in values:
                    values[name] = bool(values[name])
            values["path"] = path_to_text(values["path"])
            why = unfit(*(value for value in values.values() if isinstance(value, str)))
        except (ValueError, TypeError, OverflowError, OSError) as fault:
            why = str(fault)
        if why is not None:
            raise JournalError(f"{values['key']!r} cannot be copied to {self.place.shown}: {why}")
        return values

    # as the source

    def leave(self, target: str) -> None:
        """Be gone on with at the target; what is in the air is unknown."""
        self.refuse_moved()
        sending = self.query(_SENDING, self.batch)
        if sending:
            errors = [in_the_air(sent_at) for _, sent_at in sending]
            self.send(_ORPHANS, {"key": [key for key, _ in sending], "error": errors})
        self.send(_MOVE, {"words": target})

    def items(self) -> Iterator[tuple[Any, ...]]:
        """The items in their order, `COPIED`."""
        for row in self._stream("items", _ITEMS):
            values = dict(zip(COPIED, row, strict=True))
            yield (*({**values, "path": _to_column(values["path"])}.values()),)

    def earlier(self) -> Iterator[tuple[Any, ...]]:
        """The submissions that were given up: their key, and `PAST`."""
        for row in self._stream("earlier", _EARLIER):
            values = dict(zip(("key", *PAST), row, strict=True))
            yield (*({**values, "path": _to_column(values["path"])}.values()),)

    def limit(self) -> tuple[int, float] | None:
        """The account's limit as the last worker knew it."""
        found = self.query(_LIMIT, self.batch)
        return (found[0][0], found[0][1]) if found else None

    def _stream(self, name: str, statement: LiteralString) -> Iterator[tuple[Any, ...]]:
        with self.connection.cursor(name=name) as cursor:
            cursor.itersize = _TOGETHER
            cursor.execute(statement, (self.batch,))
            yield from cursor


def _to_column(path: str | None) -> str | bytes | None:
    text = path_from_text(path)
    return None if text is None else path_to_column(text)


def is_decided(place: Place, number: str) -> bool:
    """Whether the copy of that number counts. JournalError: it cannot be asked."""
    words = None
    connection = connecting.connect(place)
    try:
        connecting.check_version(connection, place)
        with connection.transaction():
            connection.execute("SELECT set_config('lock_timeout', '30s', true)")
            connection.execute(_DECIDING, (number,))
            return bool((connection.execute(_IS_DECIDED, (number,)).fetchone() or (False,))[0])
    except psycopg.Error as fault:
        words = connecting.hidden(place, str(fault))
    finally:
        connection.close()
    raise JournalError(f"{place.shown} cannot be read: {words}")
