"""What the event loop hands the journal's thread: steps, told with a callback each, and questions, asked with a future.

Both are done together with what else is in their group, all or nothing, or one by one where something is refused, and
tell their results in the loop.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from itertools import repeat
from typing import TYPE_CHECKING, Any, TypeAlias

from ..errors import JournalError
from .statements import REFUSED
from .steps import as_row, do_one, do_together

if TYPE_CHECKING:
    import asyncio
    import sqlite3

    from .steps import Row, Step

Result: TypeAlias = bool | JournalError
Told: TypeAlias = Callable[[Result], None]
"""Called in the loop: True when the step is on the disk, False when it came too late, or why it cannot be written."""


class Steps:
    """Steps that were told one after the other, and whom to tell.

    Attributes:
        asked: the steps.
        told: for each, who is told.
    """

    __slots__ = ("_at", "_results", "_row", "asked", "told")

    def __init__(self) -> None:
        self.asked: list[Step] = []
        self.told: list[Told | None] = []
        self._row: Row | None = None
        self._at = 0.0
        self._results: Sequence[Result] | None = None

    def __len__(self) -> int:
        return len(self.asked)

    def prepare(self) -> None:
        """In the loop, whose core has the values at hand: the thread would keep the interpreter's lock for longer."""
        self._at = time.time()
        self._row = as_row(self.asked, self._at)

    def do(self, database: sqlite3.Connection) -> None:
        """Do all of them, or raise one of REFUSED."""
        if self._row is None:
            raise JournalError("the steps must be done one by one")
        do_together(database, self._row)

    def do_singly(self, database: sqlite3.Connection, path: str) -> None:
        """Do each that is not refused."""
        self._results = [_done(path, do_one, database, step, self._at) for step in self.asked]

    def fail(self, error: JournalError) -> None:
        """None of them is written."""
        self._results = [error] * len(self)

    def tell(self, fault: Callable[[Exception], None]) -> None:
        """In the loop: tell each; `fault` hears of what nobody else is told, and of what goes wrong in telling."""
        for told, result in zip(self.told, repeat(True) if self._results is None else self._results, strict=False):
            try:
                if told is not None:
                    told(result)
                elif isinstance(result, JournalError):
                    fault(result)
            except Exception as bug:  # noqa: BLE001 - the others must be told
                fault(bug)


class Question:
    """Something else to be done, and who waits for what it gives."""

    __slots__ = ("_args", "_future", "_result", "_work")

    def __init__(self, future: asyncio.Future[Any], work: Callable[..., Any], args: tuple[Any, ...]) -> None:
        self._future = future
        self._work = work
        self._args = args
        self._result: Any = None

    def __len__(self) -> int:
        return 1

    def prepare(self) -> None:
        """Nothing is to be prepared."""

    def do(self, database: sqlite3.Connection) -> None:
        """Do it, or raise one of REFUSED."""
        self._result = self._work(database, *self._args)

    def do_singly(self, database: sqlite3.Connection, path: str) -> None:
        """Do it unless it is refused."""
        self._result = _done(path, self._work, database, *self._args)

    def fail(self, error: JournalError) -> None:
        """It is not done."""
        self._result = error

    def tell(self, fault: Callable[[Exception], None]) -> None:
        """In the loop: give the result to whoever still waits."""
        settle(self._future, self._result)


Group: TypeAlias = "list[Steps | Question]"


def settle(future: asyncio.Future[Any], result: Any) -> None:
    """Give a future its result, unless nobody waits; an error of its own, since it grows a traceback."""
    if future.done():
        return
    if isinstance(result, JournalError):
        future.set_exception(again(result))
    else:
        future.set_result(result)


def again(error: JournalError) -> JournalError:
    """The same error, to be raised elsewhere."""
    copy = JournalError(*error.args)
    copy.__cause__ = error.__cause__
    return copy


def _done(path: str, work: Callable[..., Any], *args: Any) -> Any:
    try:
        return work(*args)
    except REFUSED as refusal:
        error = JournalError(f"{path}: {refusal}")
        error.__cause__ = refusal
        return error
