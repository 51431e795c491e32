"""`wan-async credits`: what is left on the account."""

from __future__ import annotations

import asyncio

import click
import msgspec

from .account import account_options
from .client import client
from .exits import Exit
from .parameters import number


@click.command()
@click.option("--json", "json_line", is_flag=True, help="As JSON: credits.")
@account_options
def command(*, json_line: bool) -> int:
    """Print the account's credits; one is US$0.005."""
    left = asyncio.run(_credits())
    click.echo(msgspec.json.encode({"credits": left}) if json_line else number(left))
    return Exit.OK


async def _credits() -> float:
    async with client() as wan:
        return await wan.credits()
