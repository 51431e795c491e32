"""What a submission writes: its intent, its task's id, its outcome, its withdrawal; a step each.

SQLite works without the interpreter's lock, but each statement takes the lock from the event loop a few times, and
waits for it up to 5 ms (`sys.getswitchinterval`): step by step, the disk is not what a batch waits for. So steps that
were told together are one statement, which is a transaction of its own: one row of the view `steps`, with all steps of
a kind as one JSON text, since a value by itself costs the lock for longer than in JSON. The view's trigger does them
kind by kind; the four kinds stand in the order in which an item comes to them.

Whatever is not as usual (a row in another state, steps of a key in another order, a value that JSON cannot hold) ends
that and leaves nothing of it; then all is done step by step, and each one's caller hears of its own.
"""

from __future__ import annotations

import sqlite3
import time
from typing import TYPE_CHECKING, Final, TypeAlias

import msgspec

from .._protocol import TaskRecord, TaskState
from ..errors import JournalError, SubmissionUnknownError, TaskFailedError, WanError
from .entries import State, path_to_column
from .errors_json import error_to_json

if TYPE_CHECKING:
    from collections.abc import Sequence

Value: TypeAlias = "str | bytes | float | None"
Step: TypeAlias = tuple[str, str, Value, Value, Value, Value, Value, Value]
"""What is done, to which key, when, and the five values that the kind of step needs."""

_COLUMNS: Final = ("kind", "key", "at", "a", "b", "c", "d", "e")

# With `{key}`, `{at}`, `{a}` … for a step's values, and `{source}` for where they stand if they are no parameters. A
# unary plus keeps SQLite from going by the index of states: thousands are in one state, one has the key.
_STATEMENTS: Final = {
    "intend": """
INSERT INTO item (position, key, model, input, state, token, sent_at, credits, run)
SELECT {a}, {key}, {b}, {c}, 'sending', {d}, {at}, {e}, (SELECT run FROM this) {source} WHERE true
ON CONFLICT (key) DO UPDATE
SET state = 'sending', token = excluded.token, sent_at = excluded.sent_at, credits = excluded.credits,
    run = excluded.run
WHERE state = 'queued' AND model = excluded.model AND input = excluded.input
""",
    "accept": """
UPDATE item SET state = 'running', task_id = {a}, accepted_at = {at}, finished_at = NULL, error = NULL, reported = 0,
    run = (SELECT run FROM this)
{source} WHERE item.key = {key} AND +state IN ('sending', 'unknown')
""",
    # A failure without a record is charged only if the task was accepted.
    "finish": """
UPDATE item SET state = {a}, finished_at = {at}, record = {b}, error = {c}, path = {d}, reported = 1,
    run = (SELECT run FROM this), credits = CASE
        WHEN {e} IS NOT NULL THEN {e}
        WHEN {a} = 'failed' AND ({b} IS NOT NULL OR task_id IS NULL) THEN 0
        ELSE credits END
{source} WHERE item.key = {key} AND (+state NOT IN ('done', 'failed') OR +state = 'done' AND {a} = 'done')
""",
    "withdraw": """
UPDATE item SET state = 'queued', token = NULL, sent_at = NULL, credits = NULL, run = (SELECT run FROM this)
{source} WHERE item.key = {key} AND +state = 'sending'
""",
}

_RANK: Final = {kind: rank for rank, kind in enumerate(_STATEMENTS)}
_ONE: Final = {
    kind: statement.format(source="", **{column: f":{column}" for column in _COLUMNS})
    for kind, statement in _STATEMENTS.items()
}
_IS_THERE: Final = "SELECT 1 FROM item WHERE key = ?"


def _many(kind: str, statement: str) -> str:
    """The statement for all steps of a kind, and a guard that all of them were as usual."""
    values = {column: f"json_extract(value, '$[{place}]')" for place, column in enumerate(_COLUMNS)}
    return f"""
{statement.format(source=f"FROM json_each(new.{kind})", **values)};
SELECT raise(ABORT, 'not as usual') WHERE changes() <> json_array_length(new.{kind});
"""


_TOGETHER: Final = sqlite3.sqlite_version_info >= (3, 33)
"""Before, SQLite knew no UPDATE … FROM."""

