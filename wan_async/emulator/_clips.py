"""What a result shows, by the task's input; how it is made is `_render`'s business."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

_DEFAULT_SIDE = {"wan/2-2-animate-move": 480, "wan/2-2-animate-replace": 480, "wan/2-6-image-to-video": 1080}
_SHAPES = {"16:9": (16, 9), "9:16": (9, 16), "1:1": (1, 1), "4:3": (4, 3), "3:4": (3, 4)}


class ClipSpec(msgspec.Struct, frozen=True):
    """A clip to be made.

    Attributes:
        model: the model's name, shown in the clip.
        prompt: the prompt, shown in the clip; `""` where the input has none.
        task_id: the task's id, shown in the clip.
        width: pixels, even.
        height: pixels, even.
        seconds: its length.
    """

    model: str
    prompt: str
    task_id: str
    width: int
    height: int
    seconds: float


def clip_spec(model: str, task_id: str, fields: Mapping[str, object]) -> ClipSpec:
    """What the clip of a task with the input `fields` looks like.

    The resolution is the shorter side; an aspect ratio that is not given, or "auto", is 16:9.
    """
    width, height = _size(model, fields)
    return ClipSpec(model, str(fields.get("prompt", "")), task_id, width, height, _seconds(fields.get("duration")))


def _size(model: str, fields: Mapping[str, object]) -> tuple[int, int]:
    digits = str(fields.get("resolution", "")).lower().removesuffix("p")
    side = int(digits) if digits.isdecimal() and 16 <= int(digits) <= 2160 else _DEFAULT_SIDE.get(model, 720)
    across, down = _SHAPES.get(str(fields.get("aspect_ratio", fields.get("ratio"))), (16, 9))
    shorter = min(across, down)
    return _even(side * across / shorter), _even(side * down / shorter)


def _even(pixels: float) -> int:
    return 2 * round(pixels / 2)


def _seconds(duration: object) -> float:
    """5 s, unless the input asks for another length (as text or number) of up to a minute."""
    try:
        seconds = float(duration) if isinstance(duration, (str, int, float)) else 5.0
    except ValueError:
        return 5.0
    return seconds if 0 < seconds <= 60 else 5.0
