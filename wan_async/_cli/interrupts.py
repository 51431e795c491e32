"""Ctrl-C, SIGTERM, Ctrl-Break and a closed terminal, on every system: the first asks to stop, the second leaves."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Callable, Generator, Sequence

GRACE = 2.0
"""Seconds for submissions in the air to be answered: those on record took 0.48 s, at the median."""
_NAMES = ("SIGINT", "SIGTERM", "SIGBREAK")
_SIGNALS: list[signal.Signals] = [getattr(signal, name) for name in _NAMES if hasattr(signal, name)]


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


def _heeded() -> list[signal.Signals]:
    """The signals that are heard: that of a closed terminal too, unless nohup had it ignored."""
    hangup: signal.Signals | None = getattr(signal, "SIGHUP", None)
    is_heard = hangup is not None and signal.getsignal(hangup) is not signal.SIG_IGN
    return [*_SIGNALS, *((hangup,) if hangup is not None and is_heard else ())]


@contextlib.contextmanager
def _handling(on_signal: Callable[[], None]) -> Generator[None]:
    """Within, signals call `on_signal` in the running loop."""
    loop = asyncio.get_running_loop()
    heeded = _heeded()
    try:
        for number in heeded:
            loop.add_signal_handler(number, on_signal)
    except NotImplementedError:  # Windows' loops have none
        with _handled_by_python(heeded, lambda: loop.call_soon_threadsafe(on_signal)):
            yield
        return
    try:
        yield
    finally:
        for number in heeded:
            loop.remove_signal_handler(number)


@contextlib.contextmanager
def _handled_by_python(heeded: Sequence[signal.Signals], on_signal: Callable[[], object]) -> Generator[None]:
    """The same by `signal.signal`: a loop in the main thread wakes up for it, on Windows too."""

    def handle(number: int, frame: object) -> None:
        on_signal()

    before = {number: signal.signal(number, handle) for number in heeded}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
