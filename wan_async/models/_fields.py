"""The kinds of fields that models share: media, prompts, seeds, sizes. A bound stands here or in its model, once."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeAlias

from msgspec import Meta


def default(value: Any) -> Meta:
    """The value that the provider takes where the field is left out: shown by schemas, and used for prices."""
    return Meta(extra_json_schema={"default": value})


def but_not(*values: int) -> Meta:
    """Integers within the bounds that are not allowed."""
    return Meta(extra={"not": values}, extra_json_schema={"not": {"enum": list(values)}})


NEWER = Meta(extra={"newer": True})
"""A field that the provider has added since: whoever sent it by `extra` may go on."""


def _url_of(media: str, name: str) -> Meta:
    words = "an http(s) URL that the provider can fetch"
    return Meta(description=words, examples=[f"https://example.com/{name}"], extra={"media": media})


if TYPE_CHECKING:  # msgspec knows no union of text and a path, and on the wire there is no path
    ImageUrl: TypeAlias = str | Path
    VideoUrl: TypeAlias = str | Path
    AudioUrl: TypeAlias = str | Path
    EditedVideoUrl: TypeAlias = str | Path
    VoiceUrl: TypeAlias = str | Path
else:
    ImageUrl = Annotated[str, _url_of("image", "fox.png")]
    VideoUrl = Annotated[str, _url_of("video", "fox.mp4")]
    AudioUrl = Annotated[str, _url_of("audio", "fox.mp3")]
    EditedVideoUrl = Annotated[str, _url_of("edited", "fox.mp4")]
    VoiceUrl = Annotated[str, _url_of("voice", "fox.wav")]

_A_PROMPT = Meta(examples=["a fox in the rain"], extra={"blank": False})
Prompt: TypeAlias = Annotated[str, Meta(min_length=1, max_length=5000), _A_PROMPT]
Prompt2To5000: TypeAlias = Annotated[str, Meta(min_length=2, max_length=5000), _A_PROMPT]
Prompt800: TypeAlias = Annotated[str, Meta(min_length=1, max_length=800), _A_PROMPT]
Prompt1500: TypeAlias = Annotated[str, Meta(min_length=1, max_length=1500), _A_PROMPT]
Prompt20000: TypeAlias = Annotated[str, Meta(min_length=1, max_length=20000), _A_PROMPT]
NegativePrompt: TypeAlias = Annotated[str, Meta(max_length=500, examples=["blurry, flicker"])]
Seed: TypeAlias = Annotated[int, Meta(ge=0, le=2147483647, examples=[7])]
AnySeed: TypeAlias = Annotated[int, Meta(examples=[7])]
NewerSwitch: TypeAlias = Annotated[bool, NEWER]

Turbo480To720: TypeAlias = Literal["480p", "580p", "720p"]
Upto1080: TypeAlias = Literal["720p", "1080p"]
Shape: TypeAlias = Literal["16:9", "9:16", "1:1", "4:3", "3:4"]
FiveOrTen: TypeAlias = Literal["5", "10", 5, 10]
UpToFifteen: TypeAlias = Literal["5", "10", "15", 5, 10, 15]
