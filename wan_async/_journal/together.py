"""The three steps of an item, for many items in one statement.

SQLite works without the interpreter's lock, but after each statement the thread must get it back, and beside an event
loop that runs flat out that takes up to 5 ms (`sys.getswitchinterval`): statement by statement, the disk is not what a
batch waits for. So the steps that were asked together are the rows of one INSERT into a view whose triggers do each in
its order. It is a transaction of its own: the thread gives the lock away once for all of it and the commit.

Whatever is not as usual in one of them (a row in another state, a value that SQLite refuses) ends the statement and
leaves nothing of it; then all is done one by one, and each caller hears of its own.
"""

from __future__ import annotations

import contextlib
import sqlite3
import time
from collections.abc import Callable
from functools import lru_cache
from itertools import groupby
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from . import statements

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .entries import Ended, Seen

_Values: TypeAlias = "tuple[str | bytes | float | None, ...]"
_Work: TypeAlias = Callable[..., Any]
_Asked: TypeAlias = "Sequence[tuple[_Work, tuple[Any, ...]]]"

FEWEST = 4
"""So many together pay for the longer statement."""

_MOST = 512 if sqlite3.sqlite_version_info >= (3, 32) else 64
"""Rows of a statement: before 3.32 SQLite took 999 parameters. Each power of two up to it is one, prepared once; what
is too much of it is NULL and no step."""

_COLUMNS = ("kind", "key", "at", "a", "b", "c", "d", "e")
"""Of a row of `step`: what is done, to which key, when, and the values that the kind of step needs."""


def _trigger(kind: str, statement: str) -> str:
    return f"""
CREATE TEMP TRIGGER {kind} INSTEAD OF INSERT ON step WHEN new.kind = '{kind}' BEGIN
{statement};
SELECT raise(ABORT, 'not as usual') WHERE changes() <> 1;
END;
"""


# The statements are those of `statements`, with the values of a row of `step`.
DDL = f"CREATE TEMP VIEW step AS SELECT {', '.join(f'NULL AS {column}' for column in _COLUMNS)};" + "".join((
    _trigger("intend", statements.INTEND.format(
        key="new.key", now="new.at", position="new.a", model="new.b", input="new.c", token="new.d",  # noqa: S106
        credits="new.e",
    )),
    _trigger("accept", statements.ACCEPT.format(key="new.key", now="new.at", task_id="new.a")),
    _trigger("finish", statements.FINISH.format(
        key="new.key", now="new.at", state="new.a", record="new.b", error="new.c", path="new.d", consumed="new.e",
    )),
))  # fmt: skip


def _intent(key: str, seen: Seen, price: float | None, token: str | None) -> _Values:
    return "intend", key, time.time(), seen.index, seen.model, seen.content.decode(), token, price


def _acceptance(key: str, task_id: str) -> _Values:
    return "accept", key, time.time(), task_id, None, None, None, None


def _outcome(key: str, how: Ended, _: Seen | None) -> _Values:
    row = statements.outcome(key, how)
    return "finish", key, row["now"], row["state"], row["record"], row["error"], row["path"], row["consumed"]


class _Step(NamedTuple):
    """The values of its row, and what the step's function gives when all is as usual."""

    values: Callable[..., _Values]
    usual: bool | None


STEPS: dict[_Work, _Step] = {
    statements.intend: _Step(_intent, usual=True),
    statements.accepted: _Step(_acceptance, usual=None),
    statements.finished: _Step(_outcome, usual=True),
}


def done_together(database: sqlite3.Connection, asked: _Asked) -> list[Any] | None:
    """Do all that was asked in one transaction.

    Args:
        database: the journal, in no transaction.
        asked: functions of `statements` with their arguments but the first.

    Returns:
        What each gave; None if something was not as usual, and nothing was done.
    """
    if len(asked) <= _MOST and all(work in STEPS for work, _ in asked):
        with contextlib.suppress(*statements.REFUSED):
            return _taken(database, asked)
        return None
    return _done_by_parts(database, asked)


def _done_by_parts(database: sqlite3.Connection, asked: _Asked) -> list[Any] | None:
    """With what is no step in between, and with more than a statement takes."""
    results: list[Any] = []
    database.execute("BEGIN")
    try:
        for is_step, part in groupby(asked, lambda one: one[0] in STEPS):
            if is_step:
                steps = list(part)
                for start in range(0, len(steps), _MOST):
                    results += _taken(database, steps[start : start + _MOST])
            else:
                results += [work(database, *arguments) for work, arguments in part]
    except statements.REFUSED:
        database.execute("ROLLBACK")
        return None
    database.execute("COMMIT")
    return results


def _taken(database: sqlite3.Connection, steps: _Asked) -> list[Any]:
    values: list[str | bytes | float | None] = []
    for work, arguments in steps:
        values += STEPS[work].values(*arguments)
    rows = 1 << (len(steps) - 1).bit_length()
    values += [None] * ((rows - len(steps)) * len(_COLUMNS))
    database.execute(_statement(rows), values)
    return [STEPS[work].usual for work, _ in steps]


@lru_cache
def _statement(rows: int) -> str:
    row = f"({', '.join('?' * len(_COLUMNS))})"
    return f"INSERT INTO step VALUES {', '.join([row] * rows)}"  # noqa: S608
