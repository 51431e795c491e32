"""Wan 2.5."""

from __future__ import annotations

from typing import ClassVar, Literal

from msgspec import UNSET, UnsetType

from ._base import WanInput
from ._fields import AnySeed, FiveOrTen, ImageUrl, NegativePrompt, Prompt800, Upto1080
from ._tariffs import ByLength, Tariff


class _Wan25(WanInput, frozen=True, kw_only=True):
    tariff: ClassVar[Tariff | None] = ByLength({"720p": {"5": 60, "10": 120}, "1080p": {"5": 100, "10": 200}})

    prompt: Prompt800
    """A description of the clip, at most 800 characters."""

    duration: FiveOrTen
    """Seconds, as "5" or "10" or the integers; the wire gets the text. Must be given."""

    resolution: Upto1080 | UnsetType = UNSET
    """Pixels of the shorter side: "720p" or "1080p". Left out, no price is known."""

    negative_prompt: NegativePrompt | UnsetType = UNSET
    """Things to keep out of it, at most 500 characters."""

    enable_prompt_expansion: bool | UnsetType = UNSET
    """Lets the provider rewrite the prompt."""

    seed: AnySeed | UnsetType = UNSET
    """An integer: the same again makes much the same clip."""

    nsfw_checker: bool | UnsetType = UNSET
    """Filters results that are not safe for work; its default is false."""


class Wan25TextToVideo(_Wan25, frozen=True, kw_only=True):
    """Wan 2.5, text to video.

    It is not on Apikley's published pages; facts of KIE's, August 2026.
    """

    model = "wan/2-5-text-to-video"

    aspect_ratio: Literal["16:9", "9:16", "1:1"] | UnsetType = UNSET
    """Width to height: "16:9", "9:16" or "1:1"."""


class Wan25ImageToVideo(_Wan25, frozen=True, kw_only=True):
    """Wan 2.5, image to video.

    It is not on Apikley's published pages; facts of KIE's, August 2026.
    """

    model = "wan/2-5-image-to-video"

    image_url: ImageUrl
    """URL of the first frame (jpeg, png or webp, ≤ 10 MB)."""
