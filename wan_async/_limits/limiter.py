"""The account's window for asyncio: waiters in the order they came, whatever event loop and thread they are in.

A waiter costs one future in a deque until its turn, and a loop has one timer for all of its waiters. The window is one,
under a lock that is never held across an await; what happens in one loop lets waiters of the others go at once. Who is
first in line is known by tickets, except that a loop that stands still is passed over: it cannot take its turn.

The time is the running loop's. Real loops share the system's clock; one with a clock of its own, as in virtual time,
finds an empty window.
"""

from __future__ import annotations

import asyncio
import itertools
import math
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from typing import TypeVarTuple, Unpack

from .._policy.limiter import LimitState, Permit
from .._policy.settings import RateLimit
from .._policy.window import Window

Ts = TypeVarTuple("Ts")

_CLOCKS_DIFFER = 60.0
"""Seconds between the system's clock and a loop's that is another clock; uvloop's lags behind while callbacks run."""


Waiter = asyncio.Future[Permit]


_ARRIVED = 1.0
"""Seconds after which a call of an earlier process that was to be sent has reached the provider, or never will.

A journal dates a call when its intent is on disk, the provider when it arrives: after the commit, a turn for the POST,
perhaps a new connection and TLS, and the way there. Killed and started again over a way of 0.3 s, a full window met 20
rejections of 20 without it, and none with it. A run that starts again loses a second by it, once.
"""


class _Line:
    """The waiters of one event loop with their tickets, in a row, with those that were cancelled among them.

    Attributes:
        rings_at: when its timer rings, or is about to be set to; only its own loop may touch the timer.
    """

    __slots__ = ("loop", "rings_at", "timer", "waiters")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.waiters: deque[tuple[int, Waiter]] = deque()
        self.timer: asyncio.TimerHandle | None = None
        self.rings_at = math.inf

    def head(self) -> int | None:
        """The ticket of the first that still waits."""
        waiters = self.waiters
        while waiters and waiters[0][1].done():
            waiters.popleft()
        return waiters[0][0] if waiters else None


