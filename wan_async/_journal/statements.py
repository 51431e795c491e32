"""What else is asked of a journal, one function each; they run inside the writer's transaction, in its thread.

An item's way: nothing → sending ⇄ queued, sending → running → done or failed; what was sending may become unknown, and
unknown running (adopted) or done. Only `requeue` leads from failed and unknown back to queued.
"""

from __future__ import annotations

import hashlib
import os
import socket
import sqlite3
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import msgspec

from ..errors import JournalError, SubmissionUnknownError
from .entries import COLUMNS, Entry, JournalCounts, Known, State, entry_of, path_to_column
from .errors_json import error_to_json

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

REFUSED = (
    JournalError,
    sqlite3.IntegrityError,
    sqlite3.DataError,
    sqlite3.ProgrammingError,
    sqlite3.InterfaceError,
    ValueError,
    TypeError,
    OverflowError,
)
"""What a function raises about its own arguments: the transaction is as good as before."""

_to_json = msgspec.json.Encoder().encode

_SEEN = "INSERT INTO seen VALUES (?, 1) ON CONFLICT (content) DO UPDATE SET times = times + 1"
_TIMES = "SELECT times FROM seen WHERE content = ?"
_CONTENT = "SELECT key, model, input FROM item WHERE key = ?"
_CONTENTS = "SELECT key, model, input FROM item WHERE key IN (SELECT value FROM json_each(?))"
_BY_TOKEN = f"SELECT {COLUMNS} FROM item WHERE token = ?"  # noqa: S608
_SAVE = "UPDATE item SET path = ?, error = NULL WHERE key = ? AND state = 'done'"
_REPORT = "UPDATE item SET reported = 1, run = (SELECT run FROM this) WHERE key = ?"
_EARLIER = "AND id <= (SELECT last FROM this) AND run < (SELECT run FROM this)"
# Reads the index alone; what is queued has no credits.
_COUNT = """
SELECT state, count(*), total(credits) FROM item GROUP BY state
UNION ALL SELECT '', 0, total(credits) FROM earlier
"""
_ORPHAN = "UPDATE item SET state = 'unknown', finished_at = ?, error = ?, reported = 0 WHERE id = ?"
_IN_THE_AIR = "the run ended while the submission was in the air"
_RUN = "INSERT INTO run (opened_at, host, pid) VALUES (?, ?, ?)"
_PAST = "state, token, task_id, sent_at, accepted_at, finished_at, record, error, path, credits"
_REQUEUE = """
UPDATE item SET state = 'queued', token = NULL, task_id = NULL, sent_at = NULL, accepted_at = NULL,
    finished_at = NULL, record = NULL, error = NULL, path = NULL, credits = NULL, reported = 0
WHERE """


def known(database: sqlite3.Connection, items: list[tuple[str | None, str, bytes]]) -> list[Known]:
    """Which items have rows, about 4 µs each; a key not given is made of the content and its n-th occurrence."""
    keys = [key or _made_key(database, model, content) for key, model, content in items]
    query, these = (_CONTENT, keys[0]) if len(keys) == 1 else (_CONTENTS, _to_json(keys).decode())
    rows = database.execute(query, (these,))
    there = {key: (model, content) for key, model, content in rows}
    return [
        Known(key, (row := there.get(key)) is not None, row is None or row == (model, content.decode()))
        for key, (_, model, content) in zip(keys, items, strict=True)
    ]


def _made_key(database: sqlite3.Connection, model: str, content: bytes) -> str:
    """The key of the next item with that content in this run."""
    digest = hashlib.blake2b(model.encode() + b"\0" + content, digest_size=16)
    database.execute(_SEEN, (digest.digest(),))
    (times,) = database.execute(_TIMES, (digest.digest(),)).fetchone()
    return f"{digest.hexdigest()}-{times}"


def saved(database: sqlite3.Connection, key: str, path: str) -> None:
    _must(database.execute(_SAVE, (path_to_column(path), key)).rowcount, key, "done")


