"""The text in a clip: set once, laid over every frame."""

from __future__ import annotations

import textwrap
from functools import cache
from typing import Any, TypeAlias

from PIL import Image, ImageDraw, ImageFont

from ._clips import ClipSpec

Font: TypeAlias = ImageFont.FreeTypeFont | ImageFont.ImageFont

_FILES = (
    "DejaVuSans.ttf",
    "NotoSans-Regular.ttf",
    "LiberationSans-Regular.ttf",
    "Arial Unicode.ttf",
    "Arial.ttf",
    "arial.ttf",
    "NotoSansCJK-Regular.ttc",
    "PingFang.ttc",
    "msyh.ttc",
)
"""Fonts, the first that the computer has; Pillow's own, the last choice, has ASCII letters only."""

_PANEL, _INK, _FAINT = (20, 20, 20, 150), (235, 235, 235), (180, 180, 180)
"""The panel behind the text, through which the picture is seen, the prompt, and what stands around it."""


def caption(spec: ClipSpec) -> tuple[Image.Image, tuple[int, int]]:
    """The model, the prompt and the task's id on a panel, and where it lies: a twelfth of the frame is free around."""
    left, top = spec.width // 12, spec.height // 12
    size = (spec.width - 2 * left, spec.height - 2 * top)
    pad = min(size) // 14
    panel = Image.new("RGBA", size)
    draw = ImageDraw.Draw(panel)
    draw.rounded_rectangle((0, 0, size[0] - 1, size[1] - 1), radius=pad, fill=_PANEL)
    width, height = size[0] - 2 * pad, size[1] - 2 * pad
    small = max(8, min(width // 24, height // 12))
    room = height - 4 * small
    large = max(small, room // 5)
    while large > small and len(_set(spec.prompt, large, width)) * _step(large) > room:
        large = max(small, large * 9 // 10)
    about = f"task {spec.task_id} · {spec.seconds:g} s · {spec.width}×{spec.height}"
    y = pad
    for text, letters, colour, most, gap in (
        (spec.model, small, _FAINT, 1, small),
        (spec.prompt, large, _INK, max(1, room // _step(large)), small // 2),
        (about, small, _FAINT, 2, 0),
    ):
        for line in _set(text, letters, width, most):
            draw.text((pad, y), line, font=_font(text, letters), fill=colour)
            y += _step(letters)
        y += gap
    return panel, (left, top)


def _step(size: int) -> int:
    """From line to line, in pixels."""
    return size * 5 // 4


def _set(text: str, size: int, width: int, most: int | None = None) -> list[str]:
    """The text in lines of at most `width` pixels, at most so many; a word that is longer than a line is broken."""
    font = _font(text, size)
    letters = int(width * len(text) / max(1.0, font.getlength(text))) + 1
    while True:
        lines = textwrap.wrap(text, max(1, letters), max_lines=most, placeholder="…")
        if letters <= 1 or all(font.getlength(line) <= width for line in lines):
            return lines
        letters = letters * 9 // 10


def _font(text: str, size: int) -> Font:
    """A font of this size, the first that has all of the text's letters."""
    fonts = _fonts(size)
    return next((font for font in fonts if _has(font, text)), fonts[0])


@cache
def _fonts(size: int) -> tuple[Font, ...]:
    found: list[Font] = []
    for name in _FILES:
        try:
            found.append(ImageFont.truetype(name, size))
        except OSError:
            continue
    return (*found, ImageFont.load_default(size))


def _drawn(font: Font, text: str) -> bytes:
    mask: Any = font.getmask(text)  # iterable, which Pillow's types do not say
    return bytes(mask)


def _has(font: Font, text: str) -> bool:
    """True if no letter of `text` is drawn as the box that stands for missing ones."""
    missing = _drawn(font, "\uffff")
    return all(_drawn(font, letter) != missing for letter in set(text[:200]) if letter.isalpha())
