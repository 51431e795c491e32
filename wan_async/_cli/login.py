"""`wan-async login`: the key, saved for the commands that follow."""

from __future__ import annotations

import asyncio
import sys

import click

from .._client import WanClient
from .config import write
from .exits import Exit
from .parameters import number


@click.command()
@click.option("--base-url", metavar="URL", help="The API, if it is another one than the provider's.")
@click.option("--no-check", is_flag=True, help="Save it without asking the service for the credits.")
def command(*, base_url: str | None, no_check: bool) -> int:
    """Ask for the key without showing it, and save it in a file that you alone can read.

    Read after --api-key, APIKLEY_API_KEY and .env. From a pipe the key is read as a line.
    """
    key = _asked_for() if sys.stdin.isatty() else sys.stdin.readline().strip()
    if not key:
        raise click.UsageError("no key was given; nothing was saved")
    if not no_check:
        click.echo(f"The key is good: {number(asyncio.run(_credits(key, base_url)))} credits.", err=True)
    click.echo(write(key, base_url))
    return Exit.OK


def _asked_for() -> str:
    return click.prompt("API key", hide_input=True, err=True).strip()


async def _credits(key: str, base_url: str | None) -> float:
    async with WanClient(key, base_url=base_url) as wan:
        return await wan.credits()
