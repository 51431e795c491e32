"""Makes a clip: H.264 in MP4, a moving background, the model, the prompt and the task's id as text; with sound, a tone.
A picture is a clip's first frame.
"""

from __future__ import annotations

import colorsys
import io
import math
import random
from array import array
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import av
from PIL import Image, ImageDraw, ImageFilter

from ._clips import ClipSpec
from ._lettering import caption

FPS = 8
_HELD = 2
"""Frames that show one picture: a picture costs three times its frame, and the demo makes 22 clips beside its page."""
_RATE = 24000
_INDEX, _INDEX_A_FRAME, _INDEX_A_SOUND = 4096, 24, 16
"""Bytes kept free in front for the index: ffmpeg's `+faststart` reopens the file by name, and there is none."""

_THUMB = 48
"""Pixels of the shorter side of what the background is drawn at before it is enlarged."""


def render(spec: ClipSpec) -> bytes:
    """Make the clip: the whole MP4 file, its index in front (faststart); or the picture, as PNG."""
    file = io.BytesIO()
    if not spec.seconds:
        next(pictures(spec)).save(file, "PNG", compress_level=1)
        return file.getvalue()
    room = str(_INDEX + round(spec.seconds * (_INDEX_A_FRAME * FPS + _INDEX_A_SOUND * _RATE / 1024)))
    with av.open(file, "w", format="mp4", options={"moov_size": room}) as container:
        muxer: Any = container  # PyAV's types leave its packets open
        stream = muxer.add_stream("libx264", rate=FPS, options={"preset": "ultrafast", "crf": "26"})
        stream.width, stream.height, stream.pix_fmt = spec.width, spec.height, "yuv420p"
        sound = muxer.add_stream("aac", rate=_RATE, layout="mono") if spec.sound else None
        for frame in _frames(spec):
            muxer.mux(stream.encode(frame))
        muxer.mux(stream.encode(None))
        if sound is not None:
            for frame in (*_tone(spec), None):
                muxer.mux(sound.encode(frame))
    return file.getvalue()


def _tone(spec: ClipSpec) -> Iterator[av.AudioFrame]:
    """A quiet tone as long as the clip; the task's id chooses its pitch."""
    pitch = random.Random(spec.task_id).uniform(180, 360)  # noqa: S311 - a sound
    for start in range(0, round(spec.seconds * _RATE), 1024):
        wave = [0.1 * math.sin(2 * math.pi * pitch * at / _RATE) for at in range(start, start + 1024)]
        frame = av.AudioFrame("fltp", "mono", 1024)
        frame.planes[0].update(array("f", wave).tobytes())
        frame.sample_rate, frame.pts, frame.time_base = _RATE, start, Fraction(1, _RATE)
        yield frame


def _frames(spec: ClipSpec) -> Iterator[Any]:
    """The clip's pictures as the encoder takes them, each held for some frames."""
    made: Any = av.VideoFrame  # PyAV's types leave its pictures open
    for first, picture in enumerate(pictures(spec)):
        frame = made.from_image(picture).reformat(format="yuv420p")
        for number in range(first * _HELD, min((first + 1) * _HELD, _count(spec))):
            frame.pts, frame.time_base = number, Fraction(1, FPS)
            yield frame


def _count(spec: ClipSpec) -> int:
    return max(1, round(spec.seconds * FPS))


def pictures(spec: ClipSpec) -> Iterator[Image.Image]:
    """The clip's pictures: a window goes round on the background; the text, and a bar that grows with the clip."""
    count = math.ceil(_count(spec) / _HELD)
    margin = min(spec.width, spec.height) // 3
    background, (text, place) = _background(spec, margin), caption(spec)
    height = max(2, spec.height // 120)
    for number in range(count):
        turn = 2 * math.pi * number / count
        x, y = round(margin / 2 * (1 + math.cos(turn))), round(margin / 2 * (1 + math.sin(turn)))
        picture = background.crop((x, y, x + spec.width, y + spec.height))
        picture.paste(text, place, text)
        done = round(spec.width * (number + 1) / count)
        picture.paste((225, 225, 225), (0, spec.height - height, done, spec.height))
        yield picture


def _background(spec: ClipSpec, margin: int) -> Image.Image:
    """Soft patches of neighbouring colours, the frame's size and `margin` more; the task's id is the seed."""
    rng = random.Random(spec.task_id)  # noqa: S311 - a picture
    size = (spec.width + margin, spec.height + margin)
    scale = _THUMB / min(size)
    width, height = round(size[0] * scale), round(size[1] * scale)
    hue = rng.random()
    thumb = Image.new("RGB", (width, height), _colour(hue, 0.35))
    draw = ImageDraw.Draw(thumb)
    for _ in range(14):
        x, y, radius = rng.uniform(0, width), rng.uniform(0, height), rng.uniform(0.12, 0.3) * height
        colour = _colour(hue + rng.uniform(-0.22, 0.22), rng.uniform(0.35, 0.95))
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=colour)
    return thumb.filter(ImageFilter.GaussianBlur(5)).resize(size, Image.Resampling.BICUBIC)


def _colour(hue: float, value: float) -> tuple[int, int, int]:
    red, green, blue = colorsys.hsv_to_rgb(hue % 1, 0.72, value)
    return round(red * 255), round(green * 255), round(blue * 255)
