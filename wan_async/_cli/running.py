"""A command at work: its event loop (asyncio's, or uvloop's where it is asked for), and the signals that end it.

Ctrl-C, SIGTERM, Ctrl-Break and a closed terminal, on every system: the first asks to stop, the second leaves.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import signal
from collections.abc import Callable, Coroutine, Generator
from contextlib import AbstractAsyncContextManager
from typing import Any, ParamSpec, TypeVar

import click

from .options import given, keep, kept

P = ParamSpec("P")
T = TypeVar("T")

GRACE = 2.0
"""Seconds for submissions in the air to be answered: those on record took 0.48 s, at the median."""
_NAMES = ("SIGINT", "SIGTERM", "SIGBREAK")
_SIGNALS: list[signal.Signals] = [getattr(signal, name) for name in _NAMES if hasattr(signal, name)]


def _keep_factory(context: click.Context, option: click.Parameter, asked: bool) -> None:
    """Find uvloop now, where nothing was read or sent yet."""
    if not asked:
        return
    try:
        import uvloop
    except ModuleNotFoundError:
        why = "uvloop is not installed, and does not exist for Windows: pip install 'wan-async[uvloop]'"
        why += ", or leave out --uvloop and WAN_ASYNC_UVLOOP"
        raise click.BadParameter(why) from None
    keep(context, option, uvloop.new_event_loop)


loop_option = kept(
    "--uvloop/--no-uvloop",
    default=False,
    envvar="WAN_ASYNC_UVLOOP",
    show_envvar=True,
    callback=_keep_factory,
    help="Run on uvloop's event loop: less CPU per call.",
)
"""Adds `--uvloop`; `in_loop` obeys it."""


def in_loop(main: Coroutine[Any, Any, T]) -> T:
    """Run `main` to its end in an event loop of the kind that the running command was asked for."""
    with asyncio.Runner(loop_factory=given("uvloop")) as runner:
        return runner.run(main)


def looped(command: Callable[P, Coroutine[Any, Any, T]]) -> Callable[P, T]:
    """Make a command of a coroutine function, by `in_loop`."""

    @functools.wraps(command)
    def run(*arguments: P.args, **options: P.kwargs) -> T:
        return in_loop(command(*arguments, **options))

    return run


async def served(server: AbstractAsyncContextManager[str]) -> None:
    """Print the URL of what is served, until Ctrl-C."""
    with interrupted() as stopped:
        async with server as url:
            click.echo(url)
            await stopped.wait()


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
def _handling(on_signal: Callable[[], object]) -> Generator[None]:
    """Within, signals call `on_signal` in the running loop.

    By its own handlers, which wake it: one of Python's alone is not run when its signal comes just before the loop
    waits (5 of 8,000), until something else happens. Windows' loops have none, and every signal wakes them.
    """
    loop = asyncio.get_running_loop()

    def handle(number: int, frame: object) -> None:
        loop.call_soon_threadsafe(on_signal)

    before = {number: signal.getsignal(number) for number in _heeded()}
    try:
        for number in before:
            try:
                loop.add_signal_handler(number, on_signal)
            except NotImplementedError:
                signal.signal(number, handle)
        yield
    finally:
        for number, handler in before.items():
            with contextlib.suppress(NotImplementedError):
                loop.remove_signal_handler(number)
            signal.signal(number, handler or signal.SIG_DFL)
