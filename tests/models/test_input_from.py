"""Inputs made from their wire fields and from JSON, and the fields' descriptions read back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import msgspec
import pytest

from wan_async import (
    CustomInput,
    InvalidInputError,
    Wan22AnimateMove,
    Wan22ImageToVideoTurbo,
    Wan22TextToVideoTurbo,
    Wan26ImageToVideo,
    WanInput,
)
from wan_async._inputs.checks import check_fields
from wan_async.emulator import Emulator
from wan_async.models import MODELS, input_from

from ..emulator.support import create
from .test_inputs import FULL, URL, wire


@pytest.mark.parametrize("model", FULL)
def test_input_from_makes_the_models_own_class(model: str) -> None:
    made = input_from(model, FULL[model])
    assert type(made) is MODELS[model]
    assert wire(made) == FULL[model]
    assert input_from(model, FULL[model], custom=True) == made


@pytest.mark.parametrize("model", FULL)
def test_input_from_names_what_is_wrong(model: str) -> None:
    fields = FULL[model]
    with pytest.raises(InvalidInputError, match=rf"^typo: 1 is not allowed; allowed: the fields of {model}: "):
        input_from(model, {**fields, "typo": 1})
    with pytest.raises(InvalidInputError, match=r"^extra: {} is not allowed; allowed: the fields of"):
        input_from(model, {**fields, "extra": {}})
    for name in MODELS[model].__struct_fields__:
        if name in fields:
            with pytest.raises(InvalidInputError, match=f"^{name}: None is not allowed"):
                input_from(model, {**fields, name: None})
    required = [field.name for field in msgspec.structs.fields(MODELS[model]) if field.required]
    for name in required:
        with pytest.raises(InvalidInputError, match=f"^{name}: missing; this field is required$"):
            input_from(model, {given: value for given, value in fields.items() if given != name}, custom=True)


REQUESTS = [
    json.loads(line) for line in (Path(__file__).parents[1] / "data" / "requests.jsonl").read_text().splitlines()
]
"""Requests in the shapes that other people's clients send for 2.5, 2.6 and 2.7."""


@pytest.mark.parametrize("request_", REQUESTS, ids=lambda request_: request_["model"])
def test_what_other_clients_send_goes_through_unchanged(request_: dict[str, Any]) -> None:
    made = input_from(request_["model"], request_["input"])
    assert type(made) is MODELS[request_["model"]]
    assert wire(made) == request_["input"]
    assert create(Emulator(limit=None), request_)["code"] == 200


@pytest.mark.parametrize(
    ("model", "fields", "hint"),
    [
        ("wan/2-2-a14b-text-to-video-turbo", {"promt": "a fox"}, "prompt"),
        ("wan/2-2-a14b-text-to-video-turbo", {"Prompt": "a fox"}, "prompt"),
        ("wan/2-2-a14b-text-to-video-turbo", {"prompt": "a fox", "resolution": "720"}, "720p"),
        ("wan/2-2-a14b-text-to-video-turbo", {"prompt": "a fox", "acceleration": "Regular"}, "regular"),
        ("wan/2-6-image-to-video", {"image_url": URL}, "image_urls"),
        ("wan/2.6-image-to-video", {}, "wan/2-6-image-to-video"),
        ("2-2-animate-move", {}, "wan/2-2-animate-move"),
    ],
)
def test_a_slip_of_the_pen_gets_a_hint(model: str, fields: dict[str, Any], hint: str) -> None:
    with pytest.raises(InvalidInputError, match=rf"; did you mean '{hint}'\?$"):
        input_from(model, fields)


@pytest.mark.parametrize("fields", [{"x": 1}, {"prompt": "a fox", "resolution": 720}, {"prompt": "a", "seed": "x"}])
def test_what_is_near_to_nothing_gets_none(fields: dict[str, Any]) -> None:
    with pytest.raises(InvalidInputError, match=r"^(?!.*did you mean)"):
        input_from("wan/2-2-a14b-text-to-video-turbo", fields)


