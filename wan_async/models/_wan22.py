"""Wan 2.2: animations of a character, and the turbo models, of which one speaks."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from msgspec import UNSET, Meta, UnsetType

from ._base import WanInput
from ._fields import (
    AnySeed,
    AudioUrl,
    ImageUrl,
    NegativePrompt,
    NewerSwitch,
    Prompt,
    Seed,
    Turbo480To720,
    VideoUrl,
    default,
)
from ._tariffs import PerClip, PerSecond, Tariff


class _Animate(WanInput, frozen=True, kw_only=True):
    tariff: ClassVar[Tariff | None] = PerSecond({"480p": 6, "580p": 9.5, "720p": 12.5})

    video_url: VideoUrl
    """URL of the driving video (mp4, quicktime or matroska, ≤ 10 MB)."""

    image_url: ImageUrl
    """URL of the character's image (jpeg, png or webp, ≤ 10 MB)."""

    resolution: Annotated[Turbo480To720, default("480p")] | UnsetType = UNSET
    """Pixels of the shorter side: "480p" (the provider's default), "580p" or "720p"."""

    nsfw_checker: NewerSwitch | UnsetType = UNSET
    """Filters results that are not safe for work. Newer than Apikley's pages; a fact of KIE's."""


class Wan22AnimateMove(_Animate, frozen=True, kw_only=True):
    """Wan 2.2 Animate, move: the image's character moves as in the video."""

    model = "wan/2-2-animate-move"


class Wan22AnimateReplace(_Animate, frozen=True, kw_only=True):
    """Wan 2.2 Animate, replace: the image's character takes the place of the one in the video."""

    model = "wan/2-2-animate-replace"


class _Turbo(WanInput, frozen=True, kw_only=True):
    tariff: ClassVar[Tariff | None] = PerClip({"480p": 40, "580p": 60, "720p": 80})

    prompt: Prompt
    """A description of the clip, at most 5000 characters."""

    resolution: Annotated[Turbo480To720, default("720p")] | UnsetType = UNSET
    """Pixels of the shorter side: "480p", "580p" or "720p" (the provider's default)."""

    enable_prompt_expansion: bool | UnsetType = UNSET
    """Lets the provider rewrite the prompt."""

    seed: Annotated[Seed, default(0)] | UnsetType = UNSET
    """0 to 2147483647; the provider's default is 0, which means random."""

    acceleration: Annotated[Literal["none", "regular"], default("none")] | UnsetType = UNSET
    """Speed at the cost of detail: "none" (the provider's default) or "regular"."""

    nsfw_checker: NewerSwitch | UnsetType = UNSET
    """Filters results that are not safe for work. Newer than Apikley's pages; a fact of KIE's."""


class Wan22ImageToVideoTurbo(_Turbo, frozen=True, kw_only=True):
    """Wan 2.2 A14B turbo, image to video: a clip of 5 s."""

    model = "wan/2-2-a14b-image-to-video-turbo"

    image_url: ImageUrl
    """URL of the first frame (jpeg, png or webp, ≤ 10 MB)."""

    aspect_ratio: Annotated[Literal["auto", "16:9", "9:16", "1:1"], default("auto")] | UnsetType = UNSET
    """Width to height: "auto" (the provider's default, as the image), "16:9", "9:16" or "1:1"."""


class Wan22TextToVideoTurbo(_Turbo, frozen=True, kw_only=True):
    """Wan 2.2 A14B turbo, text to video: a clip of 5 s."""

    model = "wan/2-2-a14b-text-to-video-turbo"

    aspect_ratio: Annotated[Literal["16:9", "9:16", "1:1"], default("16:9")] | UnsetType = UNSET
    """Width to height: "16:9" (the provider's default), "9:16" or "1:1"."""


class Wan22SpeechToVideoTurbo(WanInput, frozen=True, kw_only=True):
    """Wan 2.2 A14B turbo, speech to video: the image's character speaks as in the sound.

    It is not on Apikley's published pages; facts of KIE's, August 2026.

    The list prices it at 12, 18 and 24 credits (480p, 580p, 720p), but does not say for what: no price is known here.
    """

    model = "wan/2-2-a14b-speech-to-video-turbo"

    image_url: ImageUrl
    """URL of the character's image (jpeg, png or webp, ≤ 10 MB)."""

    audio_url: AudioUrl
    """URL of the sound (mp3, wav, ogg, m4a, flac, aac or wma, ≤ 10 MB)."""

    prompt: Prompt
    """A description of the clip, at most 5000 characters."""

    num_frames: Annotated[int, Meta(ge=40, le=120, multiple_of=4), default(80)] | UnsetType = UNSET
    """Frames of the clip, 40 to 120 in steps of 4; the provider's default is 80."""

    frames_per_second: Annotated[float, Meta(ge=4, le=60), default(16)] | UnsetType = UNSET
    """Frames a second, 4 to 60; the provider's default is 16."""

    resolution: Annotated[Turbo480To720, default("480p")] | UnsetType = UNSET
    """Pixels of the shorter side: "480p" (the provider's default), "580p" or "720p"."""

    negative_prompt: NegativePrompt | UnsetType = UNSET
    """Things to keep out of it, at most 500 characters."""

    seed: AnySeed | UnsetType = UNSET
    """An integer: the same again makes much the same clip."""

    num_inference_steps: Annotated[float, Meta(ge=2, le=40), default(27)] | UnsetType = UNSET
    """Steps of the sampler, 2 to 40; the provider's default is 27."""

    guidance_scale: Annotated[float, Meta(ge=1, le=10), default(3.5)] | UnsetType = UNSET
    """Faithfulness to the prompt, 1 to 10; the provider's default is 3.5."""

    shift: Annotated[float, Meta(ge=1, le=10), default(5)] | UnsetType = UNSET
    """The sampler's shift, 1 to 10; the provider's default is 5."""

    nsfw_checker: bool | UnsetType = UNSET
    """Filters results that are not safe for work; its default is false."""