class SlidingWindowLimiter:
    """The `Limiter` of one process: never more than was given, and less where the answers say so.

    Args:
        limit: what was given.
    """

    def __init__(self, limit: RateLimit) -> None:
        self._window = Window(limit)
        self._lock = threading.RLock()
        self._tickets = itertools.count()
        self._lines: dict[asyncio.AbstractEventLoop, _Line] = {}
        self._line: _Line | None = None  # of the loop that came last
        self._clock: _Line | None = None  # the line whose loop has a clock of its own, which the window goes by
        self._made_at = time.time()

    @property
    def limit(self) -> RateLimit:
        """The configured limit."""
        return self._window.lessons.limit

    def set_limit(self, limit: RateLimit) -> None:
        """Set another limit, while calls are under way too; what was learnt of the old one is dropped."""
        with self._lock:
            self._window.set_limit(limit)
            for line in self._lines.values():
                self._wake(line, 0.0)

    async def acquire(self) -> Permit:
        """See `Limiter`."""
        with self._lock:
            line = self._line_here()
            nobody_waits = not line.waiters if len(self._lines) == 1 else self._first() is None
            if nobody_waits:
                stamp = self._window.take(line.loop.time())
                if stamp is not None:
                    return Permit(stamp)
            turn: Waiter = line.loop.create_future()
            ticket = next(self._tickets)
            line.waiters.append((ticket, turn))
            if line.head() == ticket:  # a timer that was set for others may ring much too late for this one
                self._ring_by(line, self._window.opens_at(line.loop.time()))
        try:
            return await turn
        except asyncio.CancelledError:
            if not turn.cancelled():  # granted, and cancelled before it could go on
                self.released_nowait(turn.result())
            raise

    def counted_nowait(self, permit: Permit) -> None:
        """See `Limiter`."""
        with self._lock:
            line = self._line_here()
            self._window.counted(permit.stamp, line.loop.time())
            if line.waiters or len(self._lines) > 1:
                self._serve(line)

    def rejected_nowait(self, permit: Permit, retry_after: float | None = None) -> None:
        """See `Limiter`."""
        with self._lock:
            line = self._line_here()
            self._window.rejected(permit.stamp, line.loop.time(), retry_after)
            self._serve(line)

    def released_nowait(self, permit: Permit) -> None:
        """See `Limiter`."""
        with self._lock:
            line = self._line_here()
            self._window.released(permit.stamp, line.loop.time())
            self._serve(line)

    @property
    def memory(self) -> float:
        """See `Limiter`."""
        return self._window.lessons.per + _ARRIVED

    def remember(self, sent_times: Iterable[float]) -> None:
        """See `Limiter`; a call counts from `_ARRIVED` after it was to be sent."""
        now, today = self._now(), time.time()
        ages = [today - at - _ARRIVED for at in sorted(sent_times) if at < self._made_at]
        with self._lock:
            self._window.remember(now - age for age in ages if age < self._window.lessons.per)

    def hold(self) -> None:
        """See `Limiter`; nothing is open."""

    async def release(self) -> None:
        """See `Limiter`; nothing is open."""

    def state(self) -> LimitState:
        """See `Limiter`."""
        with self._lock:
            window, now = self._window, self._window.settle(self._now())
            lessons = window.lessons
            waiting = sum(not turn.done() for line in self._lines.values() for _, turn in line.waiters)
            return LimitState(lessons.limit, window.slots, window.used, waiting, lessons.throttled, window.brake(now))

    def is_idle(self) -> bool:
        """Whether a new limiter would do the same: nothing counts, nobody waits, nothing was learnt."""
        state, learnt = self.state(), self._window.lessons.learnt
        return not (state.used or state.waiting or state.brake) and learnt.known == learnt.ceiling

    def _now(self) -> float:
        return time.monotonic() if self._clock is None else self._clock.loop.time()

    def _line_here(self) -> _Line:
        """The running loop's line."""
        loop = asyncio.get_running_loop()
        line = self._line
        return line if line is not None and line.loop is loop else self._other_line(loop)

    def _other_line(self, loop: asyncio.AbstractEventLoop) -> _Line:
        line = self._lines.get(loop)
        if line is None:  # a loop seen for the first time: the lines of closed ones go
            self._lines = {other: line for other, line in self._lines.items() if not other.is_closed()}
            line = self._lines[loop] = _Line(loop)
            clock = line if abs(loop.time() - time.monotonic()) > _CLOCKS_DIFFER else None
            if clock is not self._clock:
                self._clock = clock
                self._window.forget()
        self._line = line
        return line

    def _first(self) -> _Line | None:
        """The line whose head came first, of those that can take a turn."""
        if len(self._lines) == 1:
            line = self._line
            return line if line is not None and line.head() is not None else None
        heads = [
            (ticket, line)
            for line in self._lines.values()
            if (ticket := line.head()) is not None and line.loop.is_running()
        ]
        return min(heads, key=lambda head: head[0])[1] if heads else None

    def _serve(self, here: _Line) -> None:
        """Grant what can be granted now, and set the timers for the next; called in the loop of `here`."""
        if not here.waiters and len(self._lines) == 1:
            return
        now = here.loop.time()
        while (line := self._first()) is not None and (stamp := self._window.take(now)) is not None:
            self._grant(line, Permit(stamp), here)
        self._set_timers(here, now)

    def _grant(self, line: _Line, permit: Permit, here: _Line) -> None:
        _, turn = line.waiters.popleft()
        if line is here:
            turn.set_result(permit)
        elif not _call_in(line, self._hand_over, turn, permit):
            self._window.released(permit.stamp, here.loop.time())

    def _hand_over(self, turn: Waiter, permit: Permit) -> None:
        """The end of a grant from another loop's thread: who waited may have been cancelled meanwhile."""
        if turn.done():
            self.released_nowait(permit)
        else:
            turn.set_result(permit)

    def _set_timers(self, here: _Line, now: float) -> None:
        """Of the lines that stand still, too: these wait until they go on."""
        lines = [line for line in self._lines.values() if line.head() is not None]
        if lines:
            at = self._window.opens_at(now)
            for line in lines:
                (self._ring_by if line is here else self._wake)(line, at)

    def _wake(self, line: _Line, at: float) -> None:
        """Have the timer of any loop ring at `at`, or before."""
        if at < line.rings_at:
            line.rings_at = at
            _call_in(line, self._set_timer, line)

    def _ring_by(self, line: _Line, at: float) -> None:
        """Have this loop's timer ring at `at`, or before: one that rings early is set again."""
        if at < line.rings_at:
            line.rings_at = at
            self._set_timer(line)

    def _set_timer(self, line: _Line) -> None:
        with self._lock:
            if line.timer is not None:
                line.timer.cancel()
                line.timer = None
            if line.rings_at < math.inf:  # else it rang since it was woken, and nobody waits any more
                line.timer = line.loop.call_at(line.rings_at, self._ring, line)

    def _ring(self, line: _Line) -> None:
        with self._lock:
            line.timer = None
            line.rings_at = math.inf
            self._serve(line)


def _call_in(line: _Line, function: Callable[[Unpack[Ts]], object], *args: *Ts) -> bool:
    """Have the line's loop call it; False where that is closed."""
    try:
        line.loop.call_soon_threadsafe(function, *args)
    except RuntimeError:
        return False
    return True
