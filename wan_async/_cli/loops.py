"""The event loop of a command that may run for long: asyncio's, or uvloop's where it is asked for."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, ParamSpec, TypeVar

import click

P = ParamSpec("P")
T = TypeVar("T")

_FACTORY = f"{__name__}.factory"
"""The name in click's context under which the loop is kept."""


def loop_option(command: Callable[P, T]) -> Callable[P, T]:
    """Add `--uvloop`; `in_loop` obeys it."""
    return click.option(
        "--uvloop/--no-uvloop",
        default=False,
        envvar="WAN_ASYNC_UVLOOP",
        show_envvar=True,
        expose_value=False,
        callback=_keep,
        help="Run on uvloop's event loop: less CPU per call.",
    )(command)


def in_loop(main: Coroutine[Any, Any, T]) -> T:
    """Run `main` to its end in an event loop of the kind that the running command was asked for."""
    with asyncio.Runner(loop_factory=click.get_current_context().meta.get(_FACTORY)) as runner:
        return runner.run(main)


def _keep(context: click.Context, _: click.Parameter, asked: bool) -> None:
    """Find uvloop now, where nothing was read or sent yet."""
    if not asked:
        return
    try:
        import uvloop
    except ModuleNotFoundError:
        why = "uvloop is not installed, and does not exist for Windows: pip install 'wan-async[uvloop]'"
        why += ", or leave out --uvloop and WAN_ASYNC_UVLOOP"
        raise click.BadParameter(why) from None
    context.meta[_FACTORY] = uvloop.new_event_loop
