"""What is done to a journal, one function each; they run inside the writer's transaction, in its thread.

An item's way: nothing → sending ⇄ queued, sending → running → done or failed; what was sending may become unknown, and
unknown running (adopted) or done. Only `requeue` leads from failed and unknown back to queued.
"""

from __future__ import annotations

import hashlib
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec

from .._protocol import TaskRecord, TaskState
from ..errors import JournalError, SubmissionUnknownError, TaskFailedError, WanError
from .entries import COLUMNS, Entry, JournalCounts, Look, State, entry_of, path_to_column
from .errors_json import error_to_json

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Collection, Iterable

_write_record = msgspec.json.Encoder().encode

_SEEN = "INSERT INTO seen VALUES (?, 1) ON CONFLICT DO UPDATE SET times = times + 1"
_TIMES = "SELECT times FROM seen WHERE content = ?"
_BY_KEY = f"SELECT {COLUMNS} FROM item WHERE key = ?"
_BY_TOKEN = f"SELECT {COLUMNS} FROM item WHERE token = ?"
_INTEND = """
INSERT INTO item (position, key, model, input, state, token, sent_at, credits)
VALUES (?, ?, ?, ?, 'sending', ?, ?, ?)
ON CONFLICT (key) DO UPDATE
SET state = 'sending', token = excluded.token, sent_at = excluded.sent_at, credits = excluded.credits
WHERE state = 'queued'
"""
_WITHDRAW = """
UPDATE item SET state = 'queued', token = NULL, sent_at = NULL, credits = NULL
WHERE key = ? AND state = 'sending'
"""
_ACCEPT = """
UPDATE item SET state = 'running', task_id = ?, accepted_at = ?, finished_at = NULL, error = NULL, reported = 0
WHERE key = ? AND state IN ('sending', 'unknown')
"""
# A failure without a record is charged only if the task was accepted.
_FINISH = """
UPDATE item SET state = :state, finished_at = :now, record = :record, error = :error, path = :path, reported = 1,
    credits = CASE
        WHEN :consumed IS NOT NULL THEN :consumed
        WHEN :state = 'failed' AND (:record IS NOT NULL OR task_id IS NULL) THEN 0
        ELSE credits END
WHERE key = :key AND (state NOT IN ('done', 'failed') OR state = 'done' AND :state = 'done')
"""
_REFUSE = """
INSERT INTO item (position, key, model, input, state, finished_at, record, error, path, credits, reported)
VALUES (:index, :key, :model, :input, :state, :now, :record, :error, :path, coalesce(:consumed, 0), 1)
ON CONFLICT DO NOTHING
"""
# Reads the index alone; what is queued has no credits.
_COUNT = """
SELECT state, count(*), total(credits) FROM item GROUP BY state
UNION ALL SELECT '', 0, total(credits) FROM earlier
"""
_ORPHAN = "UPDATE item SET state = 'unknown', finished_at = ?, error = ?, reported = 0 WHERE id = ?"
_PAST = "state, token, task_id, sent_at, accepted_at, finished_at, record, error, path, credits"
_REQUEUE = """
UPDATE item SET state = 'queued', token = NULL, task_id = NULL, sent_at = NULL, accepted_at = NULL,
    finished_at = NULL, record = NULL, error = NULL, path = NULL, credits = NULL, reported = 0
WHERE """


def look(database: sqlite3.Connection, index: int, key: str | None, model: str, input: bytes) -> Look:
    """The item's key and row; a key not given is made of the content and its n-th occurrence in this run."""
    if key is None:
        content = hashlib.blake2b(model.encode() + b"\0" + input, digest_size=16)
        database.execute(_SEEN, (content.digest(),))
        (times,) = database.execute(_TIMES, (content.digest(),)).fetchone()
        key = f"{content.hexdigest()}-{times}"
    entry = _one(database, _BY_KEY, key)
    return Look(key, entry, entry is None or (entry.model == model and entry.input == input))


def intend(
    database: sqlite3.Connection, index: int, key: str, model: str, input: bytes, price: float | None, token: str | None
) -> bool:
    row = (index, key, model, input.decode(), token, time.time(), price)
    return database.execute(_INTEND, row).rowcount == 1


def withdraw(database: sqlite3.Connection, key: str) -> None:
    _must(database.execute(_WITHDRAW, (key,)).rowcount, key, "being sent")


def accepted(database: sqlite3.Connection, key: str, task_id: str) -> None:
    _must(database.execute(_ACCEPT, (task_id, time.time(), key)).rowcount, key, "being sent or unknown")


