"""Progress on a stream: drawn in place on a terminal, plain lines now and then elsewhere."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Protocol, TextIO

from .pace import View, clock

if TYPE_CHECKING:
    from rich.console import RenderableType

_TICK = 0.1


class Display(Protocol):
    """Shows how far a batch is."""

    def show(self, view: View, *, last: bool = False) -> None:
        """Show this, or skip it where it would be too much; the last is always shown."""
        ...

    def say(self, line: str) -> None:
        """Print a line that stays."""
        ...


class PlainLines:
    """Lines of text, one every `every` seconds while anything changes."""

    def __init__(self, stream: TextIO, every: float, clock_: Callable[[], float] = time.monotonic) -> None:
        self._stream = stream
        self._every = every
        self._clock = clock_
        self._next = clock_() + every
        self._shown = ""

    def show(self, view: View, *, last: bool = False) -> None:
        if not last and self._clock() < self._next:
            return
        line = f"{view.finished}/{view.total}: {view.counts()}"
        if line != self._shown:
            self.say(line)
        self._shown = line
        self._next = self._clock() + self._every

    def say(self, line: str) -> None:
        print(line, file=self._stream, flush=True)


class LiveLines:
    """A bar and a line of counts that stay where they are."""

    def __init__(self, stream: TextIO) -> None:
        from rich.console import Console
        from rich.live import Live

        console = Console(file=stream, highlight=False)
        self.live = Live(console=console, auto_refresh=False, redirect_stdout=False, redirect_stderr=False)

    def show(self, view: View, *, last: bool = False) -> None:
        self.live.update(_picture(view), refresh=True)

    def say(self, line: str) -> None:
        self.live.console.print(line, markup=False)


@contextmanager
def display_on(stream: TextIO, *, every: float, live: bool | None = None) -> Generator[Display]:
    """The display that suits the stream, closed at the end.

    Args:
        stream: where to.
        every: seconds between plain lines.
        live: drawn in place; None: if the stream is a terminal.
    """
    if not (stream.isatty() if live is None else live):
        yield PlainLines(stream, every)
        return
    lines = LiveLines(stream)
    with lines.live:
        yield lines


@asynccontextmanager
async def showing(display: Display, look: Callable[[], View]) -> AsyncGenerator[None]:
    """Keep `display` showing what `look` gives, and show the end."""
    ticking = asyncio.create_task(_tick(display, look))
    try:
        yield
    finally:
        ticking.cancel()
        await asyncio.wait([ticking])
        display.show(look(), last=True)


async def _tick(display: Display, look: Callable[[], View]) -> None:
    while True:
        display.show(look())
        await asyncio.sleep(_TICK)


def _picture(view: View) -> RenderableType:
    from rich.progress_bar import ProgressBar
    from rich.table import Table

    bar = Table.grid(padding=(0, 1), expand=True)
    bar.add_column(ratio=1)
    bar.add_column(justify="right", no_wrap=True)
    bar.add_row(ProgressBar(max(1, view.total), view.finished), f"{view.finished}/{view.total}")
    picture = Table.grid(expand=True)
    picture.add_row(bar)
    picture.add_row(_counts(view))
    return picture


def _counts(view: View) -> RenderableType:
    from rich.text import Text

    stats = view.stats
    parts = (
        (f"{view.replayed + stats.succeeded} done", "green"),
        (f"{stats.running} running", "cyan"),
        (f"{stats.failed} failed", "red" if stats.failed else "dim"),
        (f"{stats.unknown} unknown", "red" if stats.unknown else ""),
        (f"{stats.throttled} throttled", "yellow" if stats.throttled else "dim"),
        (f"{view.rate:.1f}/s", ""),
        (f"ETA {clock(view.left)}", ""),
    )
    shown = [Text(words, style) for words, style in parts if not words.startswith("0 unknown")]
    return Text(" · ", "dim").join(shown)
