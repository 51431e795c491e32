"""The provider's time: seconds that pass as the running event loop's do, virtual or real."""

from __future__ import annotations

import asyncio
import time
import weakref


class Clock:
    """Reads the running loop's clock; from loop to loop time never goes back.

    Its seconds are the loop's own, not Unix seconds: at 1.8e9 a float has steps of 0.24 µs, and a call that comes
    exactly `per` seconds after another would now and then count as too early.

    Args:
        epoch: the Unix time at which the first loop is met; None: the computer's.
    """

    def __init__(self, epoch: float | None = None) -> None:
        self._start = epoch
        self._epoch: float | None = None
        self._latest = 0.0
        self._offset = 0.0
        self._loop: weakref.ref[asyncio.AbstractEventLoop] | None = None

    def now(self) -> float:
        """Seconds; outside of an event loop, those of the last call."""
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return self._latest
        if self._loop is None or self._loop() is not loop:
            self._loop = weakref.ref(loop)
            self._offset = max(0.0, self._latest - loop.time())
        self._latest = loop.time() + self._offset
        if self._epoch is None:
            self._epoch = (time.time() if self._start is None else self._start) - self._latest
        return self._latest

    def unix(self, now: float) -> float:
        """The Unix seconds of a moment of this clock."""
        return now + (self._epoch or 0.0)
