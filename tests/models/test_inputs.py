"""What the schema does not tell: extra fields, other models, equality, copies, decoding from JSON."""

from __future__ import annotations

import copy
import enum
import json
import pickle
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wan_async import (
    CustomInput,
    InvalidInputError,
    Wan22TextToVideoTurbo,
    Wan26ImageToVideo,
    WanInput,
)
from wan_async._protocol.requests import create_task
from wan_async.models import input_from

URL = "https://example.com/a.png"
FULL: dict[str, dict[str, Any]] = {
    "wan/2-2-animate-move": {"video_url": URL, "image_url": URL, "resolution": "580p"},
    "wan/2-2-animate-replace": {"video_url": URL, "image_url": URL, "resolution": "720p"},
    "wan/2-2-a14b-image-to-video-turbo": {
        "image_url": URL,
        "prompt": "a fox",
        "resolution": "480p",
        "aspect_ratio": "auto",
        "enable_prompt_expansion": False,
        "seed": 0,
        "acceleration": "regular",
    },
    "wan/2-2-a14b-text-to-video-turbo": {"prompt": "a fox", "seed": 7, "aspect_ratio": "1:1"},
    "wan/2-6-image-to-video": {"prompt": "ab", "image_urls": [URL], "duration": "10", "resolution": "1080p"},
}
EACH = [input_from(model, fields) for model, fields in FULL.items()]
ALL: list[WanInput] = [
    *EACH,
    Wan22TextToVideoTurbo(prompt="a fox", extra={"nsfw_checker": True, "list": [1, {"a": None}]}),
    CustomInput("wan/9", {"prompt": "a fox", "n": 2}, price=12.5, extra={"m": 1}),
]

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
OBJECTS = st.dictionaries(st.text(), JSON, max_size=4)


def wire(task_input: WanInput) -> Any:
    body = create_task(task_input).body
    assert body is not None
    return json.loads(body)["input"]


@given(OBJECTS)
def test_extra_fields_are_sent_as_they_are(extra: dict[str, Any]) -> None:
    extra = {f"_{name}": value for name, value in extra.items()}
    assert wire(Wan22TextToVideoTurbo(prompt="a fox", seed=1, extra=extra)) == {"prompt": "a fox", "seed": 1, **extra}
    assert wire(CustomInput("m", {"a": 1}, extra=extra)) == {"a": 1, **extra}


def test_extra_goes_with_every_kind_of_field() -> None:
    for task_input in EACH:
        fields = FULL[task_input.model]
        assert wire(input_from(task_input.model, {**fields, "multi_shots": True}, custom=True)) == {
            **fields,
            "multi_shots": True,
        }


def circle() -> list[object]:
    turning: list[object] = []
    turning.append(turning)
    return turning


def deep() -> list[object]:
    nested: list[object] = []
    for _ in range(100_000):
        nested = [nested]
    return nested


class Word(str):
    __slots__ = ()


NO_JSON: list[Any] = [
    float("nan"),
    float("inf"),
    b"bytes",
    {1: "a"},
    {None: 1},
    {"\ud800": 1},
    "\udfff",
    {"a"},
    object(),
    msgspec.UNSET,
    10**5000,
    Path("a.png"),
    Word("not encodable by msgspec"),
    circle(),
    deep(),
]


@pytest.mark.parametrize("value", NO_JSON, ids=lambda value: type(value).__name__)
def test_what_json_cannot_hold_is_refused(value: Any) -> None:
    for whole in ({"a": value}, {"a": [0, {"b": (value,)}]}):
        with pytest.raises(InvalidInputError) as caught:
            Wan22TextToVideoTurbo(prompt="a fox", extra=whole)
        assert (caught.value.field, caught.value.given) == ("extra", whole)
        with pytest.raises(InvalidInputError, match=r"^input: .* an object of JSON values$"):
            CustomInput("m", whole)


