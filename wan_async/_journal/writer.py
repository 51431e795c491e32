"""Group commit: one thread owns the journal, and what queues up while it commits is its next transaction.

1. What is asked reaches the thread at the end of the loop's pass, with what was told before it; what is only told, in
   groups some milliseconds apart. The thread takes all groups that are there, in order, does them in one transaction,
   commits, and looks whether the files still stand where they were.
2. Only then are the results handed back, with one `call_soon_threadsafe` for all of them.
3. What is refused (JournalError, or a value that SQLite cannot take) is its caller's error alone.
4. Anything else fails the whole group with JournalError, and everything after it: after a failed fsync nothing that
   was written can be trusted, so it is never tried again.
"""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable
from functools import partial
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, TypeVar, TypeVarTuple, Unpack

from ..errors import JournalError
from .groups import Group, Question, Steps, again, settle
from .statements import REFUSED
from .store import Store

if TYPE_CHECKING:
    from .groups import Told
    from .steps import Step

Args = TypeVarTuple("Args")
T = TypeVar("T")

# However little is in it, a commit costs 0.25 ms of CPU in the thread and takes the interpreter's lock from the event
# loop some seven times, which costs a busy loop some 0.5 ms. So steps wait until some seconds have passed since the
# last were handed over; after a quiet while nothing waits. But a kill leaves tasks unknown whose ids wait: 60 kills of
# a batch of 12,000 left 20 of them with 5 ms, 58 with 10, 131 with 20 (tests/batch/test_kill.py), and 20 as it is now.
# So it is not long unless the loop is busy for more than that share of the time, when a commit is what others wait
# for; and no longer then, since with 40 ms the workers of a fast batch wait for intents.
_SPACING = 0.005
_SPACING_WHEN_BUSY = 0.02
_BUSY = 0.75

# Steps in one transaction: it takes some 0.1 s, and no reader sees what is in it before.
_MOST = 10_000


