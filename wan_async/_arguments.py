"""A client's arguments, checked where they are given and read from the environment where they are not."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from typing import Any, TypedDict, TypeVar, cast
from urllib.parse import urlsplit

import msgspec

from ._callbacks import Callbacks
from ._checks import URL_RULE, is_url
from ._policy.settings import Polling, RateLimit, Retry, Timeout
from ._transport import SessionPool, Transport
from ._words import shown
from .errors import ConfigurationError
from .events import Event

BASE_URL = "https://api.apikley.ru"

T = TypeVar("T")


class ClientOptions(TypedDict, total=False):
    """What `WanClient` takes and `with_options` changes."""

    api_key: str | None
    base_url: str | None
    upload_url: str | None
    limit: RateLimit
    query_limit: RateLimit
    polling: Polling
    retry: Retry
    timeout: Timeout
    callbacks: Callbacks | None
    pool: Transport | None
    on_event: Callable[[Event], None] | None


class Settings(msgspec.Struct, frozen=True):
    """A client's arguments, checked and complete."""

    api_key: str
    base_url: str
    upload_url: str | None
    limit: RateLimit
    query_limit: RateLimit
    polling: Polling
    retry: Retry
    timeout: Timeout
    callbacks: Callbacks | None
    pool: Transport
    on_event: Callable[[Event], None] | None

    def __repr__(self) -> str:
        return f"Settings(base_url={self.base_url!r}, api_key=…)"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return [("base_url", self.base_url)]


def checked(
    *,
    api_key: str | None,
    base_url: str | None,
    upload_url: str | None,
    limit: RateLimit,
    query_limit: RateLimit,
    polling: Polling,
    retry: Retry,
    timeout: Timeout,
    callbacks: Callbacks | None,
    pool: Transport | None,
    on_event: Callable[[Event], None] | None,
) -> Settings:
    """A client's arguments as its settings.

    Raises:
        ConfigurationError: names the first argument that cannot be used.
    """
    return Settings(
        api_key=key_from(api_key),
        base_url=base_url_from(base_url),
        upload_url=url_from("upload_url", upload_url, "APIKLEY_UPLOAD_URL"),
        limit=a(RateLimit, "limit", limit),
        query_limit=a(RateLimit, "query_limit", query_limit),
        polling=a(Polling, "polling", polling),
        retry=a(Retry, "retry", retry),
        timeout=a(Timeout, "timeout", timeout),
        callbacks=None if callbacks is None else a(Callbacks, "callbacks", callbacks),
        pool=SessionPool() if pool is None else _a_transport(pool),
        on_event=None if on_event is None else _callable("on_event", on_event),
    )


def a(kind: type[T], name: str, value: Any) -> T:
    """`value`, if it is a `kind`."""
    if not isinstance(value, kind):
        raise ConfigurationError(f"{name}: {shown(value)} is not allowed; allowed: a {kind.__name__}")
    return value


def _a_transport(pool: Transport) -> Transport:
    if isinstance(pool, type) or not isinstance(pool, Transport):
        raise ConfigurationError(f"pool: {shown(pool)} is not allowed; allowed: a SessionPool or another Transport")
    return pool


def _callable(name: str, value: T) -> T:
    if not callable(value):
        raise ConfigurationError(f"{name}: {shown(value)} is not allowed; allowed: a callable")
    return value


def key_from(given: str | None) -> str:
    """The API key: given, or `APIKLEY_API_KEY`. It goes into a header: printable ASCII without spaces."""
    key = given if given is not None else os.environ.get("APIKLEY_API_KEY", "")
    if not isinstance(key, str) or not key:
        raise ConfigurationError("api_key: missing; give WanClient(api_key=…) or set APIKLEY_API_KEY")
    if not all("!" <= character <= "~" for character in key):
        raise ConfigurationError("api_key: holds a character that no key has; allowed: printable ASCII without spaces")
    return key


def base_url_from(given: str | None) -> str:
    """The API's scheme and host: given, or `APIKLEY_BASE_URL`, or the provider's."""
    return url_from("base_url", given, "APIKLEY_BASE_URL") or BASE_URL


def url_from(name: str, given: str | None, variable: str) -> str | None:
    """A URL without its trailing slash: given, or from the environment, or None."""
    url = given if given is not None else os.environ.get(variable) or None
    if url is None:
        return None
    if not isinstance(url, str) or not is_url(url) or "?" in url or "#" in url or not _can_be_asked(url):
        raise ConfigurationError(f"{name}: {shown(url)} is not allowed; allowed: {URL_RULE}, without user and query")
    return url.rstrip("/")


def _can_be_asked(url: str) -> bool:
    """False for a host that no resolver takes, a port beyond 65535, and a user, who would replace the key."""
    parts = urlsplit(url)
    try:
        cast("str", parts.hostname).encode("idna")
        return parts.port != 0 and parts.username is None
    except ValueError:
        return False


def guarded(tell: Callable[[Event], None]) -> Callable[[Event], None]:
    """`tell`, whose errors go to the event loop's exception handler: a broken display must not cost a paid task."""

    def notify(event: Event) -> None:
        try:
            tell(event)
        except Exception as error:  # noqa: BLE001
            context = {"message": "on_event raised", "exception": error}
            asyncio.get_running_loop().call_exception_handler(context)

    return notify