@pytest.mark.parametrize("value", [None, [], "a", 1, [("a", 1)], {1: 2}])
def test_extra_and_input_are_objects(value: Any) -> None:
    with pytest.raises(InvalidInputError, match=r"^extra: "):
        Wan22TextToVideoTurbo(prompt="a fox", extra=value)
    with pytest.raises(InvalidInputError, match=r"^input: "):
        CustomInput("m", value)


def test_extra_takes_no_known_name() -> None:
    with pytest.raises(InvalidInputError, match=r"^extra: 'seed' is not allowed"):
        Wan22TextToVideoTurbo(prompt="a fox", extra={"new": 1, "seed": 1})
    with pytest.raises(InvalidInputError, match=r"^extra: 'prompt' is not allowed"):
        CustomInput("m", {"prompt": "a"}, extra={"prompt": "b"})
    assert wire(CustomInput("m", {"prompt": "a"}, extra={"price": 1, "model": "x"})) == {
        "prompt": "a",
        "price": 1,
        "model": "x",
    }


def test_the_callers_objects_may_change_afterwards() -> None:
    fields: dict[str, Any] = {"prompt": "a", "list": [1]}
    urls = [URL]
    custom, known = CustomInput("m", fields), Wan22TextToVideoTurbo(prompt="a", extra={"x": fields})
    image = Wan26ImageToVideo(prompt="ab", image_urls=urls)
    fields["prompt"] = float("nan")
    fields["list"].append(2)
    urls.append("nonsense")
    assert wire(custom) == {"prompt": "a", "list": [1]}
    assert wire(known) == {"prompt": "a", "x": {"prompt": "a", "list": [1]}}
    assert wire(image) == {"prompt": "ab", "image_urls": [URL]}


@pytest.mark.parametrize("model", ["", None, 5, b"m", "\ud800", msgspec.UNSET])
def test_a_custom_model_is_a_name(model: Any) -> None:
    with pytest.raises(InvalidInputError, match=r"^model: "):
        CustomInput(model, {})


@pytest.mark.parametrize("price", [-0.1, float("nan"), float("inf"), True, "5", None, 10**400])
def test_a_custom_price_is_a_number(price: Any) -> None:
    with pytest.raises(InvalidInputError, match=r"^price: .* a finite number ≥ 0$"):
        CustomInput("m", {}, price=price)


def test_a_custom_price_is_not_sent() -> None:
    assert wire(CustomInput("m", {"a": 1}, price=5)) == {"a": 1}
    assert CustomInput("m", {}, price=5).price == 5.0


def test_durations_may_be_integers() -> None:
    for duration in (5, 10, 15):
        task_input = Wan26ImageToVideo(prompt="ab", image_urls=(URL,), duration=duration)
        assert task_input.duration == str(duration)
        assert wire(task_input)["duration"] == str(duration)
    for bad in (True, 5.5, 0, 20, "05", [5]):
        with pytest.raises(
            InvalidInputError, match=r"^duration: .* is not allowed; allowed: 5 or 10 or 15(; did you mean '5'\?)?$"
        ):
            Wan26ImageToVideo(prompt="ab", image_urls=(URL,), duration=bad)  # pyright: ignore[reportArgumentType]


class Numpy:
    """An integer as numpy's: no subclass of int."""

    def __index__(self) -> int:
        return 7


class Numpy32:
    """A float as numpy's `float32`: no subclass of float."""

    def __init__(self, value: float) -> None:
        self._value = value

    def is_integer(self) -> bool:
        return self._value.is_integer()

    def __int__(self) -> int:
        return int(self._value)


@pytest.mark.parametrize("seed", [7, 7.0, Numpy(), Numpy32(7.0)])
def test_a_number_that_is_whole_is_an_integer(seed: Any) -> None:
    task_input = Wan22TextToVideoTurbo(prompt="a fox", seed=seed)
    assert (task_input.seed, type(task_input.seed)) == (7, int)
    assert task_input.content() == b'{"prompt":"a fox","seed":7}'
    for duration in (5.0, Numpy32(5.0)):
        image: Any = {"prompt": "ab", "image_urls": [URL], "duration": duration}
        assert Wan26ImageToVideo(**image).duration == "5"


