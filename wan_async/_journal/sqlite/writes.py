"""Writes along an item's way, one statement each; in the writer's transaction, in its thread.

An item's way: nothing → sending ⇄ queued, sending → running → done or failed; what was sending may become unknown, and
unknown running (adopted) or done. Only `requeue` leads from failed and unknown back to queued.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any, Final

from ...errors import JournalError
from ..columns import path_to_column, plain
from ..store import (
    Acceptance,
    Claimed,
    Conflict,
    Ending,
    Intended,
    Intent,
    OverBudget,
    Refused,
    Taken,
    Withdrawal,
    Written,
)
from .hold import REFUSED, Hold

_ROUNDING: Final = 1e-9
"""Sums of fractional prices."""

_INTEND = """
INSERT INTO item (position, key, model, input, state, token, sent_at, credits, run)
VALUES (?, ?, ?, ?, 'sending', ?, ?, ?, ?) ON CONFLICT (key) DO NOTHING
"""
_INTEND_AGAIN = """
UPDATE item SET state = 'sending', token = ?, sent_at = ?, credits = ?, run = ?, attempt = attempt + 1 WHERE id = ?
"""
_STANDING = "SELECT id, model, input, state, attempt FROM item WHERE key = ?"

# A unary plus keeps SQLite from going by the index of states: thousands are in one state, one has the key.
_ACCEPT = """
UPDATE item SET state = 'running', task_id = ?, accepted_at = ?, finished_at = NULL, error = NULL, reported = 0,
    seen = 0, run = ?
WHERE key = ? AND attempt = ? AND +state IN ('sending', 'unknown')
"""
_LATE = "UPDATE earlier SET task_id = ?, accepted_at = ? WHERE item = ? AND attempt = ? AND task_id IS NULL"
_BESIDE = "INSERT INTO earlier (item, state, task_id, accepted_at, attempt) VALUES (?, 'running', ?, ?, ?)"
_TASK = "SELECT id, task_id FROM item WHERE key = ?"

_WITHDRAW = """
UPDATE item SET state = 'queued', token = NULL, sent_at = NULL, credits = NULL, run = :run
WHERE key = :key AND attempt = :attempt AND +state = 'sending'
"""

# A failure without a record is charged only if the task was accepted.
_FINISH = """
UPDATE item SET state = :state, finished_at = :at, record = :record, error = :error, path = :path, reported = 1,
    run = :run, credits = CASE
        WHEN :consumed IS NOT NULL THEN :consumed
        WHEN :state = 'failed' AND (:record IS NOT NULL OR task_id IS NULL) THEN 0
        ELSE credits END
