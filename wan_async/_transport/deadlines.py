"""Deadlines for many short exchanges, with one timer for all of them: 0.9 µs each, where aiohttp's own cost 4.7.

The next deadline is hardly ever met, so its timer stands while the exchanges that it was set for come and go; when it
rings, what is late is cancelled, and it is set to the next deadline then.

A loop that stood still (blocking code, a stopped process) hears of its timers before it has read the answers that came
meanwhile. So a deadline is judged only after some passes of the loop, in which they are read: what lies in a socket is
there one pass later, and its task goes on in the next.
"""

from __future__ import annotations

import asyncio
import math
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from types import TracebackType

_PASSES = 10
"""Passes of the loop between a deadline and its end: an answer over TLS takes three, each further 256 KiB of it one."""


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
        self._pass([one for one in self._running if one.at <= now], _PASSES)
        self._set(min((one.at for one in self._running if one.at > now), default=math.inf))

    def _pass(self, late: list[_Deadline], passes: int) -> None:
        if late and passes:
            self._loop.call_soon(self._pass, late, passes - 1)
            return
        for deadline in self._running.intersection(late):
            deadline.expire()


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
