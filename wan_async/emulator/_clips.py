"""The design of a result, by the task's input; `_render` makes it."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import cast

import msgspec

_MOST_IMAGES = 12
_RATIO = re.compile(r"(\d+):(\d+)")


class ClipSpec(msgspec.Struct, frozen=True):
    """A clip or a picture to be made.

    Attributes:
        model: the model's name, shown in it.
        prompt: the prompt, shown in it; `""` where the input has none.
        task_id: the task's id, shown in it.
        width: pixels, even.
        height: pixels, even.
        seconds: its length; 0 for a picture.
        sound: whether it is heard.
    """

    model: str
    prompt: str
    task_id: str
    width: int
    height: int
    seconds: float
    sound: bool = False


def clip_spec(model: str, task_id: str, fields: Mapping[str, object]) -> ClipSpec:
    """The clip of a task whose input, with the model's defaults, is `fields`.

    The resolution is the shorter side, 720 where none is given; what is no ratio, such as "auto", is 16:9.
    """
    across, down = _shape(fields, (16, 9))
    side = int(_digits(fields, "p") or 720) / min(across, down)
    size = _even(side * across), _even(side * down)
    return ClipSpec(model, _prompt(fields), task_id, *size, _seconds(fields), _is_heard(fields))


def picture_spec(model: str, task_id: str, fields: Mapping[str, object]) -> ClipSpec:
    """A picture of such a task: `2K` has as many pixels as a square of 2048."""
    across, down = _shape(fields, (1, 1))
    side = 1024 * int(_digits(fields, "k") or 1) / math.sqrt(across * down)
    return ClipSpec(model, _prompt(fields), task_id, _even(side * across), _even(side * down), 0.0)


def images_in(fields: Mapping[str, object]) -> int:
    """The number of pictures that such an input asks for."""
    count = fields.get("n", 1)
    return min(max(1, int(count)), _MOST_IMAGES) if isinstance(count, (int, float)) else 1


def _prompt(fields: Mapping[str, object]) -> str:
    return str(fields.get("prompt", ""))


def _is_heard(fields: Mapping[str, object]) -> bool:
    """True where `audio` asks for sound; where no such field is, if the input brings a sound."""
    audio = fields.get("audio")
    return audio is True or (audio is None and any("audio_url" in name or "voice" in name for name in fields))


def _digits(fields: Mapping[str, object], unit: str) -> str:
    """The number of a resolution such as `720p` or `2K`; `""` for one that is none, or beyond 2160p."""
    digits = str(fields.get("resolution", "")).lower().removesuffix(unit)
    return digits if digits.isdecimal() and 0 < int(digits) <= 2160 else ""


def _shape(fields: Mapping[str, object], otherwise: tuple[int, int]) -> tuple[int, int]:
    match = _RATIO.fullmatch(str(fields.get("aspect_ratio", fields.get("ratio"))))
    return (int(match[1]), int(match[2])) if match else otherwise


def _even(pixels: float) -> int:
    return 2 * round(pixels / 2)


def _seconds(fields: Mapping[str, object]) -> float:
    """The length that the input asks for, of up to a minute, as text, number or frames; else 5 s."""
    try:
        if "num_frames" in fields:
            return cast("float", fields["num_frames"]) / cast("float", fields["frames_per_second"])
        seconds = float(cast("float | str", fields.get("duration", 5)))
    except (TypeError, ValueError, KeyError, ZeroDivisionError):  # a model of the user's own
        return 5.0
    return seconds if 0 < seconds <= 60 else 5.0
