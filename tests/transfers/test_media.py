"""What a file is by its content, and what it is called at the upload host."""

from __future__ import annotations

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wan_async._transfers import media
from wan_async._transfers.uploads import unique_name

from .support import MP4, PNG

ASF = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")
ASF_VIDEO = UUID("bc19efc0-4d5b-11cf-a8fd-00805f5c442b").bytes_le
MP3 = [
    b"ID3\x03" + bytes(200),
    *[bytes([0xFF, second, 0x90, 0x64]) + bytes(200) for second in (0xFB, 0xFA, 0xF3, 0xE2)],
]


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
        (b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic" + bytes(200), "image/heic"),
        (b"\x00\x00\x00\x08wide\x00\x00\x00\x00mdat" + bytes(200), "video/quicktime"),
        (b"RIFF\x24\x00\x00\x00AVI LIST" + bytes(200), "video/x-msvideo"),
        (ASF + bytes(100) + ASF_VIDEO, "video/x-ms-wmv"),
        (b"OggS\x00\x02" + bytes(22) + b"\x80theora" + bytes(50), "video/ogg"),
        *[(head, "audio/mpeg") for head in MP3],
        (b"RIFF\x24\x00\x00\x00WAVEfmt " + bytes(200), "audio/wav"),
        (b"RF64\xff\xff\xff\xffWAVEds64" + bytes(200), "audio/wav"),
        (b"OggS\x00\x02" + bytes(22) + b"\x01\x1e\x01vorbis" + bytes(50), "audio/ogg"),
        (b"OggS\x00\x02" + bytes(22) + b"\x01\x13OpusHead" + bytes(50), "audio/ogg"),
        (b"\x00\x00\x00\x20ftypM4A \x00\x00\x00\x00M4A mp42isom" + bytes(200), "audio/mp4"),
        (b"fLaC\x00\x00\x00\x22" + bytes(200), "audio/flac"),
        (b"\xff\xf1\x50\x80\x1f\xfc" + bytes(200), "audio/aac"),
        (b"\xff\xf9\x50\x80\x1f\xfc" + bytes(200), "audio/aac"),
        (b"ADIF" + bytes(200), "audio/aac"),
        (ASF + bytes(200), "audio/x-ms-wma"),
        (b"\xff\xfe" + "text".encode("utf-16-le"), media.UNKNOWN),
        (b"\xff\xff\xff\xff" + bytes(200), media.UNKNOWN),
        (b"\xff", media.UNKNOWN),
        (b"<!DOCTYPE html><html>", "text/html"),
        (b"hello " * 50, media.UNKNOWN),
        (b"", media.UNKNOWN),
    ],
)
def test_the_content_shows_the_type(head: bytes, kind: str) -> None:
    assert media.media_type(head) == kind


@given(st.binary(max_size=40))
def test_any_content_has_a_type(head: bytes) -> None:
    assert "/" in media.media_type(head)


@pytest.mark.parametrize(
    ("url", "head", "suffix"),
    [
        ("https://host/a.MOV?x=.mp4", b"", ".mov"),
        ("https://host/a.webm#t", b"?", ".webm"),
        ("https://host/a.exe", b"", ".mp4"),
        ("https://host/a%2Emkv", b"", ".mkv"),
        ("http://[broken/a.mov", b"", ".mov"),
        ("https://host/a.jpeg", b"", ".jpeg"),
        ("https://host/a.jpeg", b"\xff\xd8\xff\xe0", ".jpeg"),
        ("https://host/a.jpeg", PNG, ".png"),
        ("https://host/a", PNG, ".png"),
        ("https://host/a.mp4", PNG, ".png"),
        ("https://host/a.png", MP4, ".mp4"),
        ("https://host/a.m4v", MP4, ".m4v"),
    ],
)
def test_the_suffix_is_that_of_the_content_else_of_the_url(url: str, head: bytes, suffix: str) -> None:
    assert media.suffix_of(url, head) == suffix


@pytest.mark.parametrize("name", ["", "../../etc/x", 'a"b\r\nX: y', "x" * 500 + ".png", "ж.жпг", "a.ex e"])
def test_unique_names_are_safe_in_a_header(name: str) -> None:
    unique = unique_name(name, "")
    assert not set(unique) & set('"\r\n/\\')
    assert len(unique.encode()) <= 200
    assert unique != unique_name(name, "")