_ALL: Final = "INSERT INTO steps VALUES (?, ?, ?, ?)"

DDL: Final = f"""
CREATE TEMP VIEW steps AS SELECT {", ".join(f"NULL AS {kind}" for kind in _RANK)};
CREATE TEMP TRIGGER all_steps INSTEAD OF INSERT ON steps BEGIN
{"".join(_many(kind, statement) for kind, statement in _STATEMENTS.items())}
END;
""" if _TOGETHER else ""  # fmt: skip

_to_json = msgspec.json.Encoder().encode


def intent(index: int, key: str, model: str, content: bytes, *, price: float | None, token: str | None) -> Step:
    """Before the POST: SENDING, now, at the list price in credits; a new row, or one that is QUEUED."""
    text = str(content, "utf-8", "surrogateescape")  # what is no UTF-8 is refused later, for this step alone
    return "intend", key, time.time(), index, model, text, token, price


def acceptance(key: str, task_id: str) -> Step:
    """What was SENDING, or is adopted from UNKNOWN, has a task: RUNNING."""
    return "accept", key, time.time(), task_id, None, None, None, None


def ending(key: str, record: TaskRecord | None, error: WanError | None, path: str | None) -> Step:
    """The outcome: DONE without an error or with a good record, UNKNOWN for SubmissionUnknownError, else FAILED."""
    if record is None and isinstance(error, TaskFailedError):
        record = error.record
    written = None if record is None else _to_json(record).decode()
    why = None if error is None else error_to_json(error)
    consumed = None if record is None else record.credits
    return "finish", key, time.time(), _final_state(record, error), written, why, path, consumed


def withdrawal(key: str) -> Step:
    """What was SENDING was certainly not created: QUEUED again, and it costs nothing."""
    return "withdraw", key, None, None, None, None, None, None


def _final_state(record: TaskRecord | None, error: WanError | None) -> str:
    if error is None or (record is not None and record.state is TaskState.SUCCESS):
        return State.DONE.value
    return (State.UNKNOWN if isinstance(error, SubmissionUnknownError) else State.FAILED).value


def as_json(steps: Sequence[Step]) -> list[str] | None:
    """All steps of each kind as JSON, for `do_together`; None where they must be done one by one."""
    kinds: dict[str, list[Step]] = {kind: [] for kind in _RANK}
    reached: dict[str, int] = {}
    for step in steps:
        kind, key = step[:2]
        rank = _RANK[kind]
        if rank <= reached.get(key, -1):  # in this order it is not done together
            return None
        reached[key] = rank
        kinds[kind].append(step)
    try:
        texts = [_to_json(those).decode() for those in kinds.values()]
    except Exception:  # noqa: BLE001 - whatever it is, one by one each hears of its own
        return None
    if not _TOGETHER or any(r"\u0000" in text for text in texts):  # SQLite's JSON ends a text there
        return None
    return texts


def do_together(database: sqlite3.Connection, texts: Sequence[str]) -> None:
    """Do steps as one statement.

    Raises:
        sqlite3.IntegrityError: one of them is not as usual, and nothing is written.
        sqlite3.Error: as for a statement.
    """
    database.execute(_ALL, texts)


def do_one(database: sqlite3.Connection, step: Step) -> bool:
    """Do one step. False, and nothing is written, for an intent or an outcome that came too late.

    Raises:
        JournalError: nothing in the state in which it can be withdrawn or accepted; no such key to finish.
        sqlite3.Error: as for a statement.
    """
    kind, key = step[:2]
    values: dict[str, Value] = dict(zip(_COLUMNS, step, strict=True))
    if kind == "finish" and isinstance(values["d"], str):
        values["d"] = path_to_column(values["d"])
    if database.execute(_ONE[kind], values).rowcount == 1:
        return True
    if kind == "withdraw":
        raise JournalError(f"{key!r} is not being sent")
    if kind == "accept":
        raise JournalError(f"{key!r} is not being sent or unknown")
    if kind == "finish" and database.execute(_IS_THERE, (key,)).fetchone() is None:
        raise JournalError(f"{key!r} is not in the journal")
    return False
