"""Group commit: one thread owns a journal, and what is asked while it commits is its next transaction.

1. A read reaches the thread at the end of the loop's pass, with what was asked before it; writes gather for some
   milliseconds. The thread takes all groups that are there, in order, and has its desk do them in one transaction.
2. Only then are the results handed back, with one `call_soon_threadsafe` for all of them.
3. What is refused (JournalError, or a value that cannot be written) is its caller's error alone.
4. Anything else fails the whole group with JournalError, and everything after it: after a failed fsync nothing that
   was written can be trusted, so it is never tried again.

The thread holds nothing of the loop's side but futures: a writer that nobody holds any more is closed.
"""

from __future__ import annotations

import asyncio
import threading
import weakref
from collections.abc import Callable
from typing import Any, Concatenate, Final, Generic, ParamSpec, TypeVar

import anyio

from ..errors import JournalError
from .line import Desk, Job, Line, as_journal_error, own, settle

P = ParamSpec("P")
T = TypeVar("T")
D = TypeVar("D", bound=Desk)

# However little is in it, a commit costs 0.25 ms of CPU in the thread and takes the interpreter's lock from the event
# loop some seven times, which costs a busy loop some 0.5 ms. So writes wait until these seconds have passed since the
# last were handed over; after a quiet while nothing waits. 20 ms would spare a batch of 1,000 items a second a third of
# what its journal costs. But a kill leaves tasks unknown whose ids wait: 60 kills of a batch of 12,000 left 20 of them
# with 5 ms, 58 with 10, 131 with 20.
SPACING: Final = 0.005


class Writer(Generic[D]):
    """The thread and the way to it, for one event loop.

    Args:
        name: the journal, as it is called in errors; never with a password.
        desk: opens the journal, in the thread.
        failed: called in the loop with what went wrong where nobody waits.
    """

    def __init__(self, name: str, desk: Callable[[Line], D], failed: Callable[[Exception], None]) -> None:
        self.name = name
        self.failed = failed
        self._line = Line(name, weakref.ref(self))
        self._group: list[Job] = []
        self._timer: asyncio.Handle | None = None  # when the group is handed over
        self._next_at = 0.0
        self._closing = False
        # A daemon: a program that ends without closing the journal must not hang; what was committed is safe.
        self._thread = threading.Thread(target=_serve, args=(self._line, desk), name=f"journal {name}", daemon=True)
        self._thread.start()
        weakref.finalize(self, self._line.put, None).atexit = False

    async def opened(self) -> None:
        """Wait until the journal is open; if that fails or is cancelled, nothing is held."""
        try:
            await asyncio.shield(self._line.opened)
        except BaseException:
            await self.aclose()
            raise

    def refusal(self) -> Exception | None:
        """Why nothing can be asked."""
        if self._line.broken is not None:
            return own(self._line.broken)
        return JournalError(f"{self.name} is closed") if self._closing else None

    def read(self, work: Callable[Concatenate[D, P], T], *args: P.args, **_: P.kwargs) -> asyncio.Future[T]:
        """Have the thread do `work(desk, *args)` now, after what was asked before; also if the caller stops waiting."""
        return self._ask(work, args, now=True)

    def write(self, work: Callable[Concatenate[D, P], T], *args: P.args, **_: P.kwargs) -> asyncio.Future[T]:
        """Have the thread do `work(desk, *args)` in a few milliseconds; also if the caller stops waiting."""
        return self._ask(work, args, now=False)

    def write_nowait(self, work: Callable[Concatenate[D, P], object], *args: P.args, **_: P.kwargs) -> None:
        """As `write`, without a future: what goes wrong is given to `failed` later."""
        refusal = self.refusal()
        if refusal is None:
            self._add(Job(work, args, None), now=False)
        else:
            self._line.loop.call_soon(self.failed, refusal)

    def future(self) -> asyncio.Future[Any]:
        """A future that the thread settles when something happens; broken off with the journal."""
        refusal = self.refusal()
        if refusal is not None:
            raise refusal
        future: asyncio.Future[Any] = self._line.loop.create_future()
        self._line.waiting.add(future)
        future.add_done_callback(self._line.waiting.discard)
        return future

    def _ask(self, work: Callable[..., T], args: tuple[Any, ...], *, now: bool) -> asyncio.Future[T]:
        refusal = self.refusal()
        if refusal is not None:
            raise refusal
        future: asyncio.Future[T] = self._line.loop.create_future()
        self._add(Job(work, args, future), now=now)
        return future

    def _add(self, call: Job, *, now: bool) -> None:
        self._group.append(call)
        if now:
            if self._timer is not None:
                self._timer.cancel()
            self._timer = self._line.loop.call_soon(self.hand_over)
        elif self._timer is None:
            self._timer = self._line.loop.call_at(self._next_at, self.hand_over)

    def hand_over(self) -> None:
        """Give the thread the jobs that have gathered."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._group:
            self._line.pending.append(self._group)
            self._line.put(self._group)
            self._group = []
            self._next_at = self._line.loop.time() + SPACING

    async def aclose(self) -> None:
        """Do what was asked, close the journal and end the thread; a cancellation is raised after that.

        Called again, it waits for the end of the thread.
        """
        if self._line.forked:
            return
        if not self._closing:
            self._closing = True
            self.hand_over()
            self._line.put(None)
        cancelled: asyncio.CancelledError | None = None
        with anyio.CancelScope(shield=True):  # anyio would cancel again and again
            # The thread ends microseconds after `closed`, milliseconds where others use the core.
            while self._thread.is_alive():
                try:
                    await (asyncio.sleep(0) if self._line.closed.done() else asyncio.wait([self._line.closed]))
                except asyncio.CancelledError as asked:
                    cancelled = asked
        if cancelled is not None:
            raise cancelled


# In the thread.


def _serve(line: Line, open_desk: Callable[[Line], Desk]) -> None:
    """Work until the journal is closed; whatever goes wrong, nobody waits for ever."""
    try:
        _work(line, open_desk)
    except Exception as fault:  # noqa: BLE001 - a desk that cannot be closed, a bug here
        line.broken = as_journal_error(f"{line.name} was lost", fault)
        line.notify(line.fail_pending)
    finally:
        line.notify(settle, line.closed, None)


def _work(line: Line, open_desk: Callable[[Line], Desk]) -> None:
    try:
        desk = open_desk(line)
    except Exception as fault:  # noqa: BLE001 - whatever it is, nobody may wait for ever
        line.notify(settle, line.opened, as_journal_error(f"{line.name} cannot be opened", fault))
        return
    line.notify(settle, line.opened, None)
    try:
        while groups := _next(line, desk):
            results = _results(line, desk, groups)
            del groups  # so that the loop frees the calls, in whose core's cache they are
            line.notify(line.settle, results)
    finally:
        desk.close()


def _next(line: Line, desk: Desk) -> list[list[Job]]:
    if line.broken is None:
        try:
            desk.wait(line.groups)
        except Exception as fault:  # noqa: BLE001 - whatever it is, nobody may wait for ever
            line.break_off(as_journal_error(f"{line.name} was lost", fault))
    return line.next()


def _results(line: Line, desk: Desk, groups: list[list[Job]]) -> list[list[Any]]:
    if line.broken is None:
        try:
            results = iter(desk.transact([call for group in groups for call in group]))
            return [[next(results) for _ in group] for group in groups]
        except Exception as fault:  # noqa: BLE001 - whatever it is, nobody may wait for ever
            line.break_off(as_journal_error(f"{line.name} cannot be written", fault))
    return [[line.broken] * len(group) for group in groups]
