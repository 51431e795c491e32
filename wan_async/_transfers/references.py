"""Links and redirects as hosts write them, letter for letter where they are valid; pure. RFC 3986.

A signature covers a link's letters (S3, CloudFront), so `%7E` must not become `~`. Only what no URL may hold, such as
a space or an umlaut, is quoted.
"""

from __future__ import annotations

import re
from urllib.parse import quote

from yarl import URL

from .._inputs.checks import is_url

_NO_LETTER = re.compile(r"%(?![0-9A-Fa-f]{2})|[^A-Za-z0-9\-._~:/?@!$&'()*+,;=%]")
_ABSOLUTE = re.compile(r"([A-Za-z][A-Za-z0-9+\-.]*:)//([^/?#]*)(.*)", re.DOTALL)
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+\-.]*:")


def link_of(text: str) -> str | None:
    """A host's link as it is requested; None if it is no http(s) URL even when it is quoted."""
    link = _absolute(text.strip())
    return link if is_url(link) else None


def redirected(link: str, location: str) -> str:
    """The target of a redirect from `link`."""
    location = location.strip().partition("#")[0]
    if _SCHEME.match(location):
        return _absolute(location)
    absolute = _ABSOLUTE.fullmatch(link)
    if absolute is None:
        return location
    scheme, authority, rest = absolute.groups()
    if location.startswith("//"):
        return _absolute(scheme + location)
    return f"{scheme}//{authority}{_joined(rest.partition('#')[0], _quoted(location))}"


def _joined(base: str, reference: str) -> str:
    """The path and query of `reference`, relative to those of `base`."""
    path, _, _ = base.partition("?")
    if not reference:
        return base
    if reference.startswith("/"):
        return reference
    if reference.startswith("?"):
        return path + reference
    relative, mark, query = reference.partition("?")
    return _without_dots(f"{path.rpartition('/')[0]}/{relative}") + mark + query


def _without_dots(path: str) -> str:
    """The path without `.` and `..`; RFC 3986, 5.2.4."""
    kept: list[str] = []
    segments = path.split("/")[1:]
    for segment in segments:
        if segment == "..":
            kept = kept[:-1]
        elif segment != ".":
            kept.append(segment)
    ends_in_folder = segments[-1] in (".", "..")
    return "/" + "/".join([*kept, ""] if ends_in_folder else kept)


def _absolute(text: str) -> str:
    absolute = _ABSOLUTE.fullmatch(text)
    if absolute is None:
        return text
    scheme, authority, rest = absolute.groups()
    path, mark, fragment = rest.partition("#")
    return f"{scheme}//{_authority(authority)}{_quoted(path)}{mark}{_quoted(fragment)}"


def _authority(text: str) -> str:
    """Host and port; a host of other letters than ASCII as the names' system knows it."""
    if text.isascii():
        return text
    try:
        return URL(f"//{text}").raw_authority
    except ValueError:
        return text


def _quoted(text: str) -> str:
    return _NO_LETTER.sub(_quote, text)


def _quote(match: re.Match[str]) -> str:
    try:
        return quote(match[0].encode("utf-8", "surrogateescape"))  # a header's bytes that are no UTF-8, as they came
    except UnicodeEncodeError:
        return quote(match[0].encode("utf-8", "surrogatepass"))
