"""The client of a command: what was given, then the environment, then files; and notices for a user who waits."""

from __future__ import annotations

import errno
import os
import ssl
import time
from collections.abc import Callable
from typing import Any, Unpack, cast

import click

from .._arguments import ClientOptions, Settings
from .._client import WanClient
from .._policy.settings import Retry
from .._transport.pool import SessionPool
from ..errors import ConfigurationError
from ..events import Event, Repeated
from .config import saved
from .exits import say
from .options import given, quiet

_EVERY = 30.0
"""Seconds until the same is printed again."""
_FILES = os.strerror(errno.EMFILE)


def client(hear: Callable[[Event], None] | None = None, **options: Unpack[ClientOptions]) -> WanClient:
    """A client for the command that is running; what is not given comes from the environment, then from files.

    Notices on stderr name what has to be repeated; `hear` hears everything.
    """
    settings = _given()
    notices = click.get_current_context().meta[__name__] = Notices(settings.get("retry", Retry()))

    def on_event(event: Event) -> None:
        notices(event)
        if hear is not None:
            hear(event)

    everything: ClientOptions = {"on_event": on_event, "pool": _pool(), **_from_files(settings), **settings, **options}
    return WanClient(**everything)


def options_of(**values: Any) -> ClientOptions:
    """Arguments of a client: only those that are given, for a limit that is given holds for all clients on the key."""
    return cast("ClientOptions", {name: value for name, value in values.items() if value is not None})


def settings_of(wan: WanClient) -> Settings:
    """Settings that a client was made of: its key, and the URLs that its calls and uploads go to."""
    return wan._settings  # pyright: ignore[reportPrivateUsage]


def _given() -> ClientOptions:
    retry: float | None = given("retry")
    return options_of(
        api_key=given("api_key"),
        base_url=given("base_url"),
        retry=None if retry is None else Retry(max_elapsed=retry),
    )


def _from_files(settings: ClientOptions) -> ClientOptions:
    """A file's key and hosts, unless a key was given: they belong together."""
    if settings.get("api_key") is not None:
        return {}
    found = saved()
    if found.api_key is None and not os.environ.get("APIKLEY_API_KEY"):
        ways = "give --api-key, set APIKLEY_API_KEY, or save it with `wan-async login`"
        raise ConfigurationError(f"api_key: missing; {ways}")
    return options_of(api_key=found.api_key, base_url=found.base_url, upload_url=found.upload_url)


def _pool() -> SessionPool:
    """As curl and pip do, through the proxies that the environment names, unless an option says otherwise."""
    ca_file: str | None = given("ca_file")
    context = None if ca_file is None else ssl.create_default_context(cafile=ca_file)
    return SessionPool(trust_env=not given("no_proxy"), ssl=context)


class Notices:
    """Hears a client's events, and prints what is repeated: at once, then now and then.

    Args:
        retry: how long it is repeated.

    Attributes:
        say: prints a line; a display puts its own here.
    """

    def __init__(self, retry: Retry) -> None:
        self._for = retry.max_elapsed
        self._next: dict[str, float] = {}
        self._quiet = quiet()
        self.say: Callable[[str], None] = say

    def __call__(self, event: Event) -> None:
        if not isinstance(event, Repeated) or self._quiet:
            return
        words, now = str(event.error), time.monotonic()
        if now >= self._next.get(words, 0.0):
            self._next[words] = now + _EVERY
            hint = "; raise the limit of open files (ulimit -n)" if _FILES in words else ""
            self.say(f"{words}; tried again for {self._for:g} s (--retry){hint}")


def notices_to(say: Callable[[str], None]) -> None:
    """Print notices of what has to be repeated by `say`, such as a display's."""
    notices: Notices | None = click.get_current_context().meta.get(__name__)
    if notices is not None:
        notices.say = say
