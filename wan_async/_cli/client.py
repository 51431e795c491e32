"""The client of a command: what was given, then the environment, then files."""

from __future__ import annotations

import os
import ssl
from collections.abc import Callable
from typing import Any, Unpack, cast

import click

from .._client import ClientOptions, WanClient
from .._policy.settings import Retry
from .._transport.pool import SessionPool
from ..errors import ConfigurationError
from ..events import Event
from .account import ROUTE
from .config import saved
from .notices import Notices

_NOTICES = __name__


def client(*listeners: Callable[[Event], None], **options: Unpack[ClientOptions]) -> WanClient:
    """A client for the command that is running; what is not given comes from the environment, then from files.

    Notices on stderr name what has to be repeated; `listeners` hear everything.
    """
    given = _given()
    notices = click.get_current_context().meta[_NOTICES] = Notices(given.get("retry", Retry()))
    all_listeners = (notices, *listeners)

    def on_event(event: Event) -> None:
        for listener in all_listeners:
            listener(event)

    everything: ClientOptions = {"on_event": on_event, "pool": _pool(), **_from_files(given), **given, **options}
    return WanClient(**everything)


def notices_to(say: Callable[[str], None]) -> None:
    """Print notices of what has to be repeated by `say`, such as a display's."""
    notices: Notices | None = click.get_current_context().meta.get(_NOTICES)
    if notices is not None:
        notices.say = say


def key_of(wan: WanClient) -> str:
    """The key of its account."""
    return wan._settings.api_key  # pyright: ignore[reportPrivateUsage]


def base_url_of(wan: WanClient) -> str:
    """The URL that its calls go to."""
    return wan._settings.base_url  # pyright: ignore[reportPrivateUsage]


def upload_url_of(wan: WanClient) -> str | None:
    """The URL that its uploads go to, if that is known."""
    return wan._settings.upload_url  # pyright: ignore[reportPrivateUsage]


def _from_files(given: ClientOptions) -> ClientOptions:
    """A file's key and hosts, unless a key was given: they belong together."""
    if given.get("api_key") is not None:
        return {}
    found = saved()
    if found.api_key is None and not os.environ.get("APIKLEY_API_KEY"):
        ways = "give --api-key, set APIKLEY_API_KEY, or save it with `wan-async login`"
        raise ConfigurationError(f"api_key: missing; {ways}")
    kept = {"api_key": found.api_key, "base_url": found.base_url, "upload_url": found.upload_url}
    return cast("ClientOptions", {name: value for name, value in kept.items() if value is not None})


def _pool() -> SessionPool:
    """As curl and pip do, through the proxies that the environment names, unless an option says otherwise."""
    route = click.get_current_context().meta
    ca_file: str | None = route.get(f"{ROUTE}.ca_file")
    context = None if ca_file is None else ssl.create_default_context(cafile=ca_file)
    return SessionPool(trust_env=not route.get(f"{ROUTE}.no_proxy"), ssl=context)


def _given() -> ClientOptions:
    kept = dict(cast("dict[str, Any]", click.get_current_context().ensure_object(dict)))
    if "retry" in kept:
        kept["retry"] = Retry(max_elapsed=kept["retry"])
    return cast("ClientOptions", kept)
