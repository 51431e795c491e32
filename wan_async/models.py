"""The models' inputs: one frozen struct each, fields named as on the wire, refused where they are written.

A new model is one class here, with its `model` name and its annotated fields, plus its name in `AnyInput` below:
checks, messages, JSON schema, the command line and the journal all read the annotations.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, TypeAlias, get_args

import msgspec
from msgspec import UNSET, Meta, UnsetType

from ._checks import check_extra, check_fields
from ._local_files import path_to_text
from ._web_models import WebModel
from .errors import InvalidInputError

__all__ = [
    "AnyInput",
    "CustomInput",
    "Wan22AnimateMove",
    "Wan22AnimateReplace",
    "Wan22ImageToVideoTurbo",
    "Wan22TextToVideoTurbo",
    "Wan26ImageToVideo",
    "WanInput",
    "input_from",
]

_URL = "an http(s) URL that the provider can fetch"
if TYPE_CHECKING:  # msgspec knows no union of text and a path, and on the wire there is no path
    ImageUrl: TypeAlias = str | Path
    VideoUrl: TypeAlias = str | Path
else:
    ImageUrl = Annotated[str, Meta(description=_URL, extra={"url": True, "media": "image"})]
    VideoUrl = Annotated[str, Meta(description=_URL, extra={"url": True, "media": "video"})]
Prompt: TypeAlias = Annotated[str, Meta(max_length=5000)]
Seed: TypeAlias = Annotated[int, Meta(ge=0, le=2147483647)]
Resolution: TypeAlias = Literal["480p", "580p", "720p"]
Acceleration: TypeAlias = Literal["none", "regular"]

_canonical = msgspec.json.Encoder(order="sorted", enc_hook=path_to_text).encode


class WanInput(WebModel, frozen=True, kw_only=True):
    """What a task is made from: the base of all inputs.

    A field that is left out is not sent, and the provider's default holds. Where a field takes the URL of an image or a
    video, a `pathlib.Path` may stand: the file (≤ 10 MB) is uploaded when the task is submitted. In a journal such an
    input is known by the path's text as it was given, so that a resume neither needs the file nor pays again for it.

    Attributes:
        model: the model's name on the wire.
        extra: fields that this version does not know, sent beside the others as they are.

    Raises:
        InvalidInputError: a field's value is refused: its name, what was given, what is allowed.
    """

    model: ClassVar[str]
    extra: dict[str, Any] | UnsetType = UNSET

    def __post_init__(self) -> None:
        check_fields(self)
        if self.extra is not UNSET:
            check_extra(self.extra, self._names())

    def _names(self) -> Collection[str]:
        """The names that `extra` may not have."""
        return self.__struct_fields__

    def wire(self) -> WanInput | dict[str, Any]:
        """The `input` object of createTask, ready to be encoded as JSON."""
        if self.extra is UNSET:
            return self
        fields: dict[str, Any] = msgspec.to_builtins(self, enc_hook=path_to_text)
        del fields["extra"]
        return {**fields, **self.extra}

    def content(self) -> bytes:
        """The input as JSON with sorted fields: equal for equal inputs, whatever the order they were written in."""
        return _canonical(self.wire())


class _Animate(WanInput, frozen=True, kw_only=True):
    video_url: VideoUrl
    image_url: ImageUrl
    resolution: Resolution | UnsetType = UNSET


class Wan22AnimateMove(_Animate, frozen=True, kw_only=True):
    """Wan 2.2 Animate, move: the image's character moves as in the video.

    Attributes:
        video_url: URL of the driving video (mp4, quicktime or matroska, ≤ 10 MB).
        image_url: URL of the character's image (jpeg, png or webp, ≤ 10 MB).
        resolution: "480p" (the provider's default), "580p" or "720p".
    """

    model: ClassVar[str] = "wan/2-2-animate-move"


class Wan22AnimateReplace(_Animate, frozen=True, kw_only=True):
    """Wan 2.2 Animate, replace: the image's character takes the place of the one in the video.

    Attributes:
        video_url: URL of the video (mp4, quicktime or matroska, ≤ 10 MB).
        image_url: URL of the character's image (jpeg, png or webp, ≤ 10 MB).
        resolution: "480p" (the provider's default), "580p" or "720p".
    """

    model: ClassVar[str] = "wan/2-2-animate-replace"


class _Turbo(WanInput, frozen=True, kw_only=True):
    prompt: Prompt
    resolution: Resolution | UnsetType = UNSET
    enable_prompt_expansion: bool | UnsetType = UNSET
    seed: Seed | UnsetType = UNSET
    acceleration: Acceleration | UnsetType = UNSET


class Wan22ImageToVideoTurbo(_Turbo, frozen=True, kw_only=True):
    """Wan 2.2 A14B turbo, image to video.

    Attributes:
        image_url: URL of the first frame (jpeg, png or webp, ≤ 10 MB).
        prompt: what happens, at most 5000 characters.
        resolution: "480p", "580p" or "720p" (the provider's default).
        aspect_ratio: "auto" (the provider's default), "16:9", "9:16" or "1:1".
        enable_prompt_expansion: whether the provider may rewrite the prompt.
        seed: 0 to 2147483647; the provider's default is 0, which means random.
        acceleration: "none" (the provider's default) or "regular".
    """

    model: ClassVar[str] = "wan/2-2-a14b-image-to-video-turbo"
    image_url: ImageUrl
    aspect_ratio: Literal["auto", "16:9", "9:16", "1:1"] | UnsetType = UNSET


class Wan22TextToVideoTurbo(_Turbo, frozen=True, kw_only=True):
    """Wan 2.2 A14B turbo, text to video.

    Attributes:
        prompt: what happens, at most 5000 characters.
        resolution: "480p", "580p" or "720p" (the provider's default).
        aspect_ratio: "16:9" (the provider's default), "9:16" or "1:1".
        enable_prompt_expansion: whether the provider may rewrite the prompt.
        seed: 0 to 2147483647; the provider's default is 0.
        acceleration: "none" (the provider's default) or "regular".
    """

    model: ClassVar[str] = "wan/2-2-a14b-text-to-video-turbo"
    aspect_ratio: Literal["16:9", "9:16", "1:1"] | UnsetType = UNSET


class Wan26ImageToVideo(WanInput, frozen=True, kw_only=True):
    """Wan 2.6, image to video.

    Attributes:
        prompt: what happens, 2 to 5000 characters.
        image_urls: exactly one URL of the first frame (jpeg, png or webp, ≤ 10 MB).
        duration: seconds, as "5" (the provider's default), "10", "15" or the integers; the wire gets the text.
        resolution: "720p" or "1080p" (the provider's default).
    """

    model: ClassVar[str] = "wan/2-6-image-to-video"
    prompt: Annotated[str, Meta(min_length=2, max_length=5000)]
    image_urls: Annotated[Sequence[ImageUrl], Meta(min_length=1, max_length=1)]
    duration: Literal["5", "10", "15", 5, 10, 15] | UnsetType = UNSET
    resolution: Literal["720p", "1080p"] | UnsetType = UNSET

    def __post_init__(self) -> None:
        super().__post_init__()
        if isinstance(self.duration, int):
            msgspec.structs.force_setattr(self, "duration", str(self.duration))


class CustomInput(WanInput, frozen=True):
    """Any other model: its name and its fields, sent as they are.

    Attributes:
        model: the model's name on the wire, such as `"wan/2-6-text-to-video"`.
        input: its fields, an object of JSON values.
        price: what one task costs, in credits, for `max_credits`; not sent.
    """

    model: Annotated[str, Meta(min_length=1)]  # pyright: ignore[reportIncompatibleVariableOverride]
    input: dict[str, Any]
    price: float | UnsetType = UNSET

    def _names(self) -> Collection[str]:
        return self.input

    def wire(self) -> dict[str, Any]:
        """The `input` object of createTask: the fields as given, and `extra`."""
        return self.input if self.extra is UNSET else {**self.input, **self.extra}


AnyInput: TypeAlias = (
    Wan22AnimateMove | Wan22AnimateReplace | Wan22ImageToVideoTurbo | Wan22TextToVideoTurbo | Wan26ImageToVideo
)

MODELS: Mapping[str, type[WanInput]] = {cls.model: cls for cls in get_args(AnyInput)}
"""The models this version knows, by their names on the wire."""


def input_from(model: str, fields: Mapping[str, Any], *, custom: bool = False) -> WanInput:
    """Make the input of `model` from its wire fields, as from a line of JSON.

    Args:
        model: the model's name on the wire.
        fields: the fields of its `input` object.
        custom: let unknown fields pass as `extra`, and unknown models as `CustomInput`.

    Raises:
        InvalidInputError: an unknown model, an unknown or missing field, or a refused value.
    """
    cls = MODELS.get(model) if isinstance(model, str) else None
    if cls is None:
        if custom:
            return CustomInput(model, dict(fields))
        raise InvalidInputError("model", model, " or ".join(map(repr, MODELS)))
    rules = _may_be_left_out(cls)
    unknown = {name: value for name, value in fields.items() if name not in rules}
    if unknown and not custom:
        name, value = next(iter(unknown.items()))
        raise InvalidInputError(str(name), value, f"the fields of {model}: {', '.join(rules)}")
    for name, may_be_left_out in rules.items():
        if not may_be_left_out and name not in fields:
            raise InvalidInputError(name, None, "a value: this field is required")
    known = {name: value for name, value in fields.items() if name in rules}
    return cls(**known, extra=unknown) if unknown else cls(**known)


@cache
def _may_be_left_out(cls: type[WanInput]) -> dict[str, bool]:
    """The model's fields, and whether each may be left out; asking msgspec takes half a millisecond."""
    return {field.name: not field.required for field in msgspec.structs.fields(cls) if field.name != "extra"}
