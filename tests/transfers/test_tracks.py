"""MP4 files with sound alone, which begin like videos: recorders of telephones write `isom` or `mp42` too."""

from __future__ import annotations

import inspect
from io import BytesIO
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wan_async._inputs.local_files import KINDS
from wan_async._transfers.media import is_sound_alone
from wan_async._transfers.sources import StoredSource
from wan_async.emulator import Emulator


def box(kind: bytes, *parts: bytes, long: bool = False) -> bytes:
    body = b"".join(parts)
    if long:
        return (1).to_bytes(4, "big") + kind + (len(body) + 16).to_bytes(8, "big") + body
    return (len(body) + 8).to_bytes(4, "big") + kind + body


def track(handler: bytes, *, long: bool = False) -> bytes:
    media = box(b"mdia", box(b"mdhd", bytes(24)), box(b"hdlr", bytes(8), handler, bytes(13)), long=long)
    return box(b"trak", box(b"tkhd", bytes(84)), media)


FTYP = box(b"ftyp", b"isom", bytes(4), b"isommp41")
SOUND = box(b"moov", box(b"mvhd", bytes(100)), track(b"soun"), box(b"udta", bytes(9)))
DATA = box(b"mdat", bytes(20_000))


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (FTYP + SOUND + DATA, "audio/mp4"),
        (FTYP + DATA + SOUND, "audio/mp4"),
        (FTYP + box(b"mdat", bytes(50), long=True) + SOUND, "audio/mp4"),
        (FTYP + box(b"moov", track(b"soun", long=True), track(b"text")), "audio/mp4"),
        (FTYP + DATA + box(b"moov", track(b"soun"), track(b"vide")), "video/mp4"),
        (FTYP + box(b"moov", track(b"vide")), "video/mp4"),
        (FTYP + DATA + box(b"moov", track(b"soun"), box(b"free", bytes(9000)), track(b"vide")), "video/mp4"),
        (FTYP + SOUND[:-40], "video/mp4"),
        (FTYP + DATA, "video/mp4"),
        (FTYP, "video/mp4"),
    ],
)
async def test_sound_is_told_from_video_by_the_tracks(tmp_path: Path, content: bytes, kind: str) -> None:
    (tmp_path / "voice").write_bytes(content)
    for given_ in (tmp_path / "voice", content):
        source = StoredSource(given_)
        await source.inspect()
        found = source.found
        await source.aclose()
        assert found == kind


@given(st.binary(max_size=200), st.integers(0, 60))
def test_a_broken_index_ends(rest: bytes, cut: int) -> None:
    content = FTYP + SOUND[:cut] + rest
    is_sound_alone(BytesIO(content), len(content))


def test_the_emulator_takes_what_the_models_take() -> None:
    default = inspect.signature(Emulator).parameters["upload_bytes"].default
    assert default == max(kind.largest for kind in KINDS.values())
