"""The text in a clip: set once, laid over every frame."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any, NamedTuple, TypeAlias

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

_PAPER, _INK, _FAINT = 20, 235, 180
"""Brightness of the panel behind the text, of the prompt, and of what stands around it."""


class Caption(NamedTuple):
    """Text that lies over `box` of the frame: its brightness, and how much of the picture it covers (0 to 255)."""

    box: tuple[int, int, int, int]
    ink: Image.Image
    cover: Image.Image
    half_cover: Image.Image


class _Line(NamedTuple):
    text: str
    font: Font
    brightness: int
    height: int


def caption(spec: ClipSpec) -> Caption:
    """Set the model, the prompt and the task's id into a panel in the middle of the frame."""
    box = _panel(spec)
    size = (box[2] - box[0], box[3] - box[1])
    ink = Image.new("L", size, _PAPER)
    cover = Image.new("L", size, 0)
    pad = min(size) // 14
    ImageDraw.Draw(cover).rounded_rectangle((0, 0, size[0] - 1, size[1] - 1), radius=pad, fill=150)
    y = pad
    for line in _lines(spec, size[0] - 2 * pad, size[1] - 2 * pad):
        for image, fill in ((ink, line.brightness), (cover, 255)):
            ImageDraw.Draw(image).text((pad, y), line.text, font=line.font, fill=fill)
        y += line.height
    return Caption(box, ink, cover, cover.resize((size[0] // 2, size[1] // 2)))


def _panel(spec: ClipSpec) -> tuple[int, int, int, int]:
    """The panel's place: a twelfth of the frame stays free around it. Even, so that the colours' half size fits."""
    x, y = 2 * (spec.width // 24), 2 * (spec.height // 24)
    return x, y, spec.width - x, spec.height - y


def _lines(spec: ClipSpec, width: int, height: int) -> Iterator[_Line]:
    small = max(8, min(width // 24, height // 12))
    room = height - 4 * small
    yield from _set(spec.model, small, width, _FAINT, 1)
    yield _Line("", _font("", small), _FAINT, small)
    size = _largest(spec.prompt, width, room, small)
    yield from _set(spec.prompt, size, width, _INK, max(1, room // _step(size)))
    yield _Line("", _font("", small), _FAINT, small // 2)
    yield from _set(f"task {spec.task_id} · {spec.seconds:g} s · {spec.width}×{spec.height}", small, width, _FAINT, 2)


def _largest(text: str, width: int, room: int, smallest: int) -> int:
    """The largest size, down to `smallest`, at which the text fits."""
    size = max(smallest, room // 5)
    while size > smallest and len(wrapped(text, _font(text, size), width)) * _step(size) > room:
        size = max(smallest, size * 9 // 10)
    return size


def _set(text: str, size: int, width: int, brightness: int, most: int) -> Iterator[_Line]:
    font = _font(text, size)
    lines = wrapped(text, font, width)
    if len(lines) > most:
        lines = [*lines[: most - 1], lines[most - 1][:-1] + "…"]
    for line in lines:
        yield _Line(line, font, brightness, _step(size))


def _step(size: int) -> int:
    """From line to line, in pixels."""
    return size * 5 // 4


def wrapped(text: str, font: Font, width: int) -> list[str]:
    """The text in lines of at most `width` pixels; a word that is longer is broken."""
    lines: list[str] = []
    line = ""
    for word in _pieces(text.split(), font, width):
        longer = f"{line} {word}" if line else word
        if line and font.getlength(longer) > width:
            lines.append(line)
            line = word
        else:
            line = longer
    return [*lines, line] if line else lines


def _pieces(words: list[str], font: Font, width: int) -> Iterator[str]:
    for word in words:
        while font.getlength(word) > width and len(word) > 1:
            keep = max(1, int(len(word) * width / font.getlength(word)) - 1)
            yield word[:keep]
            word = word[keep:]  # noqa: PLW2901 - what is left of it
        yield word


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
