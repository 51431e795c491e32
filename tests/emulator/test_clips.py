"""What a result looks like follows from the input, and from the contract's defaults where that leaves something out."""

from __future__ import annotations

import io
from typing import Any
from urllib.parse import urlsplit

import msgspec
import pytest

from wan_async.emulator import Call, Emulator
from wan_async.emulator._clips import ClipSpec

from .support import create, record

URL = "https://h/a"
ANIMATE = {"image_url": URL, "video_url": URL}

SPEECH = {"prompt": "a", "image_url": URL, "audio_url": URL}


async def specs(model: str, fields: dict[str, Any]) -> list[ClipSpec]:
    """What the links of a finished task lead to."""
    provider = Emulator(seconds=0.0, limit=None)
    task_id = create(provider, {"model": model, "input": fields})["data"]["taskId"]
    links: list[str] = msgspec.json.decode(record(provider, task_id)["data"]["resultJson"])["resultUrls"]
    media = [provider.handle(Call("GET", urlsplit(link).path)).media for link in links]
    return [one.source for one in media if one is not None and isinstance(one.source, ClipSpec)]


@pytest.mark.parametrize(
    ("model", "fields", "size", "seconds"),
    [
        ("wan/2-2-animate-move", ANIMATE, (854, 480), 5.0),
        ("wan/2-2-animate-replace", {**ANIMATE, "resolution": "720p"}, (1280, 720), 5.0),
        ("wan/2-2-a14b-text-to-video-turbo", {"prompt": "a"}, (1280, 720), 5.0),
        ("wan/2-2-a14b-text-to-video-turbo", {"prompt": "a", "aspect_ratio": "1:1"}, (720, 720), 5.0),
        ("wan/2-2-a14b-image-to-video-turbo", {"prompt": "a", "image_url": URL, "resolution": "480p"}, (854, 480), 5.0),
        ("wan/2-6-image-to-video", {"prompt": "ab", "image_urls": [URL]}, (1920, 1080), 5.0),
        ("wan/2-6-image-to-video", {"prompt": "ab", "image_urls": [URL], "duration": "15"}, (1920, 1080), 15.0),
        ("wan/2-2-a14b-speech-to-video-turbo", {**SPEECH, "num_frames": 120}, (854, 480), 7.5),
        ("wan/2-2-a14b-speech-to-video-turbo", {**SPEECH, "frames_per_second": 8}, (854, 480), 10.0),
        ("wan/2-5-text-to-video", {"prompt": "a", "duration": "10", "aspect_ratio": "9:16"}, (720, 1280), 10.0),
        ("wan/2-7-text-to-video", {"prompt": "a", "ratio": "4:3", "duration": 2}, (1440, 1080), 2.0),
        ("wan/2-7-videoedit", {"video_url": URL, "resolution": "720p"}, (1280, 720), 5.0),
        ("wan/3-0-video", {"prompt": "a", "resolution": "480P", "aspect_ratio": "adaptive"}, (854, 480), 5.0),
        ("wan/3-0-video", {"prompt": "a", "duration": -1}, (1920, 1080), 5.0),
        ("wan/2-7-image", {"prompt": "a"}, (2048, 2048), 0.0),
        ("wan/2-7-image-pro", {"prompt": "a", "resolution": "1K", "aspect_ratio": "16:9"}, (1366, 768), 0.0),
    ],
)
async def test_a_clip_is_as_asked(model: str, fields: dict[str, Any], size: tuple[int, int], seconds: float) -> None:
    (spec,) = await specs(model, fields)
    assert ((spec.width, spec.height), spec.seconds) == (size, seconds)


