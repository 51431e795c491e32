"""Questions to a journal's rows, by the run in its writer's thread, and by readers."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable, Sequence
from typing import Final

from ...errors import JournalError
from ..columns import COLUMNS, PAST, entry_of, plain
from ..entries import Entry, JournalCounts, State
from ..store import Asked, Conflict, Fresh, Known, LookedUp, Refused
from .hold import Hold

_TOGETHER: Final = 500
"""Keys in one statement: older SQLite takes 999 values."""

_UNTOUCHED: Final = "AND id <= ? AND run < ?"
_TAKE_OVER: Final = "UPDATE item SET run = ? WHERE id = ?"
_TOKENS: Final = "SELECT key, token FROM item WHERE token IS NOT NULL AND key IN"
# Reads the index alone; what is queued has no credits.
_COUNT: Final = """
SELECT state, count(*), total(credits) FROM item GROUP BY state
UNION ALL SELECT '', 0, total(credits) FROM earlier
"""
_SENT: Final = "SELECT sent_at FROM item WHERE sent_at > :at UNION ALL SELECT sent_at FROM earlier WHERE sent_at > :at"
_SET_LIMIT: Final = "UPDATE run SET limit_n = ?, limit_per = ? WHERE id = ?"
_LIMIT: Final = "SELECT limit_n, limit_per FROM run WHERE limit_n IS NOT NULL ORDER BY id DESC LIMIT 1"

# By the index of times: what was accepted was sent at most a day before, where a callback named it.
_WAIT_AGAIN: Final = """
UPDATE item SET state = 'running', finished_at = NULL, record = NULL, error = NULL, reported = 0, seen = 0
WHERE sent_at > :after - 86400 AND accepted_at > :after AND task_id IS NOT NULL AND path IS NULL AND (
    +state = 'failed' AND (error LIKE '{"type":"NotFoundError"%' OR record LIKE '%"provider_state":"%')
    OR +state = 'done' AND record NOT LIKE '%"urls":["%')
"""

_PAST: Final = ", ".join(PAST)
_REQUEUE: Final = """
UPDATE item SET state = 'queued', token = NULL, task_id = NULL, sent_at = NULL, accepted_at = NULL,
    finished_at = NULL, record = NULL, error = NULL, path = NULL, credits = NULL, reported = 0, seen = 0
WHERE """


def look_up(hold: Hold, items: Sequence[Asked]) -> list[LookedUp]:
    """Look items up, about 4 µs each."""
    keys = [_key(hold, item) for item in items]
    there = _contents(hold.database, [key for key in keys if isinstance(key, str)])
    return [_looked_up(item, key, there) for item, key in zip(items, keys, strict=True)]


def _key(hold: Hold, item: Asked) -> str | Refused:
    try:
        key = plain(item.key) if item.key else hold.keys.make(item.model, item.content)
        key.encode()
    except UnicodeEncodeError as fault:
        return Refused(JournalError(f"{hold.path} cannot hold the key or model of {item.key!r}: {fault}"))
    return key


def _contents(database: sqlite3.Connection, keys: Sequence[str]) -> dict[str, tuple[str, str]]:
    there: dict[str, tuple[str, str]] = {}
    for start in range(0, len(keys), _TOGETHER):
        some = keys[start : start + _TOGETHER]
        rows = database.execute(f"SELECT key, model, input FROM item WHERE key IN {_marks(some)}", some)  # noqa: S608
        there.update((key, (model, content)) for key, model, content in rows)
    return there


def _looked_up(item: Asked, key: str | Refused, there: dict[str, tuple[str, str]]) -> LookedUp:
    if isinstance(key, Refused):
        return key
    row = there.get(key)
    if row is None:
        return Fresh(key)
    return Known(key) if row == (item.model, item.content.decode()) else Conflict(key)


def page(
    database: sqlite3.Connection, states: Collection[State], after_id: int, limit: int, untouched: tuple[int, ...] = ()
) -> list[Entry]:
    """The next entries by id; `untouched`: up to an id, and not written to by a run.

    Each state is a range of the index; `state IN (…)` would sort all that match, for each page.
    """
    only = _UNTOUCHED if untouched else ""
    part = f"SELECT * FROM (SELECT id FROM item WHERE state = ? AND id > ? {only} ORDER BY id LIMIT ?)"  # noqa: S608
    ids = " UNION ALL ".join([part] * len(states)) or "SELECT 0"
    arguments = [argument for state in states for argument in (state.value, after_id, *untouched, limit)]
    columns = COLUMNS if _has_attempts(database) else COLUMNS.replace("attempt, seen", "1, 0")
    select = f"SELECT {columns} FROM item WHERE id IN ({ids}) ORDER BY id LIMIT ?"  # noqa: S608
    return [entry_of(row) for row in database.execute(select, (*arguments, limit)).fetchall()]


def _has_attempts(database: sqlite3.Connection) -> bool:
    """False for a file of version 1, which a reader reads as it is."""
    return database.execute("PRAGMA user_version").fetchone()[0] > 1


def earlier_page(hold: Hold, states: Collection[State], after_id: int, limit: int) -> list[Entry]:
    """The next entries by id that were there before this run and that it has not written to."""
    return page(hold.database, states, after_id, limit, (hold.last, hold.run))


def take_over(hold: Hold, after_id: int, limit: int) -> list[Entry]:
    """The next tasks that earlier runs left running; they are this run's from now on."""
    entries = earlier_page(hold, (State.RUNNING,), after_id, limit)
    hold.database.executemany(_TAKE_OVER, [(hold.run, entry.id) for entry in entries])
    return entries


