"""What a submission writes: its intent, its task's id, its outcome, its withdrawal; a step each.

SQLite works without the interpreter's lock, but each statement takes the lock from the event loop a few times, and
waits for it up to 5 ms (`sys.getswitchinterval`): step by step, the disk is not what a batch waits for. So steps that
were told together are one statement, which is a transaction of its own: one row of the view `steps`, with all steps of
a kind as one JSON text, since a value by itself costs the lock for longer than in JSON. The view's trigger does them
kind by kind; the four kinds stand in the order in which an item comes to them. Inputs and records are JSON themselves:
inside JSON each of their quotes would be escaped and unescaped, so all of them are one blob, and a step says which
bytes of it are its own.

Whatever is not as usual (a row in another state, steps of a key in another order, a value that JSON cannot hold) ends
that and leaves nothing of it; then all is done step by step, and each one's caller hears of its own.
"""

from __future__ import annotations

import sqlite3
from operator import attrgetter
from typing import TYPE_CHECKING, Final, TypeAlias

import msgspec

from .._protocol import TaskRecord, TaskState
from ..errors import JournalError, SubmissionUnknownError, TaskFailedError, WanError
from .entries import State, path_to_column
from .errors_json import error_to_json

if TYPE_CHECKING:
    from collections.abc import Sequence

Value: TypeAlias = "str | bytes | float | None"


# Neither is for the garbage collector (`gc=False`), which runs after each 700 objects: a commit has hundreds of both.
class Step(msgspec.Struct, frozen=True, gc=False):
    """What is done, to which key, the JSON that it writes, and the four values that the kind of step needs."""

    kind: str
    key: str
    json: bytes | None = None
    a: Value = None
    b: Value = None
    c: Value = None
    d: Value = None


class _Placed(msgspec.Struct, array_like=True, gc=False):
    """A step with the place of its JSON among that of others, counted from 1, in bytes."""

    key: str
    begin: int | None
    size: int | None
    a: Value
    b: Value
    c: Value
    d: Value


Row: TypeAlias = tuple[str, str, str, str, float, bytes]
"""Steps of each kind as JSON, when they are done, and the JSON that they write, one after the other."""

