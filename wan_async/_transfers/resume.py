"""Decides what to do with a media host's answer, given the bytes that are there already; pure.

RFC 9110, sections 13.1.5, 14 and 15.

1. What is there is only added to if nothing speaks against it: where both sides give an ETag, a Last-Modified or a
   total length, they are equal. Else the file is of another version, and everything begins anew.
2. A host that serves no ranges sends everything again; the part that is there is passed over.
3. A length is a promise: a body that ends before it is not whole, and a body that goes on after it is of another file.
4. 401, 403, 404 and 410 are about the link, and so is a page where a clip should be: a fresh link may do. 416 means
   that nothing is missing, if the length agrees. What is left over (429, 5xx, …) may pass.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TypeAlias

import msgspec

_CONTENT_RANGE = re.compile(r"bytes\s+(?:(\d+)-(\d+)|\*)/(\d+|\*)", re.IGNORECASE)
_REFUSALS = frozenset({401, 403, 404, 410})
_PAGES = ("text/html", "application/xhtml", "application/json", "application/xml", "text/xml")


class Version(msgspec.Struct, frozen=True):
    """A version of a file, as far as a host describes it; `total` in bytes."""

    etag: str | None = None
    modified: str | None = None
    total: int | None = None


class Have(msgspec.Struct, frozen=True):
    """The bytes that are there: the first `size` of a version."""

    size: int = 0
    version: Version = Version()

    @property
    def missing(self) -> int | None:
        """The number of missing bytes, below 0 for too many; None where the length is not known."""
        return None if self.version.total is None else self.version.total - self.size


class Body(msgspec.Struct, frozen=True):
    """The bytes follow, after the first `skip` of them, which are there already."""

    skip: int
    version: Version


class Complete(msgspec.Struct, frozen=True):
    """Nothing is missing."""


class Changed(msgspec.Struct, frozen=True):
    """The bytes that are there belong to another version: begin anew."""


class LinkRefused(msgspec.Struct, frozen=True):
    """The link is not good, or not any more."""

    why: str


class TryLater(msgspec.Struct, frozen=True):
    """Nothing that can be used; another try may do."""

    why: str


Verdict: TypeAlias = Body | Complete | Changed | LinkRefused | TryLater


def headers_for(have: Have) -> dict[str, str]:
    """The headers that ask for what is missing."""
    headers = {"Accept": "*/*", "Accept-Encoding": "identity"}
    if have.size:
        headers["Range"] = f"bytes={have.size}-"
        etag = have.version.etag
        if etag is not None and not etag.startswith("W/"):  # a weak one is not allowed there
            headers["If-Range"] = etag
    return headers


def decide(status: int, headers: Mapping[str, str], have: Have) -> Verdict:
    """Decide what to do with an answer; `headers` are read by the names as written here, in any case."""
    if status == 206:
        return _part(headers, have)
    if status == 416:
        return _nothing_more(headers, have)
    if status in _REFUSALS:
        return LinkRefused(f"HTTP {status}")
    if status != 200:
        return TryLater(f"HTTP {status}")
    return _everything(headers, have)


def _everything(headers: Mapping[str, str], have: Have) -> Verdict:
    kind = headers.get("Content-Type", "")
    if kind.lower().startswith(_PAGES):
        return LinkRefused(f"{kind} instead of a clip")
    version = _version(headers, _length(headers))
    if version.total == 0:
        return TryLater("an empty answer")
    if not have.size:
        return Body(0, version)
    return Body(have.size, _both(have.version, version)) if _proven_same(have.version, version) else Changed()


def _part(headers: Mapping[str, str], have: Have) -> Verdict:
    match = _CONTENT_RANGE.fullmatch(headers.get("Content-Range", "").strip())
    if match is None or match[1] is None:
        return Changed() if have.size else TryLater("a part without a readable Content-Range")
    start, stop, length = int(match[1]), int(match[2]) + 1, _length(headers)
    version = _version(headers, None if match[3] == "*" else int(match[3]))
    consistent = start < stop <= (version.total or stop) and length in (None, stop - start)
    if not consistent or start != have.size or not _may_be_same(have.version, version):
        return Changed() if have.size else TryLater("a part that was not asked for")
    return Body(0, _both(have.version, version))


def _nothing_more(headers: Mapping[str, str], have: Have) -> Verdict:
    match = _CONTENT_RANGE.fullmatch(headers.get("Content-Range", "").strip())
    total = int(match[3]) if match is not None and match[3].isdecimal() else None
    if not have.size:
        return TryLater("HTTP 416")
    same = total == have.size and _may_be_same(have.version, _version(headers, total))
    return Complete() if same else Changed()


def _version(headers: Mapping[str, str], total: int | None) -> Version:
    return Version(headers.get("ETag") or None, headers.get("Last-Modified") or None, total)


def _length(headers: Mapping[str, str]) -> int | None:
    """The body's length in bytes; None where it is not given, or given of a compressed body."""
    length = headers.get("Content-Length", "")
    encoded = headers.get("Content-Encoding", "identity").lower() != "identity"
    return int(length) if length.isdecimal() and not encoded else None


def _pairs(one: Version, other: Version) -> list[tuple[str | int, str | int]]:
    both = ((one.etag, other.etag), (one.modified, other.modified), (one.total, other.total))
    return [(here, there) for here, there in both if here is not None and there is not None]


def _may_be_same(one: Version, other: Version) -> bool:
    return all(here == there for here, there in _pairs(one, other))


def _proven_same(one: Version, other: Version) -> bool:
    """True if something besides good will shows that the versions are the same."""
    return bool(_pairs(one, other)) and _may_be_same(one, other)


def _both(one: Version, other: Version) -> Version:
    return Version(one.etag or other.etag, one.modified or other.modified, one.total or other.total)