def reported(database: sqlite3.Connection, key: str) -> None:
    _must(database.execute(_REPORT, (key,)).rowcount, key, "in the journal")


def page(database: sqlite3.Connection, states: Collection[State], after_id: int, limit: int) -> list[Entry]:
    """The next entries by id."""
    return _page(database, states, after_id, limit, "")


def earlier_page(database: sqlite3.Connection, states: Collection[State], after_id: int, limit: int) -> list[Entry]:
    """The next entries by id that were there before this run and that it has not written to."""
    return _page(database, states, after_id, limit, _EARLIER)


def _page(database: sqlite3.Connection, states: Collection[State], after_id: int, limit: int, only: str) -> list[Entry]:
    """Each state is a range of the index; `state IN (…)` would sort all that match, for each page."""
    part = f"SELECT * FROM (SELECT id FROM item WHERE state = ? AND id > ? {only} ORDER BY id LIMIT ?)"  # noqa: S608
    ids = " UNION ALL ".join([part] * len(states)) or "SELECT 0"
    arguments = [argument for state in states for argument in (state.value, after_id, limit)]
    select = f"SELECT {COLUMNS} FROM item WHERE id IN ({ids}) ORDER BY id LIMIT ?"  # noqa: S608
    return [entry_of(row) for row in database.execute(select, (*arguments, limit)).fetchall()]


def by_token(database: sqlite3.Connection, token: str) -> Entry | None:
    row = database.execute(_BY_TOKEN, (token,)).fetchone()
    return None if row is None else entry_of(row)


def unreported(database: sqlite3.Connection) -> int:
    count = "SELECT count(*) FROM item WHERE state = 'unknown' AND NOT reported"
    return database.execute(count).fetchone()[0]


def counts(database: sqlite3.Connection) -> JournalCounts:
    """Count by state and sum up the credits, in one statement: one moment of a journal that is being written."""
    rows = database.execute(_COUNT).fetchall()
    return JournalCounts(**{state: count for state, count, _ in rows if state}, credits=sum(row[2] for row in rows))


def spent(database: sqlite3.Connection) -> float:
    return counts(database).credits


def is_new(database: sqlite3.Connection) -> bool:
    return bool(database.execute("SELECT last = 0 FROM this").fetchone()[0])


def begin_run(database: sqlite3.Connection) -> None:
    """Note the run. What a killed one had in the air may have been created: it becomes UNKNOWN."""
    (last,) = database.execute("SELECT coalesce(max(id), 0) FROM item").fetchone()
    run = database.execute(_RUN, (time.time(), socket.gethostname(), os.getpid())).lastrowid
    database.execute("INSERT INTO this VALUES (?, ?)", (run, last))
    for id_, sent_at in database.execute("SELECT id, sent_at FROM item WHERE state = 'sending'").fetchall():
        error = SubmissionUnknownError(_IN_THE_AIR, datetime.fromtimestamp(sent_at, UTC))
        database.execute(_ORPHAN, (time.time(), error_to_json(error), id_))


def requeue(database: sqlite3.Connection, states: Collection[State], keys: Iterable[str] | None) -> int:
    """Back to QUEUED, all in these states or those of them with the keys; what is given up goes to `earlier`."""
    if not set(states) <= {State.UNKNOWN, State.FAILED}:
        raise JournalError("only what is unknown or failed can be submitted again")
    where = f"state IN ({', '.join('?' * len(states))})"
    values = [state.value for state in states]
    if keys is None:
        return _requeue(database, where, values)
    return sum(_requeue(database, f"{where} AND key = ?", [*values, key]) for key in keys)


def _requeue(database: sqlite3.Connection, where: str, values: list[str]) -> int:
    database.execute(f"INSERT INTO earlier (item, {_PAST}) SELECT id, {_PAST} FROM item WHERE {where}", values)  # noqa: S608
    return database.execute(_REQUEUE + where, values).rowcount


def _must(rows: int, key: str, state: str) -> None:
    if rows != 1:
        raise JournalError(f"{key!r} is not {state}")