# With `{key}`, `{json}`, `{a}` … for a step's values, `{at}` for when it is done, and `{source}` for where they stand
# if they are no parameters. A unary plus keeps SQLite from going by the index of states: thousands are in one state,
# one has the key.
_STATEMENTS: Final = {
    "intend": """
INSERT INTO item (position, key, model, input, state, token, sent_at, credits, run)
SELECT {a}, {key}, {b}, {json}, 'sending', {c}, {at}, {d}, (SELECT run FROM this) {source} WHERE true
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
UPDATE item SET state = {a}, finished_at = {at}, record = {json}, error = {b}, path = {c}, reported = 1,
    run = (SELECT run FROM this), credits = CASE
        WHEN {d} IS NOT NULL THEN {d}
        WHEN {a} = 'failed' AND ({json} IS NOT NULL OR task_id IS NULL) THEN 0
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
    kind: statement.format(source="", at=":at", **{field: f":{field}" for field in Step.__struct_fields__})
    for kind, statement in _STATEMENTS.items()
}
_IS_THERE: Final = "SELECT 1 FROM item WHERE key = ?"


def _many(kind: str, statement: str) -> str:
    """The statement for all steps of a kind, and a guard that all of them were as usual."""
    values = {field: f"json_extract(value, '$[{place}]')" for place, field in enumerate(_Placed.__struct_fields__)}
    values["at"] = "new.at"
    values["json"] = f"CAST(substr(new.json, {values.pop('begin')}, {values.pop('size')}) AS TEXT)"
    return f"""
{statement.format(source=f"FROM json_each(new.{kind})", **values)};
SELECT raise(ABORT, 'not as usual') WHERE changes() <> json_array_length(new.{kind});
"""


_TOGETHER: Final = sqlite3.sqlite_version_info >= (3, 33)
"""Before, SQLite knew no UPDATE … FROM."""

_ALL: Final = "INSERT INTO steps VALUES (?, ?, ?, ?, ?, ?)"

DDL: Final = f"""
CREATE TEMP VIEW steps AS SELECT {", ".join(f"NULL AS {column}" for column in (*_RANK, "at", "json"))};
CREATE TEMP TRIGGER all_steps INSTEAD OF INSERT ON steps BEGIN
{"".join(_many(kind, statement) for kind, statement in _STATEMENTS.items())}
END;
""" if _TOGETHER else ""  # fmt: skip

_to_json = msgspec.json.Encoder().encode
_key = attrgetter("key")


def intent(index: int, key: str, model: str, content: bytes, *, price: float | None, token: str | None) -> Step:
    """Before the POST: SENDING, now, at the list price in credits; a new row, or one that is QUEUED."""
    return Step("intend", key, content, index, model, token, price)


def acceptance(key: str, task_id: str) -> Step:
    """What was SENDING, or is adopted from UNKNOWN, has a task: RUNNING."""
    return Step("accept", key, None, task_id)


def ending(key: str, record: TaskRecord | None, error: WanError | None, path: str | None) -> Step:
    """The outcome: DONE without an error or with a good record, UNKNOWN for SubmissionUnknownError, else FAILED."""
    if record is None and isinstance(error, TaskFailedError):
        record = error.record
    written = None if record is None else _to_json(record)
    why = None if error is None else error_to_json(error)
    consumed = None if record is None else record.credits
    return Step("finish", key, written, _final_state(record, error), why, path, consumed)


def withdrawal(key: str) -> Step:
    """What was SENDING was certainly not created: QUEUED again, and it costs nothing."""
    return Step("withdraw", key)


_DONE, _FAILED, _UNKNOWN = State.DONE.value, State.FAILED.value, State.UNKNOWN.value


def _final_state(record: TaskRecord | None, error: WanError | None) -> str:
    if error is None or (record is not None and record.state is TaskState.SUCCESS):
        return _DONE
    return _UNKNOWN if isinstance(error, SubmissionUnknownError) else _FAILED


def as_row(steps: Sequence[Step], at: float) -> Row | None:
    """All steps as one row of the view, for `do_together` at that time; None where they must be done one by one."""
    if not _TOGETHER or not _in_order(steps):
        return None
    kinds: dict[str, list[_Placed]] = {kind: [] for kind in _RANK}
    written = [b" "]  # of an empty blob, SQLite's substr is NULL
    begin = 2
    for step in steps:
        json = step.json
        if json is None:
            placed = _Placed(step.key, None, None, step.a, step.b, step.c, step.d)
        else:
            size = len(json)
            placed = _Placed(step.key, begin, size, step.a, step.b, step.c, step.d)
            written.append(json)
            begin += size
        kinds[step.kind].append(placed)
    try:
        intents, acceptances, endings, withdrawals = (_to_json(values).decode() for values in kinds.values())
        together = b"".join(written)
    except Exception:  # noqa: BLE001 - whatever it is, one by one each hears of its own
        return None
    row = intents, acceptances, endings, withdrawals, at, together
    return None if any(r"\u0000" in text for text in row[:4]) else row  # SQLite's JSON ends a text there


def _in_order(steps: Sequence[Step]) -> bool:
    """True if the steps of each key stand in the order in which kinds are done together, no kind twice."""
    if len(set(map(_key, steps))) == len(steps):
        return True
    reached: dict[str, int] = {}
    for step in steps:
        rank = _RANK[step.kind]
        if rank <= reached.get(step.key, -1):
            return False
        reached[step.key] = rank
    return True


def do_together(database: sqlite3.Connection, row: Row) -> None:
    """Do steps as one statement.

    Raises:
        sqlite3.IntegrityError: one of them is not as usual, and nothing is written.
        sqlite3.Error: as for a statement.
    """
    database.executemany(_ALL, (row,))  # `execute` takes the interpreter's lock once more, for the row's id


def do_one(database: sqlite3.Connection, step: Step, at: float) -> bool:
    """Do one step, at that time. False, and nothing is written, for an intent or an outcome that came too late.

    Raises:
        JournalError: nothing in the state in which it can be withdrawn or accepted; no such key to finish.
        sqlite3.Error: as for a statement.
    """
    kind, key, json = step.kind, step.key, step.json
    values: dict[str, Value] = msgspec.structs.asdict(step) | {"at": at}
    values["json"] = None if json is None else json.decode()
    if kind == "finish" and isinstance(values["c"], str):
        values["c"] = path_to_column(values["c"])
    if database.execute(_ONE[kind], values).rowcount == 1:
        return True
    if kind == "withdraw":
        raise JournalError(f"{key!r} is not being sent")
    if kind == "accept":
        raise JournalError(f"{key!r} is not being sent or unknown")
    if kind == "finish" and database.execute(_IS_THERE, (key,)).fetchone() is None:
        raise JournalError(f"{key!r} is not in the journal")
    return False
