"""Web addresses: an http(s) URI of RFC 3986 with a host, strict enough for every server on its way."""

from __future__ import annotations

import re

URL_RULE = "an http or https URL with a host, other characters percent-encoded"

_URL = re.compile(
    r"https?://"
    r"(?:(?:[\w\-.~!$&'()*+,;=:]++|%[0-9A-F]{2})*+@)?"
    r"(?:\[(?P<ipv6>[0-9A-F:.]+)\]|(?:[\w\-.~!$&'()*+,;=]++|%[0-9A-F]{2})++)"
    r"(?::(?P<port>[0-9]{0,5}))?"
    r"(?:/(?:[\w\-.~!$&'()*+,;=:@/]++|%[0-9A-F]{2})*+)?"
    r"(?:\?(?:[\w\-.~!$&'()*+,;=:@/?]++|%[0-9A-F]{2})*+)?"
    r"(?:\#(?:[\w\-.~!$&'()*+,;=:@/?]++|%[0-9A-F]{2})*+)?",
    re.IGNORECASE | re.ASCII,
)
"""An http(s) URI of RFC 3986 with a host: ASCII only, everything else percent-encoded. Possessive, so linear."""


def is_url(value: object) -> bool:
    """True for an absolute http(s) URI with a host, and a port that exists if it names one."""
    match = _URL.fullmatch(value) if isinstance(value, str) else None
    if match is None or int(match["port"] or 0) > 65535:
        return False
    return match["ipv6"] is None or _is_ipv6(match["ipv6"])


def _is_ipv6(text: str) -> bool:
    import ipaddress  # here: 1.4 ms that importing wan_async does without

    try:
        ipaddress.IPv6Address(text)
    except ValueError:
        return False
    return True
