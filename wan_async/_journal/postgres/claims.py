"""Items that other workers have, or left when they died: one query for all that is waited for."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, LiteralString, NamedTuple

from ...errors import SubmissionUnknownError
from ..columns import entry_of
from ..entries import Entry, State
from ..errors_json import error_to_json
from ..line import Line, settle
from ..store import EndedElsewhere, Fresh, Known, LookedUp, TakenOver
from .reads import COLUMNS, entry_row

if TYPE_CHECKING:
    from .desk import PostgresDesk

_POLL_EVERY: Final = 1.0
"""Seconds between two polls of the rows."""

_IN_THE_AIR: Final = "the worker was gone while the submission was in the air"

# What is under way at a worker that lives is not among it.
_POLL: Final[LiteralString] = f"""
SELECT asked.key, item.worker, coalesce(worker.expires_at > clock_timestamp(), false) AS lives,
    extract(epoch FROM worker.expires_at)::float8 AS expires_at, {COLUMNS}
FROM unnest(%b::text[]) AS asked (key)
LEFT JOIN wan_async_item AS item ON item.batch = %s AND item.key = asked.key
LEFT JOIN wan_async_worker AS worker ON worker.id = item.worker
WHERE item.key IS NULL OR item.state NOT IN ('sending', 'running') OR worker.id IS NULL
    OR worker.expires_at <= clock_timestamp()
"""  # noqa: S608
_EXPIRES: Final[LiteralString] = """
SELECT item.key, extract(epoch FROM worker.expires_at)::float8
FROM wan_async_item AS item JOIN wan_async_worker AS worker ON worker.id = item.worker
WHERE item.batch = %s AND item.key = ANY(%s)
"""
_LEFT: Final[LiteralString] = """
SELECT item.key, item.state, extract(epoch FROM item.sent_at)::float8
FROM wan_async_item AS item LEFT JOIN wan_async_worker AS worker ON worker.id = item.worker
WHERE item.batch = %(batch)s AND NOT item.seen AND item.id > %(after)s AND item.key <> ALL(%(waiting)s)
    AND (worker.id IS NULL OR worker.expires_at <= clock_timestamp())
    AND (item.state IN ('sending', 'running') OR item.state = 'unknown' AND NOT item.reported
        OR %(unseen)s AND item.state IN ('done', 'failed', 'unknown')
        OR %(fetches)s AND item.state = 'done' AND item.path IS NULL)
ORDER BY item.id LIMIT %(limit)s FOR UPDATE OF item SKIP LOCKED
"""
_UNFETCHED: Final[LiteralString] = """
SELECT item.key, item.state, NULL::float8
FROM wan_async_item AS item LEFT JOIN wan_async_worker AS worker ON worker.id = item.worker
WHERE item.batch = %(batch)s AND item.state = 'done' AND item.path IS NULL AND item.id > %(after)s
    AND (worker.id IS NULL OR worker.expires_at <= clock_timestamp())
ORDER BY item.id LIMIT %(limit)s FOR UPDATE OF item SKIP LOCKED
"""
# Sorted, as an intent's keys are: those who wait for the same dead worker take what it had at the same moment.
_TAKE: Final[LiteralString] = f"""
UPDATE wan_async_item AS item SET worker = %(worker)s,
    state = CASE item.state WHEN 'sending' THEN 'unknown' ELSE item.state END,
    error = CASE WHEN item.state = 'sending' THEN asked.error
        WHEN %(fetches)s AND item.state = 'done' AND item.path IS NULL THEN NULL ELSE item.error END,
    seen = false,
    finished_at = CASE item.state WHEN 'sending' THEN clock_timestamp() ELSE item.finished_at END
FROM (
    SELECT wanted.key, wanted.error
    FROM unnest(%(key)b::text[], %(error)b::text[]) AS wanted (key, error)
    JOIN wan_async_item AS held ON held.batch = %(batch)s AND held.key = wanted.key
    ORDER BY held.key FOR UPDATE OF held
) AS asked
WHERE item.batch = %(batch)s AND item.key = asked.key AND NOT EXISTS (
    SELECT FROM wan_async_worker AS holder WHERE holder.id = item.worker AND holder.expires_at > clock_timestamp())
RETURNING {COLUMNS}
"""  # noqa: S608


class _Waiter(NamedTuple):
    future: asyncio.Future[Any]
    expires_at: float | None
    """The end of its holder's lease, as first read."""