@pytest.mark.parametrize("seed", [7.5, Numpy32(7.5), float("nan"), float("inf"), 2.0**31, True, "7"])
def test_what_is_no_whole_number_is_none(seed: Any) -> None:
    with pytest.raises(InvalidInputError, match=r"^seed: .* an integer from 0 to 2147483647$"):
        Wan22TextToVideoTurbo(prompt="a fox", seed=seed)


@pytest.mark.parametrize("blank", ["", " ", "\n\t ", "\u3000\u2003", "\x1f"])
def test_a_blank_prompt_is_refused_before_it_is_paid(blank: str) -> None:
    for model, fields in FULL.items():
        if "prompt" in fields:
            with pytest.raises(InvalidInputError) as caught:
                input_from(model, {**fields, "prompt": blank})
            assert (caught.value.field, caught.value.given) == ("prompt", blank)
    assert wire(CustomInput("m", {"prompt": blank})) == {"prompt": blank}
    assert wire(Wan22TextToVideoTurbo(prompt=" a ", extra={"prompt_2": blank})) == {"prompt": " a ", "prompt_2": blank}


def test_enums_are_kept_as_their_values() -> None:
    class Size(enum.StrEnum):
        HD = "720p"

    class Text(str, enum.Enum):  # noqa: UP042
        FOX = "a fox"

    class Seeds(enum.IntEnum):
        ONE = 1

    task_input = Wan22TextToVideoTurbo(prompt=Text.FOX, resolution=Size.HD, seed=Seeds.ONE)  # pyright: ignore[reportArgumentType]
    assert [type(value) for value in (task_input.prompt, task_input.resolution, task_input.seed)] == [str, str, int]
    assert wire(task_input) == {"prompt": "a fox", "resolution": "720p", "seed": 1}


def test_unset_is_no_value_of_a_required_field() -> None:
    with pytest.raises(InvalidInputError, match=r"^prompt: UNSET is not allowed"):
        Wan22TextToVideoTurbo(prompt=msgspec.UNSET)  # pyright: ignore[reportArgumentType]


@given(OBJECTS, st.randoms())
def test_content_does_not_depend_on_the_order(fields: dict[str, Any], random: Any) -> None:
    names = list(fields)
    random.shuffle(names)
    shuffled = {name: fields[name] for name in names}
    assert CustomInput("m", fields).content() == CustomInput("m", shuffled).content()
    assert json.loads(CustomInput("m", fields).content()) == fields


def test_content_is_that_of_the_fields() -> None:
    for task_input in ALL:
        assert json.loads(task_input.content()) == wire(task_input)
        assert task_input.content() == CustomInput(task_input.model, wire(task_input)).content()
    assert Wan22TextToVideoTurbo(seed=1, prompt="я").content() == '{"prompt":"я","seed":1}'.encode()


@pytest.mark.parametrize("task_input", ALL, ids=lambda one: type(one).__name__)
def test_inputs_can_be_copied_and_pickled(task_input: WanInput) -> None:
    for twin in (
        copy.copy(task_input),
        copy.deepcopy(task_input),
        *(pickle.loads(pickle.dumps(task_input, protocol)) for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1)),
    ):
        assert twin == task_input
        assert type(twin) is type(task_input)
        assert create_task(twin) == create_task(task_input)


@pytest.mark.parametrize("task_input", ALL, ids=lambda one: type(one).__name__)
def test_inputs_are_frozen(task_input: WanInput) -> None:
    for name in task_input.__struct_fields__:
        with pytest.raises(AttributeError):
            setattr(task_input, name, "x")


def test_inputs_are_hashable_and_compare_by_value() -> None:
    assert len(set(EACH)) == len(EACH)
    again = [input_from(model, fields) for model, fields in FULL.items()]
    assert set(again) == set(EACH)