@pytest.mark.parametrize(
    ("model", "fields", "sound"),
    [
        ("wan/2-6-flash-image-to-video", {"prompt": "a", "image_urls": [URL], "audio": True}, True),
        ("wan/2-6-flash-image-to-video", {"prompt": "a", "image_urls": [URL], "audio": False}, False),
        ("wan/2-6-flash-video-to-video", {"prompt": "a", "video_urls": [URL]}, False),
        ("wan/3-0-video", {"prompt": "a"}, True),
        ("wan/3-0-video", {"prompt": "a", "audio": False}, False),
        ("wan/3-0-video", {"reference_audio_urls": [URL], "audio": False}, False),
        ("wan/2-6-text-to-video", {"prompt": "a"}, False),
        ("wan/2-7-text-to-video", {"prompt": "a"}, False),
        ("wan/2-7-text-to-video", {"prompt": "a", "audio_url": URL}, True),
        ("wan/2-7-image-to-video", {"prompt": "a", "driving_audio_url": URL}, True),
        ("wan/2-7-r2v", {"prompt": "a", "reference_image": [URL], "reference_voice": URL}, True),
        ("wan/2-7-videoedit", {"video_url": URL, "audio_setting": "origin"}, False),
        ("wan/2-2-a14b-speech-to-video-turbo", SPEECH, True),
    ],
)
async def test_it_is_heard_where_audio_is_asked_for(model: str, fields: dict[str, Any], sound: bool) -> None:
    (spec,) = await specs(model, fields)
    assert spec.sound is sound


async def test_an_image_model_makes_as_many_pictures_as_asked() -> None:
    pictures = await specs("wan/2-7-image", {"prompt": "a", "n": 3})
    assert len({picture.task_id for picture in pictures}) == 3
    assert [len(await specs("wan/2-7-image", {"prompt": "a", "n": n})) for n in (-1, 0, 12, 99)] == [1, 1, 12, 12]


async def test_a_result_is_only_at_its_own_path() -> None:
    provider = Emulator(seconds=0.0, limit=None)
    task_id = create(provider)["data"]["taskId"]
    found = {path: provider.handle(Call("GET", f"/results/{task_id}{path}")).status for path in
             (".mp4", ".png", "-2.mp4", "", ".mp4/x")}  # fmt: skip
    assert found == {".mp4": 200, ".png": 404, "-2.mp4": 404, "": 404, ".mp4/x": 404}


@pytest.mark.parametrize(
    ("model", "size", "seconds", "streams"),
    [
        ("wan/3-0-video", (160, 90), 2.0, ["video", "audio"]),
        ("wan/2-6-flash-image-to-video", (160, 90), 2.0, ["video"]),
        ("wan/2-7-image", (160, 90), 0.0, ["video"]),
    ],
)
def test_results_can_be_played(model: str, size: tuple[int, int], seconds: float, streams: list[str]) -> None:
    av = pytest.importorskip("av")
    from wan_async.emulator._render import render

    content = render(ClipSpec(model, "a fox", "t", *size, seconds, sound="audio" in streams))
    with av.open(io.BytesIO(content)) as container:
        assert [stream.type for stream in container.streams] == streams
        assert (container.streams.video[0].width, container.streams.video[0].height) == size
        heard = sum(frame.samples for frame in container.decode(audio=0)) if "audio" in streams else 0
    assert heard == pytest.approx(48000 if heard else 0, abs=2048)
    assert content.startswith(b"\x89PNG") is (seconds == 0)
    assert seconds == 0 or content.index(b"moov") < content.index(b"mdat")


def test_a_clip_has_few_pictures_for_the_demo_makes_twenty_two() -> None:
    """A picture costs 14 ms at 720p: with more than 6 a second the demo takes more CPU than when planes were drawn."""
    av = pytest.importorskip("av")
    from wan_async.emulator._render import pictures, render

    spec = ClipSpec("wan/3-0-video", "a fox", "t", 160, 90, 4.0)
    with av.open(io.BytesIO(render(spec))) as container:
        (video,) = container.streams.video
        assert video.duration * video.time_base == 4
        assert video.frames == 8 * 4
    assert 4 * 4 <= len(list(pictures(spec))) <= 6 * 4


@pytest.mark.parametrize(
    "prompt", ["a fox in the rain, " * 40, "W" * 300, "one-long-word-with-hyphens-" * 20, "狐狸" * 99]
)
def test_the_prompt_stays_within_its_panel(prompt: str) -> None:
    pytest.importorskip("PIL")
    from wan_async.emulator._lettering import caption

    panel, (left, top) = caption(ClipSpec("wan/3-0-video", prompt, "t" * 32, 480, 360, 5.0))
    assert (left, top, *panel.size) == (40, 30, 400, 300)
    pad = panel.height // 14
    within = panel.crop((pad, pad, panel.width - pad, panel.height))
    whole, inner = (sum(one.getchannel("A").histogram()[151:]) for one in (panel, within))
    assert inner == whole > 0
