"""The inputs of the demo: 22 clips of five models that work, and two that fail on purpose."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import cycle, islice
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import urlsplit

import msgspec
from msgspec import UNSET

from ...emulator import Fault
from ...models import (
    Wan22AnimateMove,
    Wan22AnimateReplace,
    Wan22ImageToVideoTurbo,
    Wan22TextToVideoTurbo,
    Wan26ImageToVideo,
    WanInput,
)

_MEDIA = "https://media.example.com"
"""The emulator checks that links are well formed and fetches nothing; no such host exists (RFC 2606)."""


def _text(prompt: str, *, resolution: Any = "480p", **fields: Any) -> WanInput:
    return Wan22TextToVideoTurbo(prompt=prompt, resolution=resolution, **fields)


def _image(image: str, prompt: str, *, resolution: Any = "480p", aspect_ratio: Any = "auto") -> WanInput:
    url = f"{_MEDIA}/{image}"
    return Wan22ImageToVideoTurbo(image_url=url, prompt=prompt, resolution=resolution, aspect_ratio=aspect_ratio)


def _wan26(image: str, prompt: str, *, resolution: Any = "720p", **fields: Any) -> WanInput:
    return Wan26ImageToVideo(image_urls=[f"{_MEDIA}/{image}"], prompt=prompt, resolution=resolution, **fields)


def _move(image: str, video: str, **fields: Any) -> WanInput:
    return Wan22AnimateMove(image_url=f"{_MEDIA}/{image}", video_url=f"{_MEDIA}/{video}", **fields)


def _replace(image: str, video: str, **fields: Any) -> WanInput:
    return Wan22AnimateReplace(image_url=f"{_MEDIA}/{image}", video_url=f"{_MEDIA}/{video}", **fields)


_SCENES = (
    _text("A red fox trots through neon rain, reflections in every puddle"),
    _image("lighthouse.png", "Waves break around the lighthouse while its beam sweeps the fog"),
    _wan26("harbour.jpg", "The fishing boats leave the harbour at dawn, gulls following"),
    _move("knight.png", "waltz.mp4"),
    _text("A paper boat sails down a gutter into the sea", aspect_ratio="9:16"),
    _image("bakery.jpg", "Steam rises from the loaves; the baker opens the shutters"),
    _text("Time-lapse of a cactus that blooms for one night only"),
    _replace("astronaut.png", "skateboard.mp4"),
    _wan26("forest.webp", "Fireflies gather into the outline of a stag", duration="10"),
    _text("Macro: a dew drop holds the whole meadow upside down", aspect_ratio="1:1"),
    _image("tram.jpg", "The yellow tram climbs the hill, laundry swaying overhead", aspect_ratio="9:16"),
    _text("An origami crane unfolds into a real one & takes off"),
    _move("robot.png", "tap-dance.mp4", resolution="720p"),
    _wan26("desk.png", "The pencil drawing stands up and stretches"),
    _image("glacier.jpg", "Ice calves into the fjord, slow and heavy", resolution="720p"),
    _text('A tin robot learns the word "home"'),
    _replace("chef.png", "juggling.mp4"),
    _wan26("market.jpg", "Lanterns light up one after another as evening falls"),
    _text("Aerial: a herd of shadows crosses the dunes", resolution="720p"),
    _image("cat.png", "The cat blinks, yawns, and goes back to ruling the world", aspect_ratio="1:1"),
    _text("A library where the books breathe"),
    _move("puppet.png", "ballet.mp4", resolution="580p"),
)

_FAILURES: tuple[tuple[WanInput, Fault], ...] = (
    (
        _text("A famous actor sells used cars on live television"),
        Fault(
            "fail",
            match="A famous actor sells used cars",
            fail_code="SENSITIVE_WORD_ERROR",
            message="The prompt was refused: it asks for a real person.",
        ),
    ),
    (
        _wan26("staircase.png", "A staircase that climbs forever and ends where it began"),
        Fault(
            "fail", match="A staircase that climbs forever", fail_code=500, message="Generation failed: internal error."
        ),
    ),
)

FAULTS = tuple(fault for _, fault in _FAILURES)
"""Faults that make the emulator fail the two."""


def scenes(count: int) -> Iterator[tuple[str, WanInput]]:
    """`count` items with their keys; two of them fail, one where there are fewer than four, none of one."""
    failing = [scene for scene, _ in _FAILURES][: count // 2]
    at = {count * (turn + 1) // (len(failing) + 1): scene for turn, scene in enumerate(failing)}
    working = islice(cycle(_SCENES), count)
    for number in range(count):
        scene = at[number] if number in at else next(working)
        yield f"{number + 1:02}-{_slug(caption(scene))}", scene


def caption(scene: WanInput) -> str:
    """The prompt, or where the model takes none the contents of the clip."""
    fields: dict[str, Any] = msgspec.to_builtins(scene)
    if "prompt" in fields:
        return fields["prompt"]
    verb = "moves as in" if isinstance(scene, Wan22AnimateMove) else "takes the lead in"
    return f"{_file(fields['image_url'])} {verb} {_file(fields['video_url'])}"


def settings(scene: WanInput) -> str:
    """Resolution, shape and length, as far as the scene sets them."""
    values = (getattr(scene, name, UNSET) for name in ("resolution", "aspect_ratio", "duration"))
    shown = [str(value) for value in values if value is not UNSET and value != "auto"]
    return " · ".join(f"{value} s" if value.isdecimal() else value for value in shown)


def _file(url: str) -> str:
    return PurePosixPath(urlsplit(url).path).name


def _slug(words: str) -> str:
    return "-".join(re.findall(r"[a-z0-9]+", words.lower())[:4])
