"""Callbacks to a command's own process: options, and the receiver that they start."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import ParamSpec, TypeVar
from urllib.parse import urlsplit

import click
import msgspec

from .._callbacks.callbacks import Callbacks
from .._client import ClientOptions
from ..integrations.receiver import receiving
from .parameters import Whole

P = ParamSpec("P")
T = TypeVar("T")

_MINE = __name__
"""The name in click's context under which the options of callbacks are kept."""


class Reception(msgspec.Struct, frozen=True):
    """The receiver of callbacks, if there is one."""

    callbacks: Callbacks | None = None
    port: int = 0

    def options(self) -> ClientOptions:
        """The argument `callbacks` of the client."""
        return {} if self.callbacks is None else {"callbacks": self.callbacks}

    def receiving(self) -> AbstractAsyncContextManager[str | None]:
        """Receive, at the path that the provider is given: a tunnel passes it on."""
        if self.callbacks is None:
            return nullcontext()
        return receiving(self.callbacks, self.port, path=urlsplit(self.callbacks.url).path or "/")


def callback_options(command: Callable[P, T]) -> Callable[P, T]:
    """Add `--callback-url`, `--listen` and `--webhook-key`; `reception` reads them."""
    url = click.option(
        "--callback-url",
        metavar="URL",
        expose_value=False,
        callback=_keep,
        help="Be called back there, such as a tunnel's end; with --listen.",
    )
    port = click.option(
        "--listen",
        type=Whole(1, 65535),
        metavar="PORT",
        expose_value=False,
        callback=_keep,
        help="Receive callbacks at this port of 127.0.0.1.",
    )
    keys = click.option(
        "--webhook-key",
        multiple=True,
        metavar="KEY",
        envvar="APIKLEY_WEBHOOK_KEY",
        show_envvar=True,
        expose_value=False,
        callback=_keep,
        help="What callbacks are signed with; several while they are rotated.",
    )
    return url(port(keys(command)))


def reception() -> Reception:
    """The options of the command that is running."""
    kept = click.get_current_context().meta
    url, port, keys = (kept.get(f"{_MINE}.{name}") for name in ("callback_url", "listen", "webhook_key"))
    if (url is None) != (port is None):
        raise click.UsageError("--callback-url and --listen go together.")
    return Reception() if url is None else Reception(Callbacks(url, keys or None), port or 0)


def _keep(context: click.Context, option: click.Parameter, value: object) -> None:
    context.meta[f"{_MINE}.{option.name}"] = value
