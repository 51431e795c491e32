"""Whose account a command works on: options that stand before the command or after it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar, Unpack, cast

import click

from .._client import ClientOptions, WanClient
from .._policy.settings import Retry
from .parameters import seconds

P = ParamSpec("P")
T = TypeVar("T")


def account_options(command: Callable[P, T]) -> Callable[P, T]:
    """Add `--api-key`, `--base-url` and `--retry`; `client` reads them."""
    retry = click.option(
        "--retry",
        type=_retry,
        metavar="SECONDS",
        expose_value=False,
        callback=_keep,
        help="How long connections that are not made, maintenance and reads are repeated. [default: 120]",
    )
    base_url = click.option(
        "--base-url", metavar="URL", expose_value=False, callback=_keep, help="The API. [env: APIKLEY_BASE_URL]"
    )
    api_key = click.option(
        "--api-key", metavar="KEY", expose_value=False, callback=_keep, help="The key. [env: APIKLEY_API_KEY]"
    )
    return api_key(base_url(retry(command)))


def client(**options: Unpack[ClientOptions]) -> WanClient:
    """A client for the command that is running; what is not given is read from the environment."""
    given = cast("ClientOptions", click.get_current_context().ensure_object(dict))
    everything: ClientOptions = {**given, **options}
    return WanClient(**everything)


def _retry(text: str) -> Retry:
    return Retry(max_elapsed=seconds(text))


def _keep(context: click.Context, option: click.Parameter, value: str | Retry | None) -> None:
    kept = cast("dict[str, Any]", context.ensure_object(dict))
    if value is not None and option.name:
        kept[option.name] = value
