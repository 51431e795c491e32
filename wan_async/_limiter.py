"""The account's window for asyncio: waiters in the order they came, one timer for all of them."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from typing import Protocol

from ._policy.settings import RateLimit
from ._policy.window import Window

_LOOK_AGAIN = 0.05  # seconds between looks where another thread's loop shares the limiter


class Limiter(Protocol):
    """What the client asks before each call; small, so that one shared between processes can stand in its place.

    Each permit is ended by exactly one of `accepted`, `rejected` and `released`.
    """

    async def acquire(self) -> float:
        """Waits for a slot, first come, first served; gives the permit: the loop time at which it was granted."""
        ...

    def accepted(self, permit: float) -> None:
        """The call was answered, or its fate is unknown: it may have counted."""
        ...

    def rejected(self, permit: float, retry_after: float | None = None) -> None:
        """The call was refused as too much and did not count; `retry_after` seconds were asked for."""
        ...

    def released(self, permit: float) -> None:
        """The call was certainly not sent: its slot is given back."""
        ...


class _Line:
    """The waiters of one event loop."""

    __slots__ = ("loop", "timer", "waiters", "waiting")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.waiters: deque[asyncio.Future[float]] = deque()
        self.waiting = 0
        self.timer: asyncio.TimerHandle | None = None


class SlidingWindowLimiter:
    """A `Limiter` in this process: never more than `limit`, less when the provider's answers say so.

    It may be used from several event loops, one after the other or in several threads: the window is one, each loop has
    its own line of waiters.

    Attributes:
        limit: what was told; may be set while running, which drops what was learnt.
    """

    def __init__(self, limit: RateLimit) -> None:
        self._limit = limit
        self._window = Window(limit)
        self._lock = threading.Lock()
        self._lines: dict[asyncio.AbstractEventLoop, _Line] = {}

    @property
    def limit(self) -> RateLimit:
        return self._limit

    @limit.setter
    def limit(self, limit: RateLimit) -> None:
        with self._lock:
            self._limit = limit
            self._window.tell(limit)
        for line in tuple(self._lines.values()):
            line.loop.call_soon_threadsafe(self._serve, line)

    @property
    def waiting(self) -> int:
        """Callers in line."""
        return sum(line.waiting for line in tuple(self._lines.values()))

    @property
    def used(self) -> int:
        """Slots in use: calls under way, and answered ones that still count."""
        return self._window.used

    @property
    def cap(self) -> int:
        """Calls that may be in a window now, as far as is known."""
        return self._window.cap

    async def acquire(self) -> float:
        """Waits for a slot; see `Limiter.acquire`."""
        loop = asyncio.get_running_loop()
        with self._lock:
            line = self._lines.get(loop) or self._open(loop)
            if not line.waiting:
                permit = self._window.take(loop.time())
                if permit is not None:
                    return permit
            future = self._queue(line)
        return await self._turn(line, future)

    def accepted(self, permit: float) -> None:
        """See `Limiter.accepted`."""
        line = self._here()
        with self._lock:
            self._window.accepted(permit, line.loop.time())
        self._serve(line)

    def rejected(self, permit: float, retry_after: float | None = None) -> None:
        """See `Limiter.rejected`."""
        line = self._here()
        with self._lock:
            self._window.rejected(permit, line.loop.time(), retry_after)
        self._serve(line)

    def released(self, permit: float) -> None:
        """See `Limiter.released`."""
        line = self._here()
        with self._lock:
            self._window.released(permit, line.loop.time())
        self._serve(line)

    def _here(self) -> _Line:
        loop = asyncio.get_running_loop()
        return self._lines.get(loop) or self._open(loop)

    def _open(self, loop: asyncio.AbstractEventLoop) -> _Line:
        """A line for a loop seen for the first time; those of closed loops go."""
        self._lines = {other: line for other, line in self._lines.items() if not other.is_closed()}
        line = self._lines[loop] = _Line(loop)
        return line

    def _queue(self, line: _Line) -> asyncio.Future[float]:
        future: asyncio.Future[float] = line.loop.create_future()
        line.waiters.append(future)
        line.waiting += 1
        if line.timer is None:
            self._wake_later(line)
        return future

    async def _turn(self, line: _Line, future: asyncio.Future[float]) -> float:
        try:
            return await future
        except asyncio.CancelledError:
            if future.cancelled():
                line.waiting -= 1
            else:  # granted, and cancelled before it could resume
                self.released(future.result())
            raise

    def _serve(self, line: _Line) -> None:
        with self._lock:
            while line.waiters:
                if line.waiters[0].done():
                    line.waiters.popleft()
                    continue
                permit = self._window.take(line.loop.time())
                if permit is None:
                    self._wake_later(line)
                    return
                line.waiting -= 1
                line.waiters.popleft().set_result(permit)

    def _wake_later(self, line: _Line) -> None:
        now = line.loop.time()
        at = self._window.opens_at(now)
        if len(self._lines) > 1:
            at = min(at, now + _LOOK_AGAIN)
        if line.timer is not None:
            if line.timer.when() <= at:
                return
            line.timer.cancel()
        line.timer = line.loop.call_at(at, self._ring, line)

    def _ring(self, line: _Line) -> None:
        line.timer = None
        self._serve(line)
