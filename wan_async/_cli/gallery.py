"""`wan-async gallery`: a journal's clips as a page, written once or served live."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import click

from .._gallery import ById, ByPath, read_gallery, serving, write_page
from .._gallery.server import LiveData
from .._policy.settings import RateLimit
from .exits import Exit
from .options import JournalPlace, Whole, rate_limit
from .running import served

_LIVE = 3.0
"""Seconds between two polls of a page that is served."""

_folder = click.Path(path_type=Path, file_okay=False)


@click.command()
@click.argument("journal", type=JournalPlace())
@click.option("-o", "--output", type=_folder, help="The folder to write the page into: index.html.  [default: gallery]")
@click.option("--serve", is_flag=True, help="Serve the page on this computer, live while the batch runs.")
@click.option("--port", type=Whole(0, 65535), default=8500, show_default=True, help="0 takes a free one.")
@click.option("--clips", type=_folder, multiple=True, help="With --serve: where clips were downloaded to.")
@click.option("--limit", type=rate_limit, metavar="N/SECONDS", help="For the chart. [default: the batch's]")
@click.option("--newest", type=Whole(1), default=20_000, show_default=True, help="Items on the page at most.")
def gallery_command(
    *,
    journal: Path | str,
    output: Path | None,
    serve: bool,
    port: int,
    clips: Sequence[Path],
    limit: RateLimit | None,
    newest: int,
) -> int:
    """Show what a batch made: every clip, its prompt, what it took and cost, what failed and why.

    Reads the batch's JOURNAL, its file or postgresql://user@host/db#name, also while the batch runs, and writes one
    page that needs no network but for clips that were not downloaded. With --serve the first line is the page's URL,
    and clips below the working directory, the journal's folder and --clips are served; it ends with Ctrl-C.
    """
    if serve and output is not None:
        raise click.UsageError("give --output for a page that stays, or --serve for one that is live")
    if serve:
        file = journal if isinstance(journal, Path) else None
        links = ById((Path(), *(() if file is None else (file.parent,)), *clips))
        read = partial(read_gallery, journal, links, limit=limit, newest=newest, live=_LIVE)
        asyncio.run(_serve(LiveData(file, read), links, port))
        return Exit.OK
    folder = output or Path("gallery")
    page = write_page(folder, read_gallery(journal, ByPath(folder), limit=limit, newest=newest))
    click.echo(f"Look at it: {page.absolute().as_uri()}")
    return Exit.OK


async def _serve(source: LiveData, links: ById, port: int) -> None:
    await source.latest()  # what cannot be read is an error at once
    await served(serving(source, links, port))
