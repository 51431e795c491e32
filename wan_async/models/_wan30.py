"""Wan 3.0."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, ClassVar, Literal

from msgspec import UNSET, Meta, UnsetType

from ..errors import InvalidInputError
from ._base import WanInput, at_least_one, given_in
from ._fields import AudioUrl, ImageUrl, Prompt20000, VideoUrl, but_not, default
from ._tariffs import ByLength, Tariff

_FRAMES = ("first_frame_url", "last_frame_url")
_REFERENCES = ("reference_image_urls", "reference_video_urls", "reference_audio_urls")


class _Wan30(WanInput, frozen=True, kw_only=True):
    prompt: Prompt20000 | UnsetType = UNSET
    """A description of the clip, at most 20000 characters; may be left out where media are given."""

    first_frame_url: ImageUrl | UnsetType = UNSET
    """URL of the first frame (jpeg, png or webp, ≤ 10 MB)."""

    last_frame_url: ImageUrl | UnsetType = UNSET
    """URL of the last frame (jpeg, png or webp, ≤ 10 MB)."""

    reference_image_urls: Annotated[Sequence[ImageUrl], Meta(max_length=10)] | UnsetType = UNSET
    """Up to ten URLs of images to go by (jpeg, png or webp, ≤ 10 MB each)."""

    reference_video_urls: Annotated[Sequence[VideoUrl], Meta(max_length=5)] | UnsetType = UNSET
    """Up to five URLs of videos to go by (mp4, quicktime or matroska, ≤ 10 MB each)."""

    reference_audio_urls: Annotated[Sequence[AudioUrl], Meta(max_length=5)] | UnsetType = UNSET
    """Up to five URLs of sounds to go by (mp3, wav, ogg, m4a, flac, aac or wma, ≤ 10 MB each)."""

    resolution: Annotated[Literal["480P", "720P", "1080P"], default("1080P")] | UnsetType = UNSET
    """Pixels of the shorter side, with a capital P: "480P", "720P" or "1080P" (the provider's default)."""

    aspect_ratio: Literal["adaptive", "16:9", "4:3", "1:1", "3:4", "9:16"] | UnsetType = UNSET
    """Width to height: "adaptive" (as the media), "16:9", "4:3", "1:1", "3:4" or "9:16"."""

    duration: Annotated[int, Meta(ge=-1, le=30), but_not(0, 1), default(5)] | UnsetType = UNSET
    """Seconds, an integer from 2 to 30, or -1 for the model's choice; the provider's default is 5."""

    audio: Annotated[bool, default(True)] | UnsetType = UNSET
    """Gives the clip sound; the provider's default is true."""

    seed: int | UnsetType = UNSET
    """An integer: the same again makes much the same clip."""

    nsfw_checker: bool | UnsetType = UNSET
    """Filters results that are not safe for work; its default is false."""

    def check_together(self) -> None:
        """Refuse nothing at all, and frames beside references."""
        at_least_one(self, "prompt", *_FRAMES, *_REFERENCES)
        frames = [name for name in _FRAMES if given_in(self, name)]
        references = [name for name in _REFERENCES if given_in(self, name)]
        if frames and references:
            allowed = f"frames or references, not both: {frames[0]} is given"
            raise InvalidInputError(references[0], getattr(self, references[0]), allowed)


class Wan30Video(_Wan30, frozen=True, kw_only=True):
    """Wan 3.0, videos with sound from text, frames or references.

    It is not on Apikley's published pages; facts of KIE's, August 2026.

    A prompt or media must be given; frames and references exclude each other.
    """

    model = "wan/3-0-video"


class Wan30VideoPrime(_Wan30, frozen=True, kw_only=True):
    """Wan 3.0 prime, videos with sound from text, frames or references.

    It is not on Apikley's published pages; facts of KIE's, August 2026.

    A prompt or media must be given; frames and references exclude each other.
    """

    model = "wan/3-0-video-prime"
    tariff: ClassVar[Tariff | None] = ByLength({"480P": {5: 61}})
