"""Wan 2.7: videos from text, from images, from references, from videos; and images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, ClassVar, Literal

from msgspec import UNSET, Meta, UnsetType

from ..errors import InvalidInputError
from ._base import WanInput, at_least_one, given_in
from ._fields import (
    AudioUrl,
    EditedVideoUrl,
    ImageUrl,
    NegativePrompt,
    Prompt,
    Seed,
    Shape,
    Upto1080,
    VideoUrl,
    VoiceUrl,
    but_not,
    default,
)
from ._tariffs import PerSecond, Tariff


class _Wan27Video(WanInput, frozen=True, kw_only=True):
    tariff: ClassVar[Tariff | None] = PerSecond({"720p": 16, "1080p": 24})

    negative_prompt: NegativePrompt | UnsetType = UNSET
    """Things to keep out of it, at most 500 characters."""

    resolution: Annotated[Upto1080, default("1080p")] | UnsetType = UNSET
    """Pixels of the shorter side: "720p" or "1080p" (the provider's default)."""

    prompt_extend: Annotated[bool, default(True)] | UnsetType = UNSET
    """Lets the provider rewrite the prompt; its default is true."""

    watermark: Annotated[bool, default(False)] | UnsetType = UNSET
    """Marks the clip as made by AI; the provider's default is false."""

    seed: Seed | UnsetType = UNSET
    """0 to 2147483647: the same again makes much the same clip."""

    nsfw_checker: bool | UnsetType = UNSET
    """Filters results that are not safe for work; its default is false."""


class Wan27TextToVideo(_Wan27Video, frozen=True, kw_only=True):
    """Wan 2.7, text to video.

    It is not on Apikley's published pages; facts of KIE's, August 2026.
    """

    model = "wan/2-7-text-to-video"

    prompt: Prompt
    """A description of the clip, 1 to 5000 characters."""

    audio_url: AudioUrl | UnsetType = UNSET
    """URL of the sound that the clip gets (mp3, wav, ogg, m4a, flac, aac or wma, ≤ 10 MB)."""

    ratio: Annotated[Shape, default("16:9")] | UnsetType = UNSET
    """Width to height: "16:9" (the provider's default), "9:16", "1:1", "4:3" or "3:4"."""

    duration: Annotated[int, Meta(ge=2, le=15), default(5)] | UnsetType = UNSET
    """Seconds, an integer from 2 to 15; the provider's default is 5."""


class Wan27ImageToVideo(_Wan27Video, frozen=True, kw_only=True):
    """Wan 2.7, image to video: from a first frame, from a first and a last, or going on from a clip.

    It is not on Apikley's published pages; facts of KIE's, August 2026.
    """

    model = "wan/2-7-image-to-video"

    prompt: Prompt
    """A description of the clip, at most 5000 characters."""

    first_frame_url: ImageUrl | UnsetType = UNSET
    """URL of the first frame (jpeg, png or webp, ≤ 10 MB)."""

    last_frame_url: ImageUrl | UnsetType = UNSET
    """URL of the last frame (jpeg, png or webp, ≤ 10 MB)."""

    first_clip_url: VideoUrl | UnsetType = UNSET
    """URL of the video that goes on (mp4, quicktime or matroska, ≤ 10 MB)."""

    driving_audio_url: AudioUrl | UnsetType = UNSET
    """URL of the sound that drives the clip (mp3, wav, ogg, m4a, flac, aac or wma, ≤ 10 MB)."""

    duration: Annotated[int, Meta(ge=2, le=15), default(5)] | UnsetType = UNSET
    """Seconds, an integer from 2 to 15; the provider's default is 5."""


class Wan27ReferenceToVideo(_Wan27Video, frozen=True, kw_only=True):
    """Wan 2.7, reference to video: who and what is seen and heard is taken from references.

    It is not on Apikley's published pages; facts of KIE's, August 2026.

    At least one of `reference_image` and `reference_video` must be given, together at most five URLs.
    """

    model = "wan/2-7-r2v"

    prompt: Prompt
    """A description of the clip, at most 5000 characters; it may name "image 1" or "video 2"."""

    reference_image: Annotated[Sequence[ImageUrl], Meta(max_length=5)] | UnsetType = UNSET
    """Up to five URLs of images (jpeg, png or webp, ≤ 10 MB each)."""

    reference_video: Annotated[Sequence[VideoUrl], Meta(max_length=5)] | UnsetType = UNSET
    """Up to five URLs of videos (mp4, quicktime or matroska, ≤ 10 MB each)."""

    first_frame: ImageUrl | UnsetType = UNSET
    """URL of the first frame (jpeg, png or webp, ≤ 10 MB)."""

    reference_voice: VoiceUrl | UnsetType = UNSET
    """URL of a voice (wav or mp3, 1 to 10 s, ≤ 15 MB)."""

    aspect_ratio: Annotated[Shape, default("16:9")] | UnsetType = UNSET
    """Width to height: "16:9" (the provider's default), "9:16", "1:1", "4:3" or "3:4"."""

    duration: Annotated[int, Meta(ge=2, le=10), default(5)] | UnsetType = UNSET
    """Seconds, an integer from 2 to 10; the provider's default is 5."""

    def check_together(self) -> None:
        """Refuse too few and too many references."""
        at_least_one(self, "reference_image", "reference_video")
        images, videos = given_in(self, "reference_image"), given_in(self, "reference_video")
        if len(images) + len(videos) > 5:
            raise InvalidInputError("reference_video", videos, "at most 5 URLs, those of reference_image among them")


class Wan27VideoEdit(_Wan27Video, frozen=True, kw_only=True):
    """Wan 2.7, video edit: a video is changed as the prompt says.

    It is not on Apikley's published pages; facts of KIE's, August 2026.
    """

    model = "wan/2-7-videoedit"

    video_url: EditedVideoUrl
    """URL of the video (mp4 or quicktime, 2 to 10 s, ≤ 100 MB)."""

    prompt: Prompt | UnsetType = UNSET
    """A description of the change, at most 5000 characters."""

    reference_image: ImageUrl | UnsetType = UNSET
    """URL of an image to go by (jpeg, png or webp, ≤ 10 MB)."""

    duration: Annotated[int, Meta(ge=0, le=10), but_not(1), default(0)] | UnsetType = UNSET
    """Seconds, an integer from 2 to 10, or 0 (the provider's default) for the whole video."""

    audio_setting: Annotated[Literal["auto", "origin"], default("auto")] | UnsetType = UNSET
    """Source of the sound: "auto" (the provider's default) or "origin", the video's own."""

    aspect_ratio: Shape | UnsetType = UNSET
    """Width to height: "16:9", "9:16", "1:1", "4:3" or "3:4"; left out, as the video."""


class _Wan27Image(WanInput, frozen=True, kw_only=True):
    prompt: Prompt
    """A description of the image or of the change, at most 5000 characters."""

    n: int | UnsetType = UNSET
    """Number of images; KIE's pages name 1 to 4, and up to 12 with `enable_sequential`."""

    input_urls: Annotated[Sequence[ImageUrl], Meta(max_length=9)] | UnsetType = UNSET
    """Up to nine URLs of images to go by (jpeg, png or webp, ≤ 10 MB each)."""

    aspect_ratio: Literal["1:1", "16:9", "4:3", "21:9", "3:4", "9:16", "8:1", "1:8"] | UnsetType = UNSET
    """Width to height: "1:1", "16:9", "4:3", "21:9", "3:4", "9:16", "8:1" or "1:8"."""

    resolution: Annotated[Literal["1K", "2K", "4K"], default("2K")] | UnsetType = UNSET
    """Side of a square of as many pixels: "1K", "2K" (the provider's default) or "4K"."""

    enable_sequential: Annotated[bool, default(False)] | UnsetType = UNSET
    """Makes images that belong together, as a story's do; the provider's default is false."""

    thinking_mode: Annotated[bool, default(False)] | UnsetType = UNSET
    """Lets the model think longer; the provider's default is false."""

    bbox_list: Sequence[Any] | UnsetType = UNSET
    """Regions to change, a list of boxes for each input image; sent as they are."""

    color_palette: Annotated[Sequence[Any], Meta(min_length=3, max_length=10)] | UnsetType = UNSET
    """3 to 10 colours with their shares; sent as they are."""

    seed: Annotated[Seed, default(0)] | UnsetType = UNSET
    """0 to 2147483647; the provider's default is 0."""

    watermark: Annotated[bool, default(False)] | UnsetType = UNSET
    """Marks the images as made by AI; the provider's default is false."""


class Wan27Image(_Wan27Image, frozen=True, kw_only=True):
    """Wan 2.7, images from text or from images.

    It is not on Apikley's published pages; facts of KIE's, August 2026.
    """

    model = "wan/2-7-image"

    nsfw_checker: bool | UnsetType = UNSET
    """Filters results that are not safe for work; its default is false."""


class Wan27ImagePro(_Wan27Image, frozen=True, kw_only=True):
    """Wan 2.7 pro, images from text or from images, in more detail.

    It is not on Apikley's published pages; facts of KIE's, August 2026.
    """

    model = "wan/2-7-image-pro"
