"""The token in a submission's callback URL: it names the submission that a callback belongs to."""

from __future__ import annotations

import re

TOKEN = "wan_token"  # noqa: S105
"""The query parameter of the callback URL that names its submission."""

_TOKENS = re.compile(rf"[?&]{TOKEN}=([\w-]{{1,64}})(?=&|$)", re.ASCII)
"""Bounded: a token is kept in memory, and anybody can send one."""

_PARAMETER = re.compile(rf"(?<=[?&]){TOKEN}=[\w%.~-]*+&?")
_BARE_MARK = re.compile(r"[?&]+(?=#|\s|$|[\"'<>])")


def with_token(url: str, token: str) -> str:
    """The callback URL of one submission."""
    return f"{url}{'&' if '?' in url else '?'}{TOKEN}={token}"


def token_of(url: str | None) -> str | None:
    """The submission's token in a callback URL or in its query with the `?`, None if there is none."""
    tokens: list[str] = _TOKENS.findall(url or "")
    return tokens[-1] if tokens else None


def without_token(text: str) -> str:
    """A callback URL, or words that quote one, as they may be shown."""
    return _BARE_MARK.sub("", _PARAMETER.sub("", text)) if TOKEN in text else text
