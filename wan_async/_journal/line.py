"""The line between the event loop and a journal's thread: calls go in, their results come out."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import weakref
from collections import deque
from collections.abc import Callable, Sequence
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol

from .._events.lines import logger
from ..errors import JournalError

if TYPE_CHECKING:
    from .writer import Writer

_log = logger("journal")

_MOST: Final = 10_000
"""Writes in one transaction: it takes some 0.1 s, and no reader sees what is in it before."""


class Job(NamedTuple):
    """Work for the thread: `work(desk, *args)`."""

    work: Callable[..., Any]
    args: tuple[Any, ...]
    future: asyncio.Future[Any] | None


class Desk(Protocol):
    """The thread's side of a journal; made, used and closed in it."""

    def wait(self, groups: SimpleQueue[list[Job] | None]) -> None:
        """Do what is due between two transactions, until there is a group; it may also wait for one."""
        ...

    def transact(self, calls: Sequence[Job]) -> list[Any]:
        """Do all jobs in one transaction: a result for each, or its own refusal; raises what fails all of them."""
        ...

    def close(self) -> None:
        """Close connection and locks, as far as that works."""
        ...


class Line:
    """The jobs that wait for the thread, shared by it and the event loop.

    Attributes:
        name: the journal, as it is called in errors.
        loop: the event loop.
        groups: what was handed over; None: close.
        pending: what was handed over and is not settled, in order.
        ring: wakes a thread that waits otherwise than for `groups`.
        waiting: futures that the thread settles when something happens.
        broken: why nothing can be written any more.
        forked: True in a forked child, which has no such thread.
    """

    def __init__(self, name: str, writer: weakref.ref[Writer[Any]]) -> None:
        self.name = name
        self.writer = writer
        self.loop = asyncio.get_running_loop()
        self.opened: asyncio.Future[None] = self.loop.create_future()
        self.closed: asyncio.Future[None] = self.loop.create_future()
        self.groups: SimpleQueue[list[Job] | None] = SimpleQueue()
        self.pending: deque[list[Job]] = deque()
        self.ring: Callable[[], None] | None = None
        self.waiting: set[asyncio.Future[Any]] = set()
        self.broken: JournalError | None = None
        self.forked = False
        _lines.add(self)

    def put(self, group: list[Job] | None) -> None:
        """Hand a group to the thread; None: close."""
        self.groups.put(group)
        if self.ring is not None:
            self.ring()

    def next(self) -> list[list[Job]]:
        """All groups that were handed over by now; waits for one; empty when closing and all is done."""
        groups: list[list[Job]] = []
        while not groups or (sum(map(len, groups)) < _MOST and not self.groups.empty()):
            group = self.groups.get()
            if group is None:
                if groups:
                    self.groups.put(None)  # comes last: nothing is asked after closing
                break
            groups.append(group)
        return groups

    def settle(self, results: list[list[Any]]) -> None:
        """In the loop: give each call of the next groups its result, unless nobody waits."""
        for some in results:
            for call, result in zip(self.pending.popleft(), some, strict=True):
                if call.future is not None:
                    settle(call.future, result)
                elif isinstance(result, Exception):
                    self._fail(result)

    def _fail(self, error: Exception) -> None:
        if (writer := self.writer()) is not None:
            writer.failed(own(as_journal_error(self.name, error)))

    def break_off(self, error: JournalError) -> None:
        """Have everything fail from now on; for the thread."""
        self.broken = error
        self.notify(self._notify_waiting)

    def _notify_waiting(self) -> None:
        for future in tuple(self.waiting):
            settle(future, self.broken)
        if self.broken is not None:
            _log.warning("the journal is written to no more: %s", self.broken)
            self._fail(self.broken)

    def fork(self) -> None:
        """In a forked child: whoever waits, or asks from now on, gets an error at once."""
        self.forked = True
        self.broken = JournalError(f"{self.name} belongs to process {os.getppid()}, which this one was forked from")
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits
            self.loop.call_soon(self.fail_pending)

    def fail_pending(self) -> None:
        """In the loop: fail all jobs that wait."""
        settle(self.opened, self.broken)
        if (writer := self.writer()) is not None:
            writer.hand_over()
        self.settle([[self.broken] * len(group) for group in self.pending])
        self._notify_waiting()

    def notify(self, function: Callable[..., None], *args: Any) -> None:
        """Have the loop call `function`; for the thread."""
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits
            self.loop.call_soon_threadsafe(function, *args)


_lines: weakref.WeakSet[Line] = weakref.WeakSet()


def _fork_all() -> None:
    for line in list(_lines):
        line.fork()


if sys.platform != "win32":
    os.register_at_fork(after_in_child=_fork_all)


def settle(future: asyncio.Future[Any], result: Any) -> None:
    """Give a future its result or error, unless it is done."""
    if future.done():
        return
    if isinstance(result, Exception):
        future.set_exception(own(result))
    else:
        future.set_result(result)


def own(error: Exception) -> Exception:
    """A copy for each caller, since an error that is raised grows a traceback."""
    if not isinstance(error, JournalError):
        return error
    copy = JournalError(*error.args)
    copy.__cause__ = error.__cause__
    return copy


def as_journal_error(what: str, fault: Exception) -> JournalError:
    """The fault as a JournalError, which it may be."""
    if isinstance(fault, JournalError):
        return fault
    error = JournalError(f"{what}: {fault}")
    error.__cause__ = fault
    return error
