"""A line of JSONL: what it asks for, or what is wrong with it."""

from __future__ import annotations

import contextlib
import io

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wan_async import CustomInput, InvalidInputError, Wan22TextToVideoTurbo
from wan_async._cli.batch.rows import LONGEST, InputLine, Reading, numbered, read_line

from .batch_program import MODEL, asks

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
)


def read(line: object, *, custom: bool = False) -> InputLine:
    return read_line(msgspec.json.encode(line), Reading(custom=custom))


def refused(raw: bytes, *, custom: bool = False) -> InvalidInputError:
    with pytest.raises(InvalidInputError) as caught:
        read_line(raw, Reading(custom=custom))
    return caught.value


def test_a_good_line_gives_its_key_and_its_input() -> None:
    line = read({"key": "a", "model": MODEL, "input": {"prompt": "fox", "seed": 3}, "extra": {"nsfw_checker": True}})
    assert line == InputLine("a", Wan22TextToVideoTurbo(prompt="fox", seed=3, extra={"nsfw_checker": True}))


@pytest.mark.parametrize("absent", [{}, {"key": None, "extra": None}])
def test_key_and_extra_may_be_left_out(absent: dict[str, None]) -> None:
    line = read({"model": MODEL, "input": {"prompt": "fox"}, **absent})
    assert line == InputLine(None, Wan22TextToVideoTurbo(prompt="fox"))


@pytest.mark.parametrize(
    ("line", "field"),
    [
        (asks("fox", surprise=1), "surprise"),
        (asks("fox", model="wan/9"), "model"),
        (asks("fox", model=None), "model"),
        (asks("fox", model=["a"]), "model"),
        ({"input": {"prompt": "fox"}}, "model"),
        ({"model": MODEL}, "input"),
        (asks("fox", input="fox"), "input"),
        (asks("fox", input={}), "prompt"),
        (asks("fox", input={"prompt": "fox", "promt": 1}), "promt"),
        (asks("fox", input={"prompt": "fox", "seed": -1}), "seed"),
        (asks("f" * 5001), "prompt"),
        (asks("fox", extra=["nsfw_checker"]), "extra"),
        (asks("fox", extra={"prompt": "hen"}), "extra"),
        (asks("fox", key=""), "key"),
        ({**asks("fox"), "key": 7}, "key"),
        (asks("fox", key="a\nb"), "key"),
        (asks("fox", key="a\0b"), "key"),
        ([asks("fox")], "the line"),
    ],
)
def test_a_bad_line_names_its_field(line: object, field: str) -> None:
    assert refused(msgspec.json.encode(line)).field == field


@pytest.mark.parametrize(
    "raw", [b"{", b"nonsense", b"{} {}", b'"\xff"', b"[" * 100_000, b" " * LONGEST + b"{}", b"1e999"]
)
def test_what_is_no_json_object_is_refused_in_few_words(raw: bytes) -> None:
    error = refused(raw)
    assert error.field == "the line"
    assert len(str(error)) < 300


def test_custom_lets_unknown_models_and_fields_pass() -> None:
    assert read(asks("fox", model="wan/9", input={"a": 1}), custom=True).input == CustomInput("wan/9", {"a": 1})
    turbo = read(asks("fox", input={"prompt": "fox", "new": 1}, extra={"newer": 2}), custom=True).input
    assert turbo == Wan22TextToVideoTurbo(prompt="fox", extra={"new": 1, "newer": 2})


def test_custom_still_checks_what_is_known() -> None:
    assert refused(msgspec.json.encode(asks("fox", input={"prompt": "fox", "seed": -1})), custom=True).field == "seed"
    twice = asks("fox", input={"prompt": "fox", "new": 1}, extra={"new": 2})
    assert refused(msgspec.json.encode(twice), custom=True).field == "extra"


def test_lines_are_numbered_as_an_editor_does() -> None:
    file = io.BytesIO(b"\xef\xbb\xbf{1}\r\n\n  \t\n{4}\n{5}")
    assert list(numbered(file)) == [(1, b"{1}\r\n"), (4, b"{4}\n"), (5, b"{5}")]


def test_a_line_without_end_is_not_held_in_memory() -> None:
    long, blank = b"x" * (3 * LONGEST + 5), b" " * (2 * LONGEST)
    found = list(numbered(io.BytesIO(long + b"\n" + blank + b"{}\n{3}\n")))
    assert [(number, len(raw)) for number, raw in found] == [(1, LONGEST + 1), (2, LONGEST + 1), (3, 4)]


@given(st.binary() | JSON.map(msgspec.json.encode), st.booleans())
def test_any_bytes_are_read_or_refused(raw: bytes, custom: bool) -> None:
    with contextlib.suppress(InvalidInputError):
        assert read_line(raw, Reading(custom=custom)).input.content()


@given(
    st.fixed_dictionaries(
        {"model": JSON | st.just(MODEL), "input": JSON | st.dictionaries(st.text(), JSON)},
        optional={"key": JSON, "extra": JSON},
    )
)
def test_what_is_read_can_be_sent(members: dict[str, object]) -> None:
    try:
        line = read(members, custom=True)
    except InvalidInputError:
        return
    assert line.input.model == members["model"]
    assert isinstance(msgspec.json.decode(line.input.content()), dict)
