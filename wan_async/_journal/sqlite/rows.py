"""The rows of a journal's file as they are copied: out of one, and into a new one."""

from __future__ import annotations

import os
import socket
import sqlite3
import time
from collections.abc import Iterable, Iterator
from typing import Any, Final

from ..columns import COPIED, PAST
from .marks import WRITE, Mark

_RUN: Final = "INSERT INTO run (opened_at, host, pid, limit_n, limit_per) VALUES (?, ?, ?, ?, ?)"
_ITEMS: Final = f"SELECT {', '.join(COPIED)} FROM item ORDER BY id"  # noqa: S608
_EARLIER: Final = (
    f"SELECT (SELECT key FROM item WHERE id = earlier.item), {', '.join(PAST)} FROM earlier ORDER BY rowid"  # noqa: S608
)
_ITEM: Final = f"INSERT INTO item (run, {', '.join(COPIED)}) VALUES (?{', ?' * len(COPIED)})"  # noqa: S608
_PAST: Final = (
    f"INSERT INTO earlier (item, {', '.join(PAST)}) "  # noqa: S608
    f"VALUES ((SELECT id FROM item WHERE key = ?){', ?' * len(PAST)})"
)


def items(database: sqlite3.Connection) -> Iterator[tuple[Any, ...]]:
    """The items in their order: `COPIED`."""
    return iter(database.execute(_ITEMS))


def earlier(database: sqlite3.Connection) -> Iterator[tuple[Any, ...]]:
    """The submissions that were given up: their key, and `PAST`."""
    return iter(database.execute(_EARLIER))


def fill(
    database: sqlite3.Connection,
    items: Iterable[tuple[Any, ...]],
    earlier: Iterable[tuple[Any, ...]],
    limit: tuple[int, float] | None,
    mark: Mark,
) -> None:
    """Write a journal that is empty."""
    database.execute("BEGIN")
    run = database.execute(_RUN, (time.time(), socket.gethostname(), os.getpid(), *(limit or (None, None)))).lastrowid
    database.executemany(_ITEM, ((run, *row) for row in items))
    database.executemany(_PAST, earlier)
    database.execute(WRITE, mark)
    database.execute("COMMIT")
