"""Ctrl-C, twice: the first one asks to stop, the second leaves."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Callable, Generator

_GRACE = 2.0
"""Seconds for submissions in the air to be answered: those seen in the wild took 0.48 s, at the median."""
_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interrupts:
    """Counts signals.

    Args:
        stop: called at the first.
        leave: called at each further one, and once more after a grace.
    """

    def __init__(self, stop: Callable[[], None], leave: Callable[[], object]) -> None:
        self._stop = stop
        self._leave = leave
        self.count = 0

    def __call__(self) -> None:
        self.count += 1
        if self.count == 1:
            self._stop()
            return
        self._leave()
        asyncio.get_running_loop().call_later(_GRACE, self._leave)


@contextlib.contextmanager
def interruptible(stop: Callable[[], None]) -> Generator[Interrupts]:
    """Within, the first SIGINT or SIGTERM calls `stop` and the second cancels the running task."""
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    interrupts = Interrupts(stop, lambda: task.cancel() if task is not None else None)
    with contextlib.suppress(NotImplementedError):  # Windows: Ctrl-C leaves at once, as asyncio has it
        for number in _SIGNALS:
            loop.add_signal_handler(number, interrupts)
    try:
        yield interrupts
    finally:
        with contextlib.suppress(NotImplementedError):
            for number in _SIGNALS:
                loop.remove_signal_handler(number)
