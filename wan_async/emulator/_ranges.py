"""The bytes of a file that a request asks for: conditions and ranges of RFC 9110, sections 13 and 14."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from ._calls import Media

_ONE_RANGE = re.compile(r"bytes\s*=\s*(\d*)-(\d*)")


class Part(NamedTuple):
    """A part of a file: bytes `start` to `stop` (exclusive), under `status`, with `headers` besides the file's own."""

    status: int
    start: int
    stop: int
    headers: dict[str, str]


def select(request: Mapping[str, str], media: Media, size: int) -> Part:
    """Choose what a request with these headers (names in lower case) gets of a file of `size` bytes."""
    headers = {"ETag": media.etag}
    if media.etag in request.get("if-none-match", ""):
        return Part(304, 0, 0, headers)
    if not media.ranges:
        return Part(200, 0, size, headers)
    headers["Accept-Ranges"] = "bytes"
    wanted = request.get("range")
    if wanted is None or request.get("if-range", media.etag) != media.etag:
        return Part(200, 0, size, headers)
    return _ranged(wanted, size, headers)


def _ranged(wanted: str, size: int, headers: dict[str, str]) -> Part:
    match = _ONE_RANGE.fullmatch(wanted.strip())
    if match is None or match.groups() == ("", ""):  # several ranges, or unreadable: the header may be ignored
        return Part(200, 0, size, headers)
    first, last = match.groups()
    start = int(first) if first else max(0, size - int(last))
    stop = min(size, int(last) + 1) if first and last else size
    if start >= size or stop <= start:
        return Part(416, 0, 0, {**headers, "Content-Range": f"bytes */{size}"})
    return Part(206, start, stop, {**headers, "Content-Range": f"bytes {start}-{stop - 1}/{size}"})