class Writer:
    """The thread and the way to it, for one event loop.

    Args:
        path: the journal.
        fault: called in the loop with what went wrong where nobody was to be told.

    Attributes:
        path: the journal.
        broken: why nothing can be written any more.
        opened: done when the journal is open; JournalError if it cannot be.
        closed: done when the thread has let go of everything.
        commits: how many transactions there were.
    """

    def __init__(self, path: str, fault: Callable[[Exception], None]) -> None:
        self.path = path
        self.broken: JournalError | None = None
        self.commits = 0
        self._fault = fault
        self._loop = asyncio.get_running_loop()
        self.opened: asyncio.Future[None] = self._loop.create_future()
        self.closed: asyncio.Future[None] = self._loop.create_future()
        self._group: Group = []
        self._steps: Steps | None = None  # the last of the group, if it is steps
        self._groups: SimpleQueue[Group | None] = SimpleQueue()
        self._done: deque[Group] = deque()
        self._closing = False
        self._timer: asyncio.Handle | None = None  # when the group is handed over
        self._next_at = self._loop.time()
        self._handed_over = (time.monotonic(), time.thread_time())
        # A daemon: a program that ends without closing the journal must not hang; what was committed is safe.
        self._thread = threading.Thread(target=self._run, name=f"journal {path}", daemon=True)
        self._thread.start()

    def tell(self, step: Step, told: Told | None = None) -> None:
        """Have the thread do a step; `told`, or where it failed `fault`, is called later, never from here."""
        steps = self._steps
        if steps is None:  # else the thread refuses them, where it must
            refusal = self._refusal()
            if refusal is not None:
                self._loop.call_soon(told or self._fault, refusal)
                return
            steps = self._steps = Steps()
            self._group.append(steps)
            if self._timer is None:
                self._timer = self._loop.call_at(self._next_at, self._hand_over)
        steps.asked.append(step)
        steps.told.append(told)

    def written(self, step: Step) -> asyncio.Future[bool]:
        """Have the thread do a step, also if nobody waits for the result any more."""
        refusal = self._refusal()
        if refusal is not None:
            raise refusal
        future: asyncio.Future[bool] = self._loop.create_future()
        self.tell(step, partial(settle, future))
        return future

    def ask(self, work: Callable[[sqlite3.Connection, Unpack[Args]], T], *args: *Args) -> asyncio.Future[T]:
        """Have the thread do `work(database, *args)`. It is done even if nobody waits for the result any more."""
        refusal = self._refusal()
        if refusal is not None:
            raise refusal
        future: asyncio.Future[T] = self._loop.create_future()
        self._steps = None
        self._group.append(Question(future, work, args))
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_soon(self._hand_over)
        return future

    def flush(self) -> asyncio.Future[None]:
        """Done, with or without an error, when everybody has heard what became of what was told until now."""
        if self._refusal() is None:
            told = self.ask(_nothing)
            told.add_done_callback(lambda done: done.cancelled() or done.exception())  # nobody waits for the error
            return told
        nothing: asyncio.Future[None] = self._loop.create_future()
        nothing.set_result(None)
        return nothing

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

    def _refusal(self) -> JournalError | None:
        if self.broken is not None:
            return again(self.broken)
        return JournalError(f"{self.path} is closed") if self._closing else None

    def _hand_over(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._group:
            for part in self._group:
                part.prepare()
            self._groups.put(self._group)
            self._group = []
            self._steps = None
            before, self._handed_over = self._handed_over, (time.monotonic(), time.thread_time())
            passed, busy = (now - then for now, then in zip(self._handed_over, before, strict=True))
            self._next_at = self._loop.time() + spacing(passed, busy)

    def _tell(self) -> None:
        for part in self._done.popleft():
            part.tell(self._fault)

    # In the thread.

    def _run(self) -> None:
        try:
            store = Store(self.path)
        except Exception as fault:  # noqa: BLE001  whatever it is, nobody may wait for ever
            refusal = (
                fault if isinstance(fault, JournalError) else JournalError(f"{self.path} cannot be opened: {fault}")
            )
            self._call(settle, self.opened, refusal)
            self._call(settle, self.closed, None)
            return
        self._call(settle, self.opened, None)
        while group := self._next_group():
            self._do(store, group)
            self._done.append(group)
            del group  # so that the loop frees the steps, in whose core's cache they are
            self._call(self._tell)
        store.close()
        self._call(settle, self.closed, None)

    def _next_group(self) -> Group:
        """All that was handed over by now; waits for something; empty when closing and all is done."""
        group = self._groups.get() or []
        count = sum(len(part) for part in group)
        while 0 < count < _MOST and not self._groups.empty():
            more = self._groups.get()
            if more is None:
                self._groups.put(None)  # comes last: nothing is asked after closing
                break
            group += more
            count += sum(len(part) for part in more)
        return group

    def _do(self, store: Store, group: Group) -> None:
        try:
            if self.broken is None:
                self._commit(store, group)
                return
        except Exception as fault:  # noqa: BLE001  whatever it is, nobody may wait for ever
            self.broken = _broken(store.path, fault)
            with contextlib.suppress(sqlite3.Error):
                store.database.execute("ROLLBACK")
        assert self.broken is not None  # noqa: S101
        for part in group:
            part.fail(self.broken)

    def _commit(self, store: Store, group: Group) -> None:
        database = store.database
        try:
            if len(group) == 1 and isinstance(group[0], Steps):
                group[0].do(database)  # a transaction of its own
            else:
                database.execute("BEGIN")
                for part in group:
                    part.do(database)
                database.execute("COMMIT")
        except REFUSED:
            if database.in_transaction:
                database.execute("ROLLBACK")
            database.execute("BEGIN")
            for part in group:
                part.do_singly(database, store.path)
            database.execute("COMMIT")
        self.commits += 1
        store.check_in_place()

    def _call(self, function: Callable[..., None], *args: Any) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits
            self._loop.call_soon_threadsafe(function, *args)


def spacing(passed: float, busy: float) -> float:
    """Seconds until steps are handed over again, where the loop was busy for `busy` of the last `passed` seconds."""
    return _SPACING_WHEN_BUSY if busy > passed * _BUSY else _SPACING


def _nothing(database: sqlite3.Connection) -> None:
    pass


def _broken(path: str, fault: Exception) -> JournalError:
    error = fault if isinstance(fault, JournalError) else JournalError(f"{path} cannot be written: {fault}")
    error.__cause__ = None if error is fault else fault
    return error