WHERE key = :key AND attempt = :attempt AND (+state NOT IN ('done', 'failed') OR +state = 'done' AND :state = 'done')
"""
_SAVE = "UPDATE item SET path = ?, error = NULL WHERE key = ? AND +state = 'done'"
_REPORT = "UPDATE item SET reported = 1, run = ? WHERE key = ?"
_SEEN = "UPDATE item SET seen = 1 WHERE key = ?"
_CREDITS = "SELECT total(credits) FROM item WHERE key = ?"
_SPENT = "SELECT (SELECT total(credits) FROM item) + (SELECT total(credits) FROM earlier)"


def intend(hold: Hold, intent: Intent) -> Intended:
    """Claim the key: a new row, or one that is QUEUED, is SENDING; `Refused` for values that no row can hold."""
    try:
        return _intend(hold, intent)
    except REFUSED as refusal:
        return Refused(JournalError(f"{hold.path}: {refusal}"))


def _intend(hold: Hold, intent: Intent) -> Intended:
    key, model, content, price = plain(intent.key), plain(intent.model), intent.content.decode(), intent.price
    at, fits = time.time(), _fits(hold, intent)
    new = (intent.index, key, model, content, intent.token, at, price, hold.run)
    if fits and hold.execute(_INTEND, new).rowcount == 1:
        return _claimed(hold, 1, price)
    row = hold.execute(_STANDING, (key,)).fetchone()
    if row is not None and row[1:3] != (model, content):
        return Conflict(key)
    if row is not None and row[3] != "queued":
        return Taken()
    if row is None or not fits:
        return OverBudget(spent(hold))
    hold.execute(_INTEND_AGAIN, (intent.token, at, price, hold.run, row[0]))
    return _claimed(hold, row[4] + 1, price)


def _fits(hold: Hold, intent: Intent) -> bool:
    if intent.max_credits is None:
        return True
    if hold.spent is None:
        hold.spent = spent(hold)
    return hold.spent + (intent.price or 0) <= intent.max_credits + _ROUNDING


def _claimed(hold: Hold, attempt: int, price: float | None) -> Claimed:
    if hold.spent is not None:
        hold.spent += price or 0
    return Claimed(attempt)


def accept(hold: Hold, acceptance: Acceptance) -> None:
    """The task's id: RUNNING. One that comes when another submission stands there is kept beside it."""
    key, attempt, task_id, at = acceptance.key, acceptance.attempt, plain(acceptance.task_id), time.time()
    if hold.execute(_ACCEPT, (task_id, at, hold.run, key, attempt)).rowcount == 1:
        return
    item, known = hold.execute(_TASK, (key,)).fetchone() or (None, None)
    if item is None:
        raise JournalError(f"{key!r} is not in the journal, task {task_id} of it was accepted")
    if known != task_id and hold.execute(_LATE, (task_id, at, item, attempt)).rowcount != 1:
        hold.execute(_BESIDE, (item, task_id, at, attempt))


def withdraw(hold: Hold, withdrawal: Withdrawal) -> None:
    """QUEUED again, if that attempt is being sent; it costs nothing."""
    _settle(hold, _WITHDRAW, {"key": withdrawal.key, "attempt": withdrawal.attempt, "run": hold.run})


def finish(hold: Hold, ending: Ending, values: dict[str, Any]) -> Written:
    """The outcome; `values` are the columns of it."""
    if _settle(hold, _FINISH, {**values, "run": hold.run, "at": time.time()}):
        return Written.ON_DISK
    if hold.execute(_TASK, (ending.key,)).fetchone() is None:
        raise JournalError(f"{ending.key!r} is not in the journal")
    return Written.TOO_LATE


def _settle(hold: Hold, statement: str, values: dict[str, Any]) -> bool:
    """Change one row, and with it the sum of all credits, where that is asked for. False if there is no such row."""
    if hold.spent is None:
        return hold.execute(statement, values).rowcount == 1
    before = _credits(hold, values["key"])
    changed = hold.execute(statement, values).rowcount == 1
    hold.spent += _credits(hold, values["key"]) - before
    return changed


def _credits(hold: Hold, key: str) -> float:
    return hold.execute(_CREDITS, (key,)).fetchone()[0]


def save(hold: Hold, key: str, path: str) -> None:
    """Write where the clip of an item is that is DONE."""
    _must(hold.execute(_SAVE, (path_to_column(path), key)).rowcount, key, "done")


def report(hold: Hold, keys: Iterable[str]) -> None:
    """These outcomes of earlier runs are handed over by this one."""
    for key in keys:
        _must(hold.execute(_REPORT, (hold.run, key)).rowcount, key, "in the journal")


def seen(hold: Hold, keys: Iterable[str]) -> None:
    """The caller's loop took these outcomes."""
    hold.database.executemany(_SEEN, [(key,) for key in keys])


def spent(hold: Hold) -> float:
    """Credits that were or may have been charged, 0.1 s for a million items."""
    return hold.execute(_SPENT).fetchone()[0]


def _must(rows: int, key: str, state: str) -> None:
    if rows != 1:
        raise JournalError(f"{key!r} is not {state}")
