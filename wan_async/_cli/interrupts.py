"""Ctrl-C, SIGTERM and Ctrl-Break, on every system: the first asks to stop, the second leaves."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Callable, Generator

GRACE = 2.0
"""Seconds for submissions in the air to be answered: those on record took 0.48 s, at the median."""
_SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGBREAK") if hasattr(signal, name))


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
        asyncio.get_running_loop().call_later(GRACE, self._leave)


@contextlib.contextmanager
def interruptible(stop: Callable[[], None]) -> Generator[Interrupts]:
    """Within, the first signal calls `stop` and the second cancels the running task."""
    task = asyncio.current_task()
    interrupts = Interrupts(stop, lambda: task.cancel() if task is not None else None)
    with _handling(interrupts):
        yield interrupts


@contextlib.contextmanager
def interrupted() -> Generator[asyncio.Event]:
    """Within, signals set the event: what serves until Ctrl-C ends well by it."""
    stopped = asyncio.Event()
    with _handling(stopped.set):
        yield stopped


@contextlib.contextmanager
def _handling(on_signal: Callable[[], None]) -> Generator[None]:
    """Within, signals call `on_signal` in the running loop."""
    loop = asyncio.get_running_loop()
    try:
        for number in _SIGNALS:
            loop.add_signal_handler(number, on_signal)
    except NotImplementedError:  # Windows' loops have none
        with _handled_by_python(lambda: loop.call_soon_threadsafe(on_signal)):
            yield
        return
    try:
        yield
    finally:
        for number in _SIGNALS:
            loop.remove_signal_handler(number)


@contextlib.contextmanager
def _handled_by_python(on_signal: Callable[[], object]) -> Generator[None]:
    """The same by `signal.signal`: a loop in the main thread wakes up for it, on Windows too."""

    def handle(number: int, frame: object) -> None:
        on_signal()

    before = {number: signal.signal(number, handle) for number in _SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
