"""What a file is by its content, and what it is called at the upload host."""

from __future__ import annotations

import pytest

from wan_async._transfers import media
from wan_async._transfers.uploads import unique_name

from .support import MP4, PNG


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (PNG, "image/png"),
        (b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01" + bytes(200), "image/jpeg"),
        (b"\xff\xd8\xff\xdb\x00\x43" + bytes(200), "image/jpeg"),
        (b"RIFF\x24\x00\x00\x00WEBPVP8 " + bytes(200), "image/webp"),
        (MP4, "video/mp4"),
        (b"\x00\x00\x00\x20ftypisom\x00\x00\x02\x00isomiso2avc1mp41" + bytes(200), "video/mp4"),
        (b"\x00\x00\x00\x18ftypiso5\x00\x00\x02\x00iso5iso6mp41" + bytes(200), "video/mp4"),
        (b"\x00\x00\x00\x14ftypqt  \x00\x00\x00\x00qt  " + bytes(200), "video/quicktime"),
        (
            b"\x1aE\xdf\xa3\xa3B\x86\x81\x01B\xf7\x81\x01B\xf2\x81\x04B\xf3\x81\x08B\x82\x88matroska" + bytes(200),
            "video/x-matroska",
        ),
        (
            b"\x1aE\xdf\xa3\x9fB\x86\x81\x01B\xf7\x81\x01B\xf2\x81\x04B\xf3\x81\x08B\x82\x84webm" + bytes(200),
            "video/webm",
        ),
        (b"GIF89a" + bytes(200), "image/gif"),
        (b"<!DOCTYPE html><html>", "text/html"),
        (b"hello " * 50, media.UNKNOWN),
        (b"", media.UNKNOWN),
    ],
)
def test_the_content_tells_the_type(head: bytes, kind: str) -> None:
    assert media.media_type(head) == kind


@pytest.mark.parametrize("name", ["", "../../etc/x", 'a"b\r\nX: y', "x" * 500 + ".png", "ж.жпг", "a.ex e"])
def test_unique_names_are_safe_in_a_header(name: str) -> None:
    unique = unique_name(name, "")
    assert not set(unique) & set('"\r\n/\\')
    assert len(unique.encode()) <= 200
    assert unique != unique_name(name, "")
