"""`wan-async limits`: how an account's windows are used by all that share them."""

from __future__ import annotations

import asyncio
from typing import Any

import click
import msgspec

from .._client import WanClient
from .._limits.shared import account_limits
from .._limits.storage import StorageAwayError, place
from .._policy.limiter import LimitState
from ..errors import ConfigurationError
from .account import account_options
from .client import base_url_of, client, key_of
from .exits import Exit
from .interrupts import interrupted
from .tables import table

_HEADS = ("window", "used", "learnt", "of", "waiting", "throttled", "brake")


@click.command()
@click.option(
    "--limit-storage",
    "storage",
    metavar="URL",
    envvar="WAN_ASYNC_LIMIT_STORAGE",
    show_envvar=True,
    help="Where the windows live: file:///…, redis://… or postgresql://….",
)
@click.option("--watch", is_flag=True, help="Print them every second, until Ctrl-C.")
@click.option(
    "--json", "json_lines", is_flag=True, help="As JSON: window, used, learnt, of, per, waiting, throttled, brake."
)
@account_options
def command(*, storage: str | None, watch: bool, json_lines: bool) -> int:
    """Print an account's windows of new tasks and of queries: calls in use, the learnt limit, who waits, any brake.

    Reads what the processes that share them have written there, and takes part in nothing.
    """
    if storage is None:
        raise ConfigurationError("--limit-storage: missing; without one each process has windows of its own")
    return asyncio.run(_print(storage, client(), watch=watch, json_lines=json_lines))


async def _print(storage: str, wan: WanClient, *, watch: bool, json_lines: bool) -> int:
    with interrupted() as stopped:
        while True:
            code = await _print_now(storage, wan, json_lines=json_lines)
            if not watch:
                return code
            try:
                await asyncio.wait_for(stopped.wait(), 1.0)
            except TimeoutError:
                continue
            return Exit.OK


async def _print_now(storage: str, wan: WanClient, *, json_lines: bool) -> int:
    try:
        found = await account_limits(storage, base_url_of(wan), key_of(wan))
    except StorageAwayError as error:
        click.echo(f"{place(storage)} is away: {error}", err=True)
        return Exit.REFUSED
    for window, state in found.items():
        _print_one(window, state, json_lines=json_lines)
    return Exit.OK


def _print_one(window: str, state: LimitState | None, *, json_lines: bool) -> None:
    row = _row(window, state)
    if json_lines:
        click.echo(msgspec.json.encode(row))
    elif state is None:
        click.echo(f"{window}: nobody has used this storage for this account")
    else:
        table(_HEADS, [[str(row[name]) for name in _HEADS]])


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