def finished(
    database: sqlite3.Connection,
    key: str,
    record: TaskRecord | None,
    error: WanError | None,
    path: str | None,
    new: tuple[int | None, str | None, bytes | None],
) -> bool:
    if record is None and isinstance(error, TaskFailedError):
        record = error.record
    outcome = {
        "key": key,
        "state": _final_state(record, error).value,
        "now": time.time(),
        "record": None if record is None else _write_record(record).decode(),
        "error": None if error is None else error_to_json(error),
        "path": path_to_column(path),
        "consumed": None if record is None else record.credits,
    }
    if database.execute(_FINISH, outcome).rowcount:
        return True
    index, model, input = new
    if index is None or model is None or input is None:
        _must(len(database.execute("SELECT id FROM item WHERE key = ?", (key,)).fetchall()), key, "in the journal")
        return False
    return database.execute(_REFUSE, {**outcome, "index": index, "model": model, "input": input.decode()}).rowcount == 1


def _final_state(record: TaskRecord | None, error: WanError | None) -> State:
    if error is None or (record is not None and record.state is TaskState.SUCCESS):
        return State.DONE
    return State.UNKNOWN if isinstance(error, SubmissionUnknownError) else State.FAILED


def saved(database: sqlite3.Connection, key: str, path: str) -> None:
    update = "UPDATE item SET path = ?, error = NULL WHERE key = ? AND state = 'done'"
    _must(database.execute(update, (path_to_column(path), key)).rowcount, key, "done")


def reported(database: sqlite3.Connection, key: str) -> None:
    _must(database.execute("UPDATE item SET reported = 1 WHERE key = ?", (key,)).rowcount, key, "in the journal")


def page(database: sqlite3.Connection, states: Collection[State], after_id: int, limit: int) -> list[Entry]:
    """The next entries by id. Each state is a range of the index; `IN (…)` would sort all that match for each page."""
    part = "SELECT * FROM (SELECT id FROM item WHERE state = ? AND id > ? ORDER BY id LIMIT ?)"
    ids = " UNION ALL ".join([part] * len(states)) or "SELECT 0"
    arguments = [argument for state in states for argument in (state.value, after_id, limit)]
    select = f"SELECT {COLUMNS} FROM item WHERE id IN ({ids}) ORDER BY id LIMIT ?"  # noqa: S608
    return [entry_of(row) for row in database.execute(select, (*arguments, limit)).fetchall()]


def by_token(database: sqlite3.Connection, token: str) -> Entry | None:
    return _one(database, _BY_TOKEN, token)


def unreported(database: sqlite3.Connection) -> int:
    count = "SELECT count(*) FROM item WHERE state = 'unknown' AND NOT reported"
    return database.execute(count).fetchone()[0]


def counts(database: sqlite3.Connection) -> JournalCounts:
    """Count by state and sum up the credits, in one statement: one moment of a journal that is being written."""
    rows = database.execute(_COUNT).fetchall()
    return JournalCounts(**{state: count for state, count, _ in rows if state}, credits=sum(row[2] for row in rows))


def spent(database: sqlite3.Connection) -> float:
    return counts(database).credits


def mark_orphans(database: sqlite3.Connection) -> None:
    """What a killed run had in the air may have been created: it becomes UNKNOWN."""
    database.execute("BEGIN IMMEDIATE")
    rows = database.execute("SELECT id, sent_at FROM item WHERE state = 'sending'").fetchall()
    for id, sent_at in rows:
        error = SubmissionUnknownError(
            "the run ended while the submission was in the air", datetime.fromtimestamp(sent_at, UTC)
        )
        database.execute(_ORPHAN, (time.time(), error_to_json(error), id))
    database.execute("COMMIT")


def requeue(database: sqlite3.Connection, states: Collection[State], keys: Iterable[str] | None) -> int:
    """Back to QUEUED; the submission given up goes to `earlier`. Of all with these states, or of those with the keys."""
    where = f"state IN ({', '.join('?' * len(states))})"
    values = [state.value for state in states]
    if keys is None:
        return _requeue(database, where, values)
    return sum(_requeue(database, f"{where} AND key = ?", [*values, key]) for key in keys)


def _requeue(database: sqlite3.Connection, where: str, values: list[str]) -> int:
    database.execute(f"INSERT INTO earlier (item, {_PAST}) SELECT id, {_PAST} FROM item WHERE {where}", values)  # noqa: S608
    return database.execute(_REQUEUE + where, values).rowcount


def _one(database: sqlite3.Connection, select: str, value: str) -> Entry | None:
    row = database.execute(select, (value,)).fetchone()
    return None if row is None else entry_of(row)


def _must(rows: int, key: str, state: str) -> None:
    if rows != 1:
        raise JournalError(f"{key!r} is not {state}")
