"""`wan-async upload`: files, for inputs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click
import msgspec

from .account import account_options
from .client import client
from .exits import Exit
from .loops import in_loop, loop_option


@click.command()
@click.argument("files", metavar="FILE...", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False))
@click.option("--upload-url", metavar="URL", help="The upload host. [env: APIKLEY_UPLOAD_URL]")
@click.option(
    "--json", "json_lines", is_flag=True, help="A line of JSON each: file, url, name, size, mime_type, expires_at."
)
@account_options
@loop_option
def command(*, files: Sequence[str], upload_url: str | None, json_lines: bool) -> int:
    """Upload files and print their links, in the order in which they were given.

    The links live for some days at the provider, long enough for the inputs that name them.
    """
    return in_loop(_upload(files, upload_url, json_lines=json_lines))


async def _upload(files: Sequence[str], upload_url: str | None, *, json_lines: bool) -> Exit:
    async with client(**({} if upload_url is None else {"upload_url": upload_url})) as wan:
        for file in files:
            uploaded = await wan.upload(Path(file))
            report = {"file": file, **msgspec.structs.asdict(uploaded)}
            click.echo(msgspec.json.encode(report) if json_lines else uploaded.url)
    return Exit.OK