def wait_again(hold: Hold, accepted_after: float) -> int:
    """Back to RUNNING what has ended, but may not have."""
    return hold.database.execute(_WAIT_AGAIN, {"after": accepted_after}).rowcount


def tokens(hold: Hold, keys: Sequence[str]) -> dict[str, str]:
    """The tokens in the callback URLs of the last submissions."""
    found: dict[str, str] = {}
    for start in range(0, len(keys), _TOGETHER):
        some = keys[start : start + _TOGETHER]
        found.update(hold.database.execute(f"{_TOKENS} {_marks(some)}", some).fetchall())
    return found


def counts(database: sqlite3.Connection) -> JournalCounts:
    """Count by state and sum up the credits, in one statement: one moment of a journal that is being written."""
    rows = database.execute(_COUNT).fetchall()
    numbers = {state: count for state, count, _ in rows if state != ""}
    if strange := numbers.keys() - set(State):
        raise JournalError(f"rows of the journal are in a state that there is not: {', '.join(map(repr, strange))}")
    return JournalCounts(**numbers, credits=sum(row[2] for row in rows))


def is_new(hold: Hold) -> bool:
    """Whether no item stood in it when it was opened."""
    return hold.last == 0


def sent_since(hold: Hold, at: float) -> list[float]:
    """The times of intents since then."""
    return sorted(time for (time,) in hold.database.execute(_SENT, {"at": at}))


def set_limit(hold: Hold, n: int, per: float) -> None:
    """Note the account's limit with this run."""
    hold.database.execute(_SET_LIMIT, (n, per, hold.run))


def limit(database: sqlite3.Connection) -> tuple[int, float] | None:
    """The account's limit as the last run knew it: n submissions per that many seconds."""
    return database.execute(_LIMIT).fetchone() if _has_attempts(database) else None


def requeue(hold: Hold, states: Collection[State], keys: Iterable[str] | None) -> int:
    """Back to QUEUED, all in these states or those of them with the keys; what is given up goes to `earlier`."""
    if not set(states) <= {State.UNKNOWN, State.FAILED}:
        raise JournalError("only what is unknown or failed can be submitted again")
    where = f"state IN {_marks(states)}"
    values = [state.value for state in states]
    if keys is None:
        return _requeue(hold.database, where, values)
    keys = [plain(key) for key in keys]
    "".join(keys).encode()  # what no row can have is refused before the first is written
    return sum(_requeue(hold.database, f"{where} AND key = ?", [*values, key]) for key in keys)


def _requeue(database: sqlite3.Connection, where: str, values: list[str]) -> int:
    database.execute(f"INSERT INTO earlier (item, {_PAST}) SELECT id, {_PAST} FROM item WHERE {where}", values)  # noqa: S608
    return database.execute(_REQUEUE + where, values).rowcount


def _marks(values: Collection[object]) -> str:
    return f"({', '.join('?' * len(values))})"
