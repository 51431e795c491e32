"""A client's arguments, checked where they are given and read from the environment where they are not."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from typing import Any, TypeVar

import msgspec

from ._checks import URL_RULE, is_url
from ._policy.settings import Polling, RateLimit, Retry, Timeout
from ._transport import Transport
from .errors import ConfigurationError
from .events import Event

BASE_URL = "https://api.apikley.ru"

T = TypeVar("T")


class Settings(msgspec.Struct, frozen=True):
    """A client's arguments, checked and complete."""

    api_key: str
    base_url: str
    limit: RateLimit
    query_limit: RateLimit
    polling: Polling
    retry: Retry
    timeout: Timeout
    pool: Transport
    on_event: Callable[[Event], None] | None


def a(kind: type[T], name: str, value: Any) -> T:
    """`value`, if it is a `kind`."""
    if not isinstance(value, kind):
        raise ConfigurationError(f"{name}: {value!r} is not allowed; allowed: a {kind.__name__}")
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
    if not isinstance(url, str) or not is_url(url) or "?" in url or "#" in url:
        raise ConfigurationError(f"{name}: {url!r} is not allowed; allowed: {URL_RULE}, without a query")
    return url.rstrip("/")


def guarded(tell: Callable[[Event], None]) -> Callable[[Event], None]:
    """`tell`, whose errors go to the event loop's exception handler: a broken display must not cost a paid task."""

    def notify(event: Event) -> None:
        try:
            tell(event)
        except Exception as error:  # noqa: BLE001
            context = {"message": "on_event raised", "exception": error}
            asyncio.get_running_loop().call_exception_handler(context)

    return notify
