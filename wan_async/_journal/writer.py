"""Group commit: one thread owns the journal, and what queues up while it commits is its next transaction.

1. What was asked in one pass of the event loop reaches the thread as one list; the thread takes all lists that are
   there, in order, does them in one transaction, commits, and looks whether the files still stand where they were.
2. Only then are the results handed back, with one `call_soon_threadsafe` for all of them.
3. What a function refuses (JournalError, or an argument that SQLite cannot take) is its caller's error alone.
4. Anything else fails the whole group with JournalError, and everything after it: after a failed fsync nothing that
   was written can be trusted, so it is never tried again.
"""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import threading
import time
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar, TypeVarTuple, Unpack

from ..errors import JournalError
from .statements import REFUSED
from .store import Store
from .together import FEWEST, STEPS, done_together

if TYPE_CHECKING:
    from collections.abc import Callable

Args = TypeVarTuple("Args")
T = TypeVar("T")

_Future: TypeAlias = "asyncio.Future[Any]"
_Asked: TypeAlias = "tuple[_Future, Callable[..., Any], tuple[Any, ...]]"

# A commit costs some 0.25 ms of CPU in the thread and takes the interpreter's lock from the event loop seven times,
# however little is in it. So steps wait, unless they are many, until this many seconds have passed since the last
# commit; after a quiet while nothing waits. Flat out 3 ms gave 0.60 of the throughput without a journal, 10 ms 0.67.
_SPACING = 0.01
_FEW = 512

# Operations in one transaction: it takes some 0.1 s, and no reader sees what is in it before.
_MOST = 10_000


class Writer:
    """The thread and the way to it, for one event loop.

    Attributes:
        path: the journal.
        broken: why nothing can be written any more.
        opened: done when the journal is open; JournalError if it cannot be.
        closed: done when the thread has let go of everything.
        commits: how many transactions there were.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self.broken: JournalError | None = None
        self.commits = 0
        self._loop = asyncio.get_running_loop()
        self.opened: asyncio.Future[None] = self._loop.create_future()
        self.closed: asyncio.Future[None] = self._loop.create_future()
        self._asked: list[_Asked] = []
        self._groups: SimpleQueue[list[_Asked] | None] = SimpleQueue()
        self._closing = False
        self._committed_at = 0.0
        # A daemon: a program that ends without closing the journal must not hang; what was committed is safe.
        self._thread = threading.Thread(target=self._run, name=f"journal {path}", daemon=True)
        self._thread.start()

    def ask(self, work: Callable[[sqlite3.Connection, Unpack[Args]], T], *args: *Args) -> asyncio.Future[T]:
        """Have the thread do `work(database, *args)`. It is done even if nobody waits for the result any more."""
        if self.broken is not None:
            raise _again(self.broken)
        if self._closing:
            raise JournalError(f"{self.path} is closed")
        future: asyncio.Future[T] = self._loop.create_future()
        if not self._asked:
            self._loop.call_soon(self._hand_over)
        self._asked.append((future, work, args))
        return future

    def close(self) -> None:
        """Have the thread do what was asked, close the journal and end; see `closed`."""
        if not self._closing:
            self._closing = True
            self._hand_over()
            self._groups.put(None)

    @property
    def gone(self) -> bool:
        """True when the thread has ended: microseconds after `closed`, milliseconds where others use the core."""
        return not self._thread.is_alive()

    def _hand_over(self) -> None:
        if self._asked:
            self._groups.put(self._asked)
            self._asked = []

    # In the thread.

    def _run(self) -> None:
        try:
            store = Store(self.path)
        except Exception as fault:  # noqa: BLE001  whatever it is, nobody may wait for ever
            refusal = (
                fault if isinstance(fault, JournalError) else JournalError(f"{self.path} cannot be opened: {fault}")
            )
            self._deliver([(self.opened, refusal), (self.closed, None)])
            return
        self._deliver([(self.opened, None)])
        while group := self._next_group():
            self._deliver(self._do(store, group))
        store.close()
        self._deliver([(self.closed, None)])

    def _next_group(self) -> list[_Asked]:
        """All that was asked by now; waits for something; empty when closing and all is done."""
        group = self._groups.get()
        if group is None:
            return []
        pause = self._committed_at + _SPACING - time.monotonic()
        if pause > 0 and len(group) < _FEW and not self._closing and all(work in STEPS for _, work, _ in group):
            time.sleep(pause)
        while len(group) < _MOST and not self._groups.empty():
            more = self._groups.get()
            if more is None:
                self._groups.put(None)  # comes last: nothing is asked after closing
                break
            group += more
        return group

    def _do(self, store: Store, group: list[_Asked]) -> list[tuple[_Future, Any]]:
        try:
            if self.broken is None:
                return self._commit(store, group)
        except Exception as fault:  # noqa: BLE001  whatever it is, nobody may wait for ever
            self.broken = _broken(store.path, fault)
            with contextlib.suppress(sqlite3.Error):
                store.database.execute("ROLLBACK")
        assert self.broken is not None  # noqa: S101
        return [(future, self.broken) for future, _, _ in group]

    def _commit(self, store: Store, group: list[_Asked]) -> list[tuple[_Future, Any]]:
        asked = [(work, args) for _, work, args in group]
        results = done_together(store.database, asked) if len(asked) >= FEWEST else None
        if results is None:
            store.database.execute("BEGIN")
            results = [_done(store, work, args) for work, args in asked]
            store.database.execute("COMMIT")
        self.commits += 1
        self._committed_at = time.monotonic()
        store.check_in_place()
        return [(future, result) for (future, _, _), result in zip(group, results, strict=True)]

    def _deliver(self, results: list[tuple[_Future, Any]]) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits
            self._loop.call_soon_threadsafe(_settle, results)


def _done(store: Store, work: Callable[..., Any], args: tuple[Any, ...]) -> Any:
    try:
        return work(store.database, *args)
    except REFUSED as refusal:
        return _refused(store.path, refusal)


def _settle(results: list[tuple[_Future, Any]]) -> None:
    """In the loop: give each caller that still waits its result; an error of its own, which grows a traceback."""
    for future, result in results:
        if future.done():
            continue
        if isinstance(result, JournalError):
            future.set_exception(_again(result))
        else:
            future.set_result(result)


def _again(error: JournalError) -> JournalError:
    copy = JournalError(*error.args)
    copy.__cause__ = error.__cause__
    return copy


def _broken(path: str, fault: Exception) -> JournalError:
    error = fault if isinstance(fault, JournalError) else JournalError(f"{path} cannot be written: {fault}")
    error.__cause__ = None if error is fault else fault
    return error


def _refused(path: str, refusal: Exception) -> JournalError:
    error = JournalError(f"{path}: {refusal}")
    error.__cause__ = refusal
    return error