class ClaimWatch:
    """The items of others that this worker waits for.

    Attributes:
        fetches: whether this run fetches clips.
        next_at: when to poll again at the latest.
    """

    def __init__(self, desk: PostgresDesk, line: Line, replay: object, fetches: bool) -> None:
        self._desk = desk
        self._line = line
        self._replay = replay
        self.fetches = fetches
        self._waiters: dict[str, _Waiter] = {}
        self.next_at = float("inf")

    def __bool__(self) -> bool:
        return bool(self._waiters)

    def due(self, now: float, *, heard: bool) -> bool:
        """Whether to poll now."""
        return bool(self._waiters) and (heard or now >= self.next_at)

    def add(self, key: str, future: asyncio.Future[Any]) -> None:
        """Wait for a key, until its future is done."""
        rows = self._desk.query(_EXPIRES, self._desk.batch, [key])
        self._waiters[key] = _Waiter(future, rows[0][1] if rows else None)
        self.next_at = 0.0

    def poll(self) -> None:
        """Notify of what has ended, is free, or was left by who died; that is this worker's from now on."""
        self._waiters = {key: waiter for key, waiter in self._waiters.items() if not waiter.future.done()}
        left: list[tuple[str, str, float | None]] = []
        for key, worker, lives, expires_at, *row in self._desk.query(_POLL, list(self._waiters), self._desk.batch):
            known = self._known(key, worker, lives, expires_at, row)
            if known is not None:
                self._notify(key, known)
            elif not lives:
                entry = entry_of(entry_row(row))
                left.append((key, entry.state, entry.sent_at))
        for entry in self._take(left):
            self._notify(entry.key, TakenOver(entry))
        self.next_at = time.monotonic() + _POLL_EVERY if self._waiters else float("inf")

    def _known(
        self, key: str, worker: int | None, lives: bool, expires_at: float | None, row: list[Any]
    ) -> LookedUp | None:
        """The answer by now; None while it is waited for, or where it is to be taken."""
        if row[0] is None or row[5] == State.QUEUED:
            return Fresh(key)
        entry = entry_of(entry_row(row))
        if worker == self._desk.worker:
            return Known(key)
        if entry.state in {State.SENDING, State.RUNNING} or (entry.state is State.UNKNOWN and not entry.reported):
            return None
        if self.is_to_be_fetched(entry, lives=lives):
            return None
        if self._replay is True:
            return EndedElsewhere(entry)
        if self._replay != "unseen" or entry.seen:
            return Known(key)
        first = self._waiters[key].expires_at
        return Known(key) if lives and first is not None and expires_at is not None and expires_at > first else None

    def is_to_be_fetched(self, entry: Entry, *, lives: bool) -> bool:
        """Whether this run wants its clip, and who has it fetches that, or died before."""
        if not self.fetches or entry.state is not State.DONE or entry.path is not None:
            return False
        if lives:  # a loop is handed it after that
            return entry.error is None and not entry.seen
        return self._replay is True or not entry.seen

    def _notify(self, key: str, known: LookedUp | TakenOver) -> None:
        self._line.notify(settle, self._waiters.pop(key).future, known)

    def take_over(self, after_id: int, limit: int) -> list[Entry]:
        """Entries of workers that died, which nobody here waits for; they are this worker's from now on."""
        if self._replay is True:
            return []
        values = {
            "after": after_id,
            "limit": limit,
            "waiting": list(self._waiters),
            "unseen": self._replay == "unseen",
            "fetches": self.fetches,
        }
        return self._take_found(_LEFT, values)

    def unfetched(self, after_id: int, limit: int) -> list[Entry]:
        """Entries without a clip, seen or not, that nobody has who lives; they are this worker's from now on."""
        if self._replay is True or not self.fetches:
            return []
        return self._take_found(_UNFETCHED, {"after": after_id, "limit": limit})

    def _take_found(self, statement: LiteralString, values: dict[str, Any]) -> list[Entry]:
        with self._desk.writing():
            return self._take(self._desk.send(statement, values).fetchall(), within=True)

    def _take(self, left: Sequence[tuple[Any, ...]], *, within: bool = False) -> list[Entry]:
        if not left:
            return []
        errors = [in_the_air(sent_at) for _, _, sent_at in left]
        values = {"key": [key for key, _, _ in left], "error": errors, "fetches": self.fetches}
        if within:
            rows = self._desk.send(_TAKE, values).fetchall()
        else:
            with self._desk.writing():
                rows = self._desk.send(_TAKE, values).fetchall()
        return sorted((entry_of(entry_row(row)) for row in rows), key=lambda entry: entry.id)


def in_the_air(sent_at: float | None) -> str:
    """The error of what nobody knows the fate of."""
    when = None if sent_at is None else datetime.fromtimestamp(sent_at, UTC)
    return error_to_json(SubmissionUnknownError(_IN_THE_AIR, when))
