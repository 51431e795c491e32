"""`wan-async credits`: what is left on the account."""

from __future__ import annotations

import asyncio

import click

from .account import account_options, client
from .exits import Exit


@click.command()
@account_options
def command() -> int:
    """Print the account's credits; one is US$0.005."""
    click.echo(f"{asyncio.run(_credits()):g}")
    return Exit.OK


async def _credits() -> float:
    async with client() as wan:
        return await wan.credits()
