"""`wan-async login`, `credits` and `limits`: the key, and how the account stands."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import click
import msgspec

from .._client import WanClient
from .._limits.shared import account_limits
from .._limits.storage import StorageAwayError, place
from .._policy.limiter import LimitState
from ..errors import ConfigurationError
from .client import client, settings_of
from .config import write
from .exits import Exit
from .options import account_options, json_option, limit_storage_option, number
from .output import table
from .running import interrupted, looped

_HEADS = ("window", "used", "learnt", "of", "waiting", "throttled", "brake")


@click.command()
@click.option("--base-url", metavar="URL", help="The API, if it is another one than the provider's.")
@click.option("--no-check", is_flag=True, help="Save it without asking the service for the credits.")
def login_command(*, base_url: str | None, no_check: bool) -> int:
    """Ask for the key without showing it, and save it in a file that you alone can read.

    Read after --api-key, APIKLEY_API_KEY and .env. From a pipe the key is read as a line.
    """
    asked = click.prompt("API key", hide_input=True, err=True) if sys.stdin.isatty() else sys.stdin.readline()
    key = asked.strip()
    if not key:
        raise click.UsageError("no key was given; nothing was saved")
    if not no_check:
        left = asyncio.run(_credits(WanClient(key, base_url=base_url)))
        click.echo(f"The key is good: {number(left)} credits.", err=True)
    click.echo(write(key, base_url))
    return Exit.OK


@click.command()
@json_option("credits", form="As JSON")
@account_options
@looped
async def credits_command(*, as_json: bool) -> int:
    """Print the account's credits; one is US$0.005."""
    left = await _credits(client())
    click.echo(msgspec.json.encode({"credits": left}) if as_json else number(left))
    return Exit.OK


async def _credits(wan: WanClient) -> float:
    async with wan:
        return await wan.credits()


@click.command()
@limit_storage_option("Where the windows live")
@click.option("--watch", is_flag=True, help="Print them every second, until Ctrl-C.")
@json_option("window", "used", "learnt", "of", "per", "waiting", "throttled", "brake", form="As JSON")
@account_options
@looped
async def limits_command(*, limit_storage: str | None, watch: bool, as_json: bool) -> int:
    """Print an account's windows of new tasks and of queries: calls in use, the learnt limit, waiters, any brake.

    It reads what the processes that share them have written, and takes no slot.
    """
    if limit_storage is None:
        raise ConfigurationError("--limit-storage: missing; without one each process has windows of its own")
    wan = client()
    with interrupted() as stopped:
        while True:
            code = await _print_now(limit_storage, wan, as_json=as_json)
            if not watch:
                return code
            try:
                await asyncio.wait_for(stopped.wait(), 1.0)
            except TimeoutError:
                continue
            return Exit.OK


async def _print_now(storage: str, wan: WanClient, *, as_json: bool) -> int:
    try:
        found = await account_limits(storage, settings_of(wan).base_url, settings_of(wan).api_key)
    except StorageAwayError as error:
        click.echo(f"{place(storage)} is away: {error}", err=True)
        return Exit.REFUSED
    for window, state in found.items():
        row = _row(window, state)
        if as_json:
            click.echo(msgspec.json.encode(row))
        elif state is None:
            click.echo(f"{window}: nobody has used this storage for this account")
        else:
            table(_HEADS, [[str(row[name]) for name in _HEADS]])
    return Exit.OK


def _row(window: str, state: LimitState | None) -> dict[str, Any]:
    if state is None:
        return {"window": window, "used": None}
    return {
        "window": window,
        "used": state.used,
        "learnt": state.learnt,
        "of": state.limit.n,
        "per": state.limit.per,
        "waiting": state.waiting,
        "throttled": state.throttled,
        "brake": round(state.brake, 3),
    }
