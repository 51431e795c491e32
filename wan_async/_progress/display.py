"""Progress on a stream: drawn in place on a terminal, plain lines now and then elsewhere."""

from __future__ import annotations

import asyncio
import io
import sys
import time
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import asynccontextmanager, contextmanager
from importlib import import_module
from importlib.util import find_spec
from threading import Event, Thread
from typing import TYPE_CHECKING, Protocol, TextIO

from .pace import View

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


class NoLines:
    """Nothing of how far it is; what is said, is said."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._shown = ""

    def show(self, view: View, *, last: bool = False) -> None:
        pass

    def say(self, line: str) -> None:
        print(line, file=self._stream, flush=True)


class PlainLines(NoLines):
    """Lines of text, one every `every` seconds while anything changes."""

    def __init__(self, stream: TextIO, every: float, clock_: Callable[[], float] = time.monotonic) -> None:
        super().__init__(stream)
        self._every = every
        self._clock = clock_
        self._next = clock_() + every

    def show(self, view: View, *, last: bool = False) -> None:
        if not last and self._clock() < self._next:
            return
        line = view.line()
        if line != self._shown:
            self.say(line)
        self._shown = line
        self._next = self._clock() + self._every


class LiveLines:
    """A bar and a line of counts that stay where they are; what the program prints on their terminal is above them."""

    def __init__(self, stream: TextIO) -> None:
        from rich.console import Console
        from rich.live import Live

        console = Console(file=stream, highlight=False)
        self.live = Live(
            console=console,
            auto_refresh=False,
            redirect_stdout=_on_one_terminal(stream, sys.stdout),
            redirect_stderr=_on_one_terminal(stream, sys.stderr),
        )

    def show(self, view: View, *, last: bool = False) -> None:
        self.live.update(_picture(view), refresh=True)

    def say(self, line: str) -> None:
        self.live.console.print(line, markup=False)


class NotebookLines(NoLines):
    """The same in a cell's output, replaced in place: rich by itself would need ipywidgets for that."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__(stream)
        self._handle = import_module("IPython.display").DisplayHandle()

    def show(self, view: View, *, last: bool = False) -> None:
        page = self._page(view)
        if page == self._shown:
            return
        put = self._handle.update if self._shown else self._handle.display
        put({"text/html": page, "text/plain": view.line()}, raw=True)
        self._shown = page

    def _page(self, view: View) -> str:
        from rich.console import Console

        console = Console(file=io.StringIO(), record=True, width=100, force_jupyter=False)
        console.print(_picture(view))
        return console.export_html(inline_styles=True, code_format="<pre>{code}</pre>")


def _on_one_terminal(stream: TextIO, other: TextIO) -> bool:
    """True for one of the program's own streams beside another one, where both are terminals: most likely the same."""
    return stream in (sys.stdout, sys.stderr) and stream.isatty() and other.isatty()


@contextmanager
def display_on(stream: TextIO, *, every: float, live: bool | None = None, shown: bool = True) -> Generator[Display]:
    """The display that suits the stream, closed at the end.

    Args:
        stream: where to.
        every: seconds between plain lines.
        live: drawn in place; None: if the stream is a terminal, or a notebook's, and rich is installed.
        shown: False shows nothing of how far it is.
    """
    notebook = in_notebook() and stream in (sys.stdout, sys.stderr)
    if not shown:
        yield NoLines(stream)
    elif not ((stream.isatty() or notebook) and find_spec("rich") if live is None else live):
        yield PlainLines(stream, every)
    elif notebook:
        yield NotebookLines(stream)
    else:
        lines = LiveLines(stream)
        with lines.live:
            yield lines


@asynccontextmanager
async def showing(display: Display, view: Callable[[], View]) -> AsyncGenerator[None]:
    """Keep `display` showing what `view` gives, and show the end."""
    ticking = asyncio.create_task(_tick(display, view))
    try:
        yield
    finally:
        ticking.cancel()
        await asyncio.wait([ticking])
        display.show(view(), last=True)


@contextmanager
def showing_beside(display: Display, view: Callable[[], View]) -> Generator[None]:
    """The same from a thread, beside a loop that blocks."""
    over = Event()

    def tick() -> None:
        display.show(view())
        while not over.wait(_TICK):
            display.show(view())

    thread = Thread(target=tick, name="wan_async.progress", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
        display.show(view(), last=True)


async def _tick(display: Display, view: Callable[[], View]) -> None:
    while True:
        display.show(view())
        await asyncio.sleep(_TICK)


def in_notebook() -> bool:
    """True if a notebook's kernel runs this; it is not asked to load anything for that."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return type(shell).__name__ == "ZMQInteractiveShell"


def _picture(view: View) -> RenderableType:
    from rich.progress_bar import ProgressBar
    from rich.table import Table

    bar = Table.grid(padding=(0, 1), expand=True)
    bar.add_column(ratio=1)
    bar.add_column(justify="right", no_wrap=True)
    bar.add_row(ProgressBar(None if view.total is None else max(1, view.total), view.finished), view.how_many)
    picture = Table.grid(expand=True)
    picture.add_row(bar)
    picture.add_row(_counts(view))
    return picture


def _counts(view: View) -> RenderableType:
    from rich.text import Text

    return Text(" · ", "dim").join(Text(words, style) for words, style in view.parts())
