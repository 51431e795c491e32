"""The name under which an account's windows are known."""

from __future__ import annotations

from typing import Literal
from urllib.parse import urlsplit

Purpose = Literal["submissions", "queries"]
"""createTask has a window of its own; all other calls share another."""


def account(base_url: str, key: str) -> str:
    """A name for the key's account there, which reveals no key; `https://Host:443/` and `https://host` are one."""
    from hashlib import blake2b  # 2 ms that importing wan_async does without

    parts = urlsplit(base_url)
    host = (parts.hostname or "").encode("idna").decode()
    port = parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    place = f"{parts.scheme}://{host}:{port}{parts.path.rstrip('/')}"
    return blake2b(f"{place}\n{key}".encode(), digest_size=16, person=b"wan-async limits").hexdigest()
