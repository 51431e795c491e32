"""Options for the account and the way to the service: before the command or after it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar, cast

import click

from .parameters import seconds

P = ParamSpec("P")
T = TypeVar("T")

ROUTE = __name__
"""The name in click's context under which the options of the network are kept."""


def account_options(command: Callable[P, T]) -> Callable[P, T]:
    """Add `--api-key`, `--base-url`, `--retry` and what says how the network is reached; `client.client` reads them."""
    retry = click.option(
        "--retry",
        type=seconds,
        metavar="SECONDS",
        expose_value=False,
        callback=_keep,
        help="How long connections that are not made, maintenance and reads are repeated. [default: 120]",
    )
    base_url = click.option(
        "--base-url", metavar="URL", expose_value=False, callback=_keep, help="The API. [env: APIKLEY_BASE_URL]"
    )
    api_key = click.option(
        "--api-key",
        metavar="KEY",
        expose_value=False,
        callback=_keep,
        help="The key. [env: APIKLEY_API_KEY, else .env, else `wan-async login`]",
    )
    no_proxy = click.option(
        "--no-proxy",
        is_flag=True,
        expose_value=False,
        callback=_keep_route,
        help="Do not go through HTTPS_PROXY and its like.",
    )
    ca_file = click.option(
        "--ca-file",
        type=click.Path(exists=True, dir_okay=False),
        expose_value=False,
        callback=_keep_route,
        help="Whom to trust, such as a company's authority (PEM).",
    )
    return api_key(base_url(retry(no_proxy(ca_file(command)))))


def _keep_route(context: click.Context, option: click.Parameter, value: object) -> None:
    if value:
        context.meta[f"{ROUTE}.{option.name}"] = value


def _keep(context: click.Context, option: click.Parameter, value: str | float | None) -> None:
    kept = cast("dict[str, Any]", context.ensure_object(dict))
    if value is not None and option.name:
        kept[option.name] = value
