"""`wan-async demo`: a batch of five models against the bundled emulator, over real HTTP, and a page of it.

`scenes` are its inputs, `page` shows what became of them.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
import time
from pathlib import Path

import click

from ..._batch import Batch, Outcome
from ..._client import WanClient
from ..._progress import Display, Follow, display_on, showing
from ...errors import ConfigurationError
from ..exits import Exit
from ..options import Whole, seconds
from .page import GENERATOR, Headline, write_page

_KEY = "demo-key"
_EVERY = 1.0
_SPREAD = 0.3
"""Standard deviation of a clip's time, as a share of its mean."""

_FOLDER = click.Path(path_type=Path, file_okay=False)


@click.command()
@click.option(
    "--output", type=_FOLDER, default=Path("demo-clips"), show_default=True, help="The folder for page and clips."
)
@click.option("--clips", type=Whole(1, 500), default=24, show_default=True, help="How many.")
@click.option("--seconds", "mean", type=seconds, default="6", show_default=True, help="How long a clip takes to make.")
@click.option("--seed", type=int, default=26, show_default=True, help="Of the clips' times.")
@click.option("--open/--no-open", "open_page", default=True, help="Open the page in a browser, on a desktop.")
def demo_command(output: Path, clips: int, mean: float, seed: int, *, open_page: bool) -> int:
    """Make 24 clips of five models on this computer: no key, no network, no credits.

    Starts the provider's emulator on loopback, makes the clips over real HTTP within its limit of 20 new tasks per 10
    seconds, downloads them and writes a page that shows them. Two fail on purpose.
    """
    _make_room(output)
    started = time.monotonic()
    outcomes = asyncio.run(_make(output, clips, mean, seed))
    page = (output / "index.html").absolute()
    summary = write_page(page, outcomes, time.monotonic() - started)
    click.echo(_summed_up(summary))
    click.echo(f"Look at it: {page.as_uri()}")
    if open_page and _on_a_desktop():
        click.launch(page.as_uri())
    return Exit.OK


def _make_room(folder: Path) -> None:
    """Make the folder, without what an earlier demo left in it; no other folder's files are touched."""
    if folder.is_dir() and any(folder.iterdir()) and not _is_demo(folder):
        raise ConfigurationError(f"{folder}: is not empty and no earlier demo's; choose another --output")
    shutil.rmtree(folder / "clips", ignore_errors=True)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "index.html").write_text(f"<!-- {GENERATOR}, under way -->\n", encoding="utf-8")


def _is_demo(folder: Path) -> bool:
    page = folder / "index.html"
    return page.is_file() and GENERATOR in page.read_text("utf-8", "replace")[:1000]


async def _make(folder: Path, clips: int, mean: float, seed: int) -> list[Outcome]:
    from ...emulator import Emulator
    from .scenes import FAULTS, scenes

    emulator = Emulator(key=_KEY, seconds=(mean, mean * _SPREAD), seed=seed, faults=FAULTS)
    async with emulator.serve() as url, WanClient(_KEY, base_url=url) as wan:
        click.echo(f"The emulator is at {url}, and takes 20 new tasks per 10 seconds.")
        async with wan.batch(scenes(clips), download_to=folder / "clips") as batch:
            with display_on(sys.stdout, every=_EVERY) as display:
                return await _collect(batch, clips, display)


async def _collect(batch: Batch, clips: int, display: Display) -> list[Outcome]:
    outcomes: list[Outcome] = []
    async with showing(display, Follow(batch, clips).view):
        async for outcome in batch:
            outcomes.append(outcome)
            if outcome.error is not None:
                display.say(f"{outcome.key}: {outcome.error}")
    return outcomes


def _summed_up(summary: Headline) -> str:
    words = f"{summary.done} clips made, {summary.failed} failed on purpose"
    return f"{words}, in {summary.seconds:.0f} s for {summary.credits:g} credits that nobody pays."


def _on_a_desktop() -> bool:
    """A browser in a window: `click.launch` would start a text browser in this very terminal."""
    shown = sys.platform in ("darwin", "win32") or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
    return shown and sys.stdout.isatty()
