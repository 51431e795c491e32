"""Calls that the provider itself makes: callbacks, and files for file-url-upload; by default to loopback only."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping

import aiohttp
from yarl import URL

from ._calls import Upload
from ._files import FileStore

_CALLBACK_SECONDS = 15.0
"""Seconds that a callback's receiver has (doc for sibling APIs)."""

_FETCH_SECONDS = 30.0
"""Seconds that a file may take to be fetched (doc)."""


class Outgoing:
    """Requests to others.

    Args:
        session: carries them.
        outside: whether addresses other than this computer's own are reached.
    """

    def __init__(self, session: aiohttp.ClientSession, *, outside: bool) -> None:
        self._session = session
        self._outside = outside

    async def post(self, url: str, headers: Mapping[str, str], body: bytes) -> int:
        """Send a callback; gives the receiver's HTTP status, 0 if there was no answer."""
        if not self._reaches(url):
            return 0
        timeout = aiohttp.ClientTimeout(total=_CALLBACK_SECONDS)
        try:
            request = self._session.post(url, data=body, headers=headers, timeout=timeout, allow_redirects=False)
            async with request as response:
                await response.content.readany()
                return response.status
        except (aiohttp.ClientError, TimeoutError, ValueError):
            return 0

    async def fetch(self, url: str, files: FileStore) -> Upload | None:
        """Fetch a file for `files`; None if it cannot be had."""
        if not self._reaches(url):
            return None
        timeout = aiohttp.ClientTimeout(total=_FETCH_SECONDS)
        try:
            async with self._session.get(url, timeout=timeout, allow_redirects=False) as response:
                if response.status != 200:
                    return None
                path, size = await files.to_disk(response.content.iter_chunked(1 << 18))
                return Upload(path, size, {}, response.content_type, URL(url).name)
        except (aiohttp.ClientError, TimeoutError, ValueError):
            return None

    def _reaches(self, url: str) -> bool:
        try:
            parts = URL(url)
        except ValueError:
            return False
        return parts.scheme in ("http", "https") and (self._outside or is_loopback(parts.host or ""))


def is_loopback(host: str) -> bool:
    """True for this computer's own addresses, by their number or as `localhost`; no other name is resolved."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
