"""Makes a clip: H.264 in MP4, a moving background, the model, the prompt and the task's id as text; with sound, a tone.
A picture is a clip's first frame.

Frames are put together as YUV planes, which is what the encoder takes: the background is drawn once, larger than the
frame, and each frame is a window moved over it, so a frame costs three crops and two pastes.
"""

from __future__ import annotations

import colorsys
import io
import math
import random
from array import array
from collections.abc import Iterator
from fractions import Fraction
from typing import Any, NamedTuple

import av
from av.video.stream import VideoStream
from PIL import Image, ImageDraw, ImageFilter

from ._clips import ClipSpec
from ._lettering import Caption, caption

FPS = 12
_RATE = 24000
_INDEX, _INDEX_A_FRAME, _INDEX_A_SOUND = 4096, 24, 16
"""Bytes kept free in front for the index: ffmpeg's `+faststart` reopens the file by name, and there is none."""

_THUMB = 48
"""Pixels of the shorter side of what the background is drawn at before it is enlarged."""


class Planes(NamedTuple):
    """A picture as YUV 4:2:0: brightness in full size, the two colours in half."""

    y: Image.Image
    u: Image.Image
    v: Image.Image


def render(spec: ClipSpec) -> bytes:
    """Make the clip: the whole MP4 file, its index in front (faststart); or the picture, as PNG."""
    file = io.BytesIO()
    if not spec.seconds:
        _picture(next(frames(spec))).save(file, "PNG", compress_level=1)
        return file.getvalue()
    room = str(_INDEX + round(spec.seconds * (_INDEX_A_FRAME * FPS + _INDEX_A_SOUND * _RATE / 1024)))
    with av.open(file, "w", format="mp4", options={"moov_size": room}) as container:
        muxer: Any = container  # PyAV's types leave its packets open
        stream = _stream(muxer.add_stream("libx264", rate=FPS), spec)
        sound = muxer.add_stream("aac", rate=_RATE, layout="mono") if spec.sound else None
        for number, planes in enumerate(frames(spec)):
            muxer.mux(stream.encode(_frame(planes, spec, number)))
        muxer.mux(stream.encode(None))
        if sound is not None:
            for frame in (*_tone(spec), None):
                muxer.mux(sound.encode(frame))
    return file.getvalue()


def _picture(planes: Planes) -> Image.Image:
    size = planes.y.size
    return Image.merge("YCbCr", (planes.y, planes.u.resize(size), planes.v.resize(size))).convert("RGB")


def _tone(spec: ClipSpec) -> Iterator[av.AudioFrame]:
    """A quiet tone as long as the clip; the task's id chooses its pitch."""
    pitch = random.Random(spec.task_id).uniform(180, 360)  # noqa: S311 - a sound
    for start in range(0, round(spec.seconds * _RATE), 1024):
        wave = [0.1 * math.sin(2 * math.pi * pitch * at / _RATE) for at in range(start, start + 1024)]
        frame = av.AudioFrame("fltp", "mono", 1024)
        frame.planes[0].update(array("f", wave).tobytes())
        frame.sample_rate, frame.pts, frame.time_base = _RATE, start, Fraction(1, _RATE)
        yield frame


def frames(spec: ClipSpec) -> Iterator[Planes]:
    """The clip's pictures, in order."""
    count = max(1, round(spec.seconds * FPS))
    margin = 2 * (min(spec.width, spec.height) // 6)
    background = _background(spec, margin)
    text = caption(spec)
    for number in range(count):
        turn = 2 * math.pi * number / count
        picture = _window(background, spec, margin, turn)
        _write(picture, text)
        _bar(picture, spec, (number + 1) / count)
        yield picture


def _stream(stream: VideoStream, spec: ClipSpec) -> Any:
    stream.width, stream.height, stream.pix_fmt = spec.width, spec.height, "yuv420p"
    stream.options = {"preset": "ultrafast", "crf": "26"}
    stream.time_base = Fraction(1, FPS)
    return stream


def _frame(planes: Planes, spec: ClipSpec, number: int) -> av.VideoFrame:
    frame = av.VideoFrame(spec.width, spec.height, "yuv420p")
    for plane, image in zip(frame.planes, planes, strict=True):
        plane.update(_rows(image, plane.line_size))
    frame.pts = number
    frame.time_base = Fraction(1, FPS)
    return frame


def _rows(image: Image.Image, stride: int) -> bytes:
    """The pixels with each row filled up to `stride` bytes, as the encoder's memory has them."""
    return image.crop((0, 0, stride, image.height)).tobytes()


def _background(spec: ClipSpec, margin: int) -> Planes:
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
    return _planes(thumb.filter(ImageFilter.GaussianBlur(5)).resize(size, Image.Resampling.BICUBIC))


def _colour(hue: float, value: float) -> tuple[int, int, int]:
    red, green, blue = colorsys.hsv_to_rgb(hue % 1, 0.72, value)
    return round(red * 255), round(green * 255), round(blue * 255)


def _planes(picture: Image.Image) -> Planes:
    """RGB as video has it: brightness 16 to 235, colours 16 to 240 (ITU-R BT.601), in half size."""
    y, u, v = picture.convert("YCbCr").split()
    half = (picture.width // 2, picture.height // 2)
    y = y.point([round(16 + level * 219 / 255) for level in range(256)])
    squeeze = [round(128 + (level - 128) * 224 / 255) for level in range(256)]
    return Planes(y, u.point(squeeze).resize(half), v.point(squeeze).resize(half))


def _window(background: Planes, spec: ClipSpec, margin: int, turn: float) -> Planes:
    """The part of the background that is seen when the window has gone `turn` radians of its round."""
    x = 2 * round(margin / 4 * (1 + math.cos(turn)))
    y = 2 * round(margin / 4 * (1 + math.sin(turn)))
    half = (x // 2, y // 2, (x + spec.width) // 2, (y + spec.height) // 2)
    whole = background.y.crop((x, y, x + spec.width, y + spec.height))
    return Planes(whole, background.u.crop(half), background.v.crop(half))


def _write(picture: Planes, text: Caption) -> None:
    """Lay the text over the picture: grey, so the colours fade by as much as it covers."""
    left, top, right, bottom = text.box
    picture.y.paste(text.ink, text.box, text.cover)
    half = (left // 2, top // 2, right // 2, bottom // 2)
    for plane in (picture.u, picture.v):
        plane.paste(128, half, text.half_cover)


def _bar(picture: Planes, spec: ClipSpec, done: float) -> None:
    """A bar at the lower edge that grows with the clip."""
    height = max(2, spec.height // 120)
    picture.y.paste(225, (0, spec.height - height, round(spec.width * done), spec.height))
