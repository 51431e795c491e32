"""A client's arguments, checked where they are given and read from the environment where they are not."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from types import NoneType, UnionType
from typing import Any, TypedDict, cast, get_args, get_origin
from urllib.parse import urlsplit

import msgspec

from ._callbacks.callbacks import Callbacks
from ._inputs.checks import URL_RULE, is_url
from ._limits.storage import StoredLimits, stored_limits
from ._policy.settings import Polling, RateLimit, Retry, Timeout
from ._protocol.secrets import ApiKey
from ._transport.pool import SessionPool, Transport
from ._words import shown
from .errors import ConfigurationError
from .events import Event

BASE_URL = "https://api.apikley.ru"
LIMIT = RateLimit(20, per=10.0)
"""Tasks: "20 new tasks per 10 seconds per account" (the provider's pages)."""
QUERY_LIMIT = RateLimit(10, per=1.0)
"""Queries: 10 calls a second per key (an older page)."""

in_tests: Callable[[Settings], Settings] | None = None
"""Changes a new client's settings while `wan_async.testing` runs a test."""


class Options(TypedDict, total=False):
    """Arguments of `WanClient` besides the key; its docstring says what each means."""

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
    limit_storage: str | StoredLimits | None


class ClientOptions(Options, total=False):
    """Arguments of `with_options`."""

    api_key: str | None


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """A client's arguments, checked and complete."""

    api_key: ApiKey
    base_url: str
    upload_url: str | None
    limit: RateLimit = LIMIT
    query_limit: RateLimit = QUERY_LIMIT
    polling: Polling = Polling()
    retry: Retry = Retry()
    timeout: Timeout = Timeout()
    callbacks: Callbacks | None = None
    pool: Transport
    on_event: Callable[[Event], None] | None = None
    limit_storage: StoredLimits | None = None

    def __post_init__(self) -> None:
        for name, kinds in _kinds().items():
            value = getattr(self, name)
            if not isinstance(value, kinds) or isinstance(value, type):
                names = " or ".join(kind.__name__ for kind in kinds if kind is not NoneType)
                raise ConfigurationError(f"{name}: {shown(value)} is not allowed; allowed: a {names}")

    def __repr__(self) -> str:
        return f"Settings(base_url={self.base_url!r}, api_key=…)"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return [("base_url", self.base_url)]


@functools.cache
def _kinds() -> dict[str, tuple[type, ...]]:
    """The classes that each setting may be of, by its annotation."""
    hints = {field.name: field.type for field in msgspec.structs.fields(Settings)}
    return {
        name: tuple(get_origin(kind) or kind for kind in (get_args(hint) if isinstance(hint, UnionType) else (hint,)))
        for name, hint in hints.items()
    }


def settings_from(options: ClientOptions) -> Settings:
    """A client's arguments as its settings: what is left out is read from the environment, or is the default.

    Raises:
        ConfigurationError: names the first argument that cannot be used.
    """
    pool = options.get("pool")
    complete: dict[str, Any] = {
        **options,
        "api_key": key_from(options.get("api_key")),
        "base_url": base_url_from(options.get("base_url")),
        "upload_url": url_from("upload_url", options.get("upload_url"), "APIKLEY_UPLOAD_URL"),
        "pool": SessionPool() if pool is None else pool,
        "limit_storage": limit_storage_from(options.get("limit_storage")),
    }
    settings = Settings(**complete)
    return settings if in_tests is None else in_tests(settings)


def key_from(given: str | None) -> ApiKey:
    """The API key: given, or `APIKLEY_API_KEY`. It goes into a header: printable ASCII without spaces."""
    key = _key_of(given)
    if not key:
        raise ConfigurationError("api_key: missing; give WanClient(api_key=…) or set APIKLEY_API_KEY")
    if not all("!" <= character <= "~" for character in key):
        raise ConfigurationError("api_key: holds a character that no key has; allowed: printable ASCII without spaces")
    return key


def _key_of(given: str | None) -> ApiKey:
    if isinstance(given, ApiKey):  # another client's
        return given
    if given is None:
        return ApiKey(os.environ.get("APIKLEY_API_KEY", ""), "the environment's APIKLEY_API_KEY")
    return ApiKey(given if isinstance(given, str) else "", "the argument api_key")


def base_url_from(given: str | None) -> str:
    """The API's scheme and host: given, or `APIKLEY_BASE_URL`, or the provider's, without what paths begin with."""
    return (url_from("base_url", given, "APIKLEY_BASE_URL") or BASE_URL).removesuffix("/api/v1")


def limit_storage_from(given: str | StoredLimits | None) -> StoredLimits | None:
    """The storage of the account's windows: given, or `WAN_ASYNC_LIMIT_STORAGE`, or None: this process."""
    given = os.environ.get("WAN_ASYNC_LIMIT_STORAGE") or None if given is None else given
    return None if given is None else stored_limits(given)


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
