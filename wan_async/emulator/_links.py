"""Links to files: which path they lead to, and whether they are still good."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Mapping
from urllib.parse import quote, unquote, urlsplit

RESULTS = "results"
"""The folder under which the results appear."""

FRESH_SECONDS = 20 * 60.0
"""The life of a link from download-url (doc)."""


class SignedLinks:
    """Makes and checks links that carry their own end, signed so that nobody else makes them."""

    def __init__(self) -> None:
        self._secret = secrets.token_bytes(16)

    def fresh(self, base_url: str, path: str, now: float) -> str:
        """A link to `path` that is good for 20 minutes."""
        expires = f"{now + FRESH_SECONDS:.0f}"
        return f"{base_url}/{quote(path)}?expires={expires}&signature={self._sign(path, expires)}"

    def is_fresh(self, path: str, query: Mapping[str, str], now: float) -> bool:
        """True if the query is that of a link from `fresh` whose time is not over."""
        expires = query.get("expires", "")
        genuine = hmac.compare_digest(self._sign(path, expires).encode(), query.get("signature", "").encode())
        return genuine and now <= float(expires)

    def _sign(self, path: str, expires: str) -> str:
        return hmac.new(self._secret, f"{path}?{expires}".encode(), hashlib.sha256).hexdigest()[:32]


def result_paths(task_id: str, suffix: str, count: int = 1) -> list[str]:
    """The paths of a task's results."""
    return [f"{RESULTS}/{task_id}{'' if number == 1 else f'-{number}'}{suffix}" for number in range(1, count + 1)]


def task_of(path: str) -> str:
    """The id of the task whose result is at `path`; `""` for any other path."""
    folder, _, name = path.partition("/")
    return re.split(r"[-.]", name)[0] if folder == RESULTS else ""


def own_path(base_url: str, link: object) -> str | None:
    """The path of a link to this server, None for a foreign one."""
    if not isinstance(link, str):
        return None
    try:
        parts, base = urlsplit(link), urlsplit(base_url)
    except ValueError:
        return None
    return unquote(parts.path).lstrip("/") if (parts.scheme, parts.netloc) == (base.scheme, base.netloc) else None
