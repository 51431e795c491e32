"""Ranges and conditions, as RFC 9110 has them: what a request gets of a file."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wan_async.emulator._calls import Media
from wan_async.emulator._ranges import select

FILE = Media(b"", '"v1"')


@pytest.mark.parametrize(
    ("headers", "status", "start", "stop"),
    [
        ({}, 200, 0, 100),
        ({"range": "bytes=0-9"}, 206, 0, 10),
        ({"range": "bytes=90-"}, 206, 90, 100),
        ({"range": "bytes=90-500"}, 206, 90, 100),
        ({"range": "bytes=-10"}, 206, 90, 100),
        ({"range": "bytes=-500"}, 206, 0, 100),
        ({"range": "bytes=100-"}, 416, 0, 0),
        ({"range": "bytes=9-5"}, 416, 0, 0),
        ({"range": "bytes=-0"}, 416, 0, 0),
        ({"range": "bytes=-"}, 200, 0, 100),
        ({"range": "bytes=0-1,5-6"}, 200, 0, 100),
        ({"range": "lines=0-1"}, 200, 0, 100),
        ({"range": "bytes=5-", "if-range": '"v1"'}, 206, 5, 100),
        ({"range": "bytes=5-", "if-range": '"v0"'}, 200, 0, 100),
        ({"if-none-match": '"v1"'}, 304, 0, 0),
    ],
)
def test_what_is_asked_for(headers: dict[str, str], status: int, start: int, stop: int) -> None:
    part = select(headers, FILE, 100)
    assert (part.status, part.start, part.stop) == (status, start, stop)
    assert part.headers["ETag"] == '"v1"'


def test_a_file_without_ranges_comes_whole() -> None:
    part = select({"range": "bytes=5-"}, Media(b"", '"v1"', ranges=False), 100)
    assert (part.status, part.start, part.stop, part.headers) == (200, 0, 100, {"ETag": '"v1"'})


@given(st.from_regex(r"bytes=\d{0,4}-\d{0,4}", fullmatch=True), st.integers(0, 2000))
def test_no_part_reaches_beyond_the_file(wanted: str, size: int) -> None:
    part = select({"range": wanted}, FILE, size)
    assert 0 <= part.start <= part.stop <= size
    if part.status == 206:
        assert part.headers["Content-Range"] == f"bytes {part.start}-{part.stop - 1}/{size}"
