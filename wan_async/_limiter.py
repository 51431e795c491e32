"""The account's window for asyncio: waiters in the order they came, one timer for all of them.

A waiter costs one future in a deque until its turn. The limiter may be used from several event loops, one after the
other or in several threads: the window is one, under a lock that is never held across an await, and each loop has its
own line. A loop does not hear of answers that came to another's; it looks again every 50 ms then. The time is the
running loop's, so the loops must share a clock, as real ones do; one whose clock starts anew, as a virtual one's does,
finds an empty window.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from typing import Protocol

from ._policy.settings import RateLimit
from ._policy.window import Window

_LOOK_AGAIN = 0.05


class Limiter(Protocol):
    """What is asked before each call; small, so that one shared between processes can stand in its place.

    Each permit is ended by exactly one of `accepted`, `rejected` and `released`, in the loop that acquired it. An
    `acquire` that is cancelled needs none.
    """

    async def acquire(self) -> float:
        """Waits for a slot, first come, first served; gives the permit: the loop time, in seconds, of its grant."""
        ...

    def accepted(self, permit: float) -> None:
        """The call was answered, or its fate is unknown: it may have counted."""
        ...

    def rejected(self, permit: float, retry_after: float | None = None) -> None:
        """The call was refused as too much and did not count; nobody is let out for `retry_after` seconds."""
        ...

    def released(self, permit: float) -> None:
        """The call was certainly not sent: its slot is given back."""
        ...


class _Line:
    """The waiters of one event loop, in a row, with those that were cancelled among them."""

    __slots__ = ("loop", "timer", "waiters", "waiting")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.waiters: deque[asyncio.Future[float]] = deque()
        self.waiting = 0
        self.timer: asyncio.TimerHandle | None = None

    def join(self) -> asyncio.Future[float]:
        future: asyncio.Future[float] = self.loop.create_future()
        self.waiters.append(future)
        self.waiting += 1
        return future

    def head(self) -> asyncio.Future[float] | None:
        """The first that still waits."""
        while self.waiters and self.waiters[0].done():
            self.waiters.popleft()
        return self.waiters[0] if self.waiters else None

    def grant(self, permit: float) -> None:
        self.waiting -= 1
        self.waiters.popleft().set_result(permit)


class SlidingWindowLimiter:
    """A `Limiter` within this process: never more than was told, and less where the answers say so.

    Args:
        limit: what was told.
    """

    def __init__(self, limit: RateLimit) -> None:
        self._limit = limit
        self._window = Window(limit)
        self._lock = threading.Lock()
        self._lines: dict[asyncio.AbstractEventLoop, _Line] = {}
        self._line: _Line | None = None  # of the loop that came last

    @property
    def limit(self) -> RateLimit:
        """What was told. It may be set while calls are under way, which drops what was learnt."""
        return self._limit

    @limit.setter
    def limit(self, limit: RateLimit) -> None:
        with self._lock:
            self._limit = limit
            self._window.tell(limit)
            lines = [line for line in self._lines.values() if not line.loop.is_closed()]
        for line in lines:
            line.loop.call_soon_threadsafe(self._serve, line)

    @property
    def waiting(self) -> int:
        """Callers in line."""
        with self._lock:
            return sum(line.waiting for line in self._lines.values())

    @property
    def used(self) -> int:
        """Slots in use: calls under way, and answered ones that still count."""
        return self._window.used

    @property
    def cap(self) -> int:
        """Slots there are, as far as is known: at most `n` times `share` of the limit."""
        return self._window.cap

    async def acquire(self) -> float:
        """See `Limiter`."""
        with self._lock:
            line = self._line_here()
            if not line.waiting:
                permit = self._window.take(line.loop.time())
                if permit is not None:
                    return permit
            turn = line.join()
            if line.timer is None:
                self._wake_later(line)
        return await self._take_turn(line, turn)

    def accepted(self, permit: float) -> None:
        """See `Limiter`."""
        with self._lock:
            line = self._line_here()
            self._window.accepted(permit, line.loop.time())
        if line.waiters:
            self._serve(line)

    def rejected(self, permit: float, retry_after: float | None = None) -> None:
        """See `Limiter`."""
        with self._lock:
            line = self._line_here()
            self._window.rejected(permit, line.loop.time(), retry_after)
        if line.waiters:
            self._serve(line)

    def released(self, permit: float) -> None:
        """See `Limiter`."""
        with self._lock:
            line = self._line_here()
            self._window.released(permit, line.loop.time())
        if line.waiters:
            self._serve(line)

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
        self._line = line
        return line

    async def _take_turn(self, line: _Line, turn: asyncio.Future[float]) -> float:
        try:
            return await turn
        except asyncio.CancelledError:
            if not turn.cancelled():  # granted, and cancelled before it could go on
                self.released(turn.result())
                raise
            with self._lock:
                line.waiting -= 1
            raise

    def _serve(self, line: _Line) -> None:
        """Grants what can be granted now, and sets the timer for the next."""
        with self._lock:
            while line.head() is not None:
                permit = self._window.take(line.loop.time())
                if permit is None:
                    self._wake_later(line)
                    return
                line.grant(permit)

    def _wake_later(self, line: _Line) -> None:
        now = line.loop.time()
        at = self._window.opens_at(now)
        if len(self._lines) > 1:
            at = min(at, now + _LOOK_AGAIN)
        if line.timer is not None:
            if line.timer.when() <= at:  # it rings early, and is set again: cheaper than a new one for each answer
                return
            line.timer.cancel()
        line.timer = line.loop.call_at(at, self._ring, line)

    def _ring(self, line: _Line) -> None:
        line.timer = None
        self._serve(line)