@pytest.mark.parametrize("model", ["wan/9", "", None, 5, [], {}])
def test_an_unknown_model_is_refused(model: Any) -> None:
    with pytest.raises(InvalidInputError, match=r"^model: .* 'wan/2-2-animate-move' or "):
        input_from(model, {})


def test_an_unknown_model_may_be_custom() -> None:
    assert input_from("wan/9", {"a": 1}, custom=True) == CustomInput("wan/9", {"a": 1})
    with pytest.raises(InvalidInputError, match=r"^model: "):
        input_from([], {"a": 1}, custom=True)  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize("model", FULL)
def test_json_decodes_into_a_struct(model: str) -> None:
    made = msgspec.json.decode(json.dumps(FULL[model]), type=MODELS[model])
    assert made == input_from(model, FULL[model])


@pytest.mark.parametrize(
    ("cls", "fields", "words"),
    [
        (Wan22TextToVideoTurbo, {}, "prompt"),
        (Wan22TextToVideoTurbo, {"prompt": "x" * 5001}, r"\$\.prompt"),
        (Wan22TextToVideoTurbo, {"prompt": "x", "seed": -1}, r"\$\.seed"),
        (Wan22TextToVideoTurbo, {"prompt": "x", "seed": True}, r"\$\.seed"),
        (Wan22TextToVideoTurbo, {"prompt": "x", "aspect_ratio": "auto"}, r"\$\.aspect_ratio"),
        (Wan22ImageToVideoTurbo, {"prompt": "x", "image_url": "ftp://a/b"}, "image_url: 'ftp://a/b'"),
        (Wan22AnimateMove, {"image_url": URL, "video_url": "a.mp4"}, "video_url: 'a.mp4'"),
        (Wan26ImageToVideo, {"prompt": "ab", "image_urls": [URL, URL]}, r"\$\.image_urls"),
        (Wan26ImageToVideo, {"prompt": "ab", "image_urls": ["no"]}, r"image_urls\[0\]: 'no'"),
        (Wan26ImageToVideo, {"prompt": "a", "image_urls": [URL]}, r"\$\.prompt"),
        (Wan22TextToVideoTurbo, {"prompt": "x", "extra": {"prompt": "y"}}, "extra: 'prompt'"),
    ],
)
def test_json_decoding_names_the_field(cls: type[WanInput], fields: dict[str, Any], words: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=words):
        msgspec.json.decode(json.dumps(fields), type=cls)
    with pytest.raises(msgspec.ValidationError, match=words):
        msgspec.convert(fields, type=cls)


@pytest.mark.parametrize("cls", [*MODELS.values(), CustomInput], ids=lambda cls: cls.__name__)
def test_each_input_has_a_json_schema(cls: type[WanInput]) -> None:
    schema = msgspec.json.schema(cls)["$defs"][cls.__name__]
    assert [name for name in schema["properties"] if name != "extra"] == [
        name for name in cls.__struct_fields__ if name != "extra"
    ]
    assert json.loads(json.dumps(schema)) == schema


def test_a_field_of_a_type_without_a_check_is_told_at_once() -> None:
    class Odd(WanInput, frozen=True, kw_only=True):
        when: set[int]

    with pytest.raises(TypeError, match="no check is known"):
        Odd(when={1})


def test_bounds_that_no_model_uses_yet() -> None:
    class Free(msgspec.Struct):
        text: str
        number: int
        items: list[Annotated[str, msgspec.Meta(description="a word")]]

    check_fields(Free("", 10**9, []))
    for bad, allowed in (
        (Free(1, 1, []), "text"),  # pyright: ignore[reportArgumentType]
        (Free("", 1.5, []), "an integer"),  # pyright: ignore[reportArgumentType]
        (Free("", 1, [5]), "text"),  # pyright: ignore[reportArgumentType]
        (Free("", 1, "abc"), "a list"),  # pyright: ignore[reportArgumentType]
    ):
        with pytest.raises(InvalidInputError) as caught:
            check_fields(bad)
        assert caught.value.allowed == allowed
