"""The proxy that leads to a URL: the one that was given, or the environment's.

The environment is read here and not by aiohttp, which with `trust_env` also sends the credentials of a `.netrc` file:
to media hosts too, and instead of the key.
"""

from __future__ import annotations

from functools import lru_cache
from urllib.request import getproxies, proxy_bypass

from yarl import URL

from .._inputs.checks import is_url
from ..errors import ConfigurationError


class Proxy:
    """A proxy, which is shown without its password.

    Attributes:
        url: with its password.
    """

    __slots__ = ("url",)

    def __init__(self, url: str) -> None:
        self.url: URL = URL(url)

    def __repr__(self) -> str:
        return f"Proxy({str(self)!r})"

    def __str__(self) -> str:
        return str(self.url.origin())


class Proxies:
    """The proxies of one pool.

    Args:
        given: an http(s) URL, which may hold a user and a password; it leads to all hosts.
        trust_env: without `given`: `HTTP_PROXY`, `HTTPS_PROXY` and `NO_PROXY`, or what the system has for them.

    Raises:
        ConfigurationError: `given` is no http(s) URL.
    """

    def __init__(self, given: str | None, *, trust_env: bool) -> None:
        self._given = None if given is None else _proxy("SessionPool.proxy", given)
        self._trust_env = trust_env
        self._of_origin = lru_cache(maxsize=1000)(_from_environment)

    @property
    def may_be(self) -> bool:
        """True if a way may lead through a proxy."""
        return self._given is not None or self._trust_env

    def to(self, url: str) -> Proxy | None:
        """The proxy that leads to a URL; None: the way is direct.

        Raises:
            ConfigurationError: the environment's is no http(s) URL.
        """
        if self._given is not None or not self._trust_env:
            return self._given
        target = URL(url, encoded=True)
        return self._of_origin(target.scheme, target.host or "")


def _from_environment(scheme: str, host: str) -> Proxy | None:
    named = getproxies().get(scheme)
    if not named or proxy_bypass(host):
        return None
    return _proxy(f"{scheme.upper()}_PROXY", named if "://" in named else f"http://{named}")


def _proxy(name: str, url: str) -> Proxy:
    if not is_url(url):
        what = "not allowed" if isinstance(url, str) else f"{url!r} is not allowed"
        raise ConfigurationError(f"{name}: {what}; allowed: an http(s) URL such as http://proxy.example.com:3128")
    return Proxy(url)
