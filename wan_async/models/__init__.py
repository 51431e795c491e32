"""The models' inputs: one frozen struct each, fields named as on the wire, refused where they are written.

A video is made from

- text: `Wan22TextToVideoTurbo`, `Wan25TextToVideo`, `Wan26TextToVideo`, `Wan27TextToVideo`;
- an image: `Wan22ImageToVideoTurbo`, `Wan25ImageToVideo`, `Wan26ImageToVideo`, `Wan26FlashImageToVideo`,
  `Wan27ImageToVideo`;
- a video: `Wan22AnimateMove`, `Wan22AnimateReplace`, `Wan26VideoToVideo`, `Wan26FlashVideoToVideo`; edited in
  words: `Wan27VideoEdit`;
- speech: `Wan22SpeechToVideoTurbo`;
- references, or several of these: `Wan27ReferenceToVideo`, `Wan30Video`, `Wan30VideoPrime`.

Images are made by `Wan27Image` and `Wan27ImagePro`. `CustomInput` is any other model; `wan_async.models.catalogue` has
the fields of all as data.

A new model is one class in the module of its generation, its place in the union `AnyInput`, and its entry in the
contract that the emulator checks against (`wan_async/emulator/*.schema.json`): exports, checks, messages, JSON schema,
prices, the emulator's clips, the command line and the journal all follow from these.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias, get_args

from .._inputs.allowed import did_you_mean, either
from ..errors import InvalidInputError
from ._base import CustomInput, WanInput
from ._wan22 import (
    Wan22AnimateMove,
    Wan22AnimateReplace,
    Wan22ImageToVideoTurbo,
    Wan22SpeechToVideoTurbo,
    Wan22TextToVideoTurbo,
)
from ._wan25 import Wan25ImageToVideo, Wan25TextToVideo
from ._wan26 import (
    Wan26FlashImageToVideo,
    Wan26FlashVideoToVideo,
    Wan26ImageToVideo,
    Wan26TextToVideo,
    Wan26VideoToVideo,
)
from ._wan27 import (
    Wan27Image,
    Wan27ImagePro,
    Wan27ImageToVideo,
    Wan27ReferenceToVideo,
    Wan27TextToVideo,
    Wan27VideoEdit,
)
from ._wan30 import Wan30Video, Wan30VideoPrime
from .catalogue import types_of

__all__ = [
    "AnyInput",
    "CustomInput",
    "Wan22AnimateMove",
    "Wan22AnimateReplace",
    "Wan22ImageToVideoTurbo",
    "Wan22SpeechToVideoTurbo",
    "Wan22TextToVideoTurbo",
    "Wan25ImageToVideo",
    "Wan25TextToVideo",
    "Wan26FlashImageToVideo",
    "Wan26FlashVideoToVideo",
    "Wan26ImageToVideo",
    "Wan26TextToVideo",
    "Wan26VideoToVideo",
    "Wan27Image",
    "Wan27ImagePro",
    "Wan27ImageToVideo",
    "Wan27ReferenceToVideo",
    "Wan27TextToVideo",
    "Wan27VideoEdit",
    "Wan30Video",
    "Wan30VideoPrime",
    "WanInput",
    "input_from",
]

AnyInput: TypeAlias = (
    Wan22AnimateMove
    | Wan22AnimateReplace
    | Wan22ImageToVideoTurbo
    | Wan22SpeechToVideoTurbo
    | Wan22TextToVideoTurbo
    | Wan25ImageToVideo
    | Wan25TextToVideo
    | Wan26FlashImageToVideo
    | Wan26FlashVideoToVideo
    | Wan26ImageToVideo
    | Wan26TextToVideo
    | Wan26VideoToVideo
    | Wan27Image
    | Wan27ImagePro
    | Wan27ImageToVideo
    | Wan27ReferenceToVideo
    | Wan27TextToVideo
    | Wan27VideoEdit
    | Wan30Video
    | Wan30VideoPrime
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
        raise InvalidInputError("model", model, either(MODELS) + did_you_mean(model, MODELS))
    types = types_of(cls)
    unknown = {name: value for name, value in fields.items() if name not in types}
    if unknown and not custom:
        name, value = next(iter(unknown.items()))
        allowed = f"the fields of {model}: {', '.join(types)}"
        raise InvalidInputError(str(name), value, allowed + did_you_mean(name, types))
    for name, field in types.items():
        if field.required and name not in fields:
            raise InvalidInputError.missing(name)
    known = {name: value for name, value in fields.items() if name in types}
    return cls(**known, extra=unknown) if unknown else cls(**known)
