"""Wan 2.6, and its faster kind, flash."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, ClassVar

from msgspec import UNSET, Meta, UnsetType

from ._base import WanInput
from ._fields import (
    FiveOrTen,
    ImageUrl,
    NewerSwitch,
    Prompt,
    Prompt2To5000,
    Prompt1500,
    Upto1080,
    UpToFifteen,
    VideoUrl,
    default,
)
from ._tariffs import ByLength, Tariff


class _Wan26(WanInput, frozen=True, kw_only=True):
    tariff: ClassVar[Tariff | None] = ByLength(
        {"720p": {"5": 70, "10": 140, "15": 210}, "1080p": {"5": 104.5, "10": 209.5, "15": 315}}
    )

    resolution: Annotated[Upto1080, default("1080p")] | UnsetType = UNSET
    """Pixels of the shorter side: "720p" or "1080p" (the provider's default)."""


class Wan26ImageToVideo(_Wan26, frozen=True, kw_only=True):
    """Wan 2.6, image to video."""

    model = "wan/2-6-image-to-video"

    prompt: Prompt2To5000
    """A description of the clip, 2 to 5000 characters."""

    image_urls: Annotated[Sequence[ImageUrl], Meta(min_length=1, max_length=1)]
    """Exactly one URL of the first frame (jpeg, png or webp, ≤ 10 MB, at least 256 by 256 pixels)."""

    duration: Annotated[UpToFifteen, default("5")] | UnsetType = UNSET
    """Seconds, as "5" (the provider's default), "10", "15" or the integers; the wire gets the text."""

    multi_shots: NewerSwitch | UnsetType = UNSET
    """Cuts it from several shots. Newer than Apikley's pages; a fact of KIE's."""

    nsfw_checker: NewerSwitch | UnsetType = UNSET
    """Filters results that are not safe for work. Newer than Apikley's pages; a fact of KIE's."""


class Wan26TextToVideo(_Wan26, frozen=True, kw_only=True):
    """Wan 2.6, text to video.

    It is not on Apikley's published pages; facts of KIE's, August 2026.
    """

    model = "wan/2-6-text-to-video"

    prompt: Prompt
    """A description of the clip, at most 5000 characters."""

    duration: Annotated[UpToFifteen, default("5")] | UnsetType = UNSET
    """Seconds, as "5" (the provider's default), "10", "15" or the integers; the wire gets the text."""

    multi_shots: Annotated[bool, default(False)] | UnsetType = UNSET
    """Cuts it from several shots; the provider's default is false."""


class Wan26VideoToVideo(_Wan26, frozen=True, kw_only=True):
    """Wan 2.6, video to video.

    It is not on Apikley's published pages; facts of KIE's, August 2026.
    """

    model = "wan/2-6-video-to-video"

    prompt: Prompt
    """A description of the clip, at most 5000 characters; one page asks for at least 2."""

    video_urls: Annotated[Sequence[VideoUrl], Meta(max_length=3)]
    """Up to three URLs of videos (mp4, quicktime or matroska, ≤ 10 MB each)."""

    duration: Annotated[FiveOrTen, default("5")] | UnsetType = UNSET
    """Seconds, as "5" (the provider's default), "10" or the integers; the wire gets the text."""

    multi_shots: Annotated[bool, default(False)] | UnsetType = UNSET
    """Cuts it from several shots; the provider's default is false."""

    nsfw_checker: bool | UnsetType = UNSET
    """Filters results that are not safe for work; its default is false."""


class _Flash(_Wan26, frozen=True, kw_only=True):
    tariff: ClassVar[Tariff | None] = None

    prompt: Prompt1500
    """A description of the clip, at most 1500 characters."""

    multi_shots: bool | UnsetType = UNSET
    """Cuts it from several shots."""

    nsfw_checker: bool | UnsetType = UNSET
    """Filters results that are not safe for work; its default is false."""


class Wan26FlashImageToVideo(_Flash, frozen=True, kw_only=True):
    """Wan 2.6 flash, image to video.

    It is not on Apikley's published pages; facts of KIE's, August 2026.
    """

    model = "wan/2-6-flash-image-to-video"

    image_urls: Annotated[Sequence[ImageUrl], Meta(max_length=1)]
    """One URL of the first frame (jpeg, png or webp, ≤ 10 MB)."""

    audio: bool
    """Gives the clip sound. Must be given."""

    duration: Annotated[UpToFifteen, default("5")] | UnsetType = UNSET
    """Seconds, as "5" (the provider's default), "10", "15" or the integers; the wire gets the text."""


class Wan26FlashVideoToVideo(_Flash, frozen=True, kw_only=True):
    """Wan 2.6 flash, video to video.

    It is not on Apikley's published pages; facts of KIE's, August 2026.
    """

    model = "wan/2-6-flash-video-to-video"

    video_urls: Annotated[Sequence[VideoUrl], Meta(max_length=3)]
    """Up to three URLs of videos (mp4, quicktime or matroska, ≤ 10 MB each)."""

    audio: bool | UnsetType = UNSET
    """Gives the clip sound."""

    duration: Annotated[FiveOrTen, default("5")] | UnsetType = UNSET
    """Seconds, as "5" (the provider's default), "10" or the integers; the wire gets the text."""
