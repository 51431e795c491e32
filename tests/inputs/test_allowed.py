"""What a field allows, in words."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import pytest
from msgspec import Meta, inspect

from wan_async._inputs.allowed import allowed, choices, did_you_mean, wire_choices


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (str, "text"),
        (Annotated[str, Meta(min_length=1)], "text of at least 1 characters"),
        (Annotated[str, Meta(max_length=500)], "text of at most 500 characters"),
        (Annotated[str, Meta(min_length=2, max_length=9)], "text of 2 to 9 characters"),
        (Annotated[int, Meta(ge=2, le=15)], "an integer from 2 to 15"),
        (Annotated[int, Meta(multiple_of=16)], "an integer in steps of 16"),
        (Annotated[int, Meta(le=3), Meta(extra={"not": (0, 2)})], "an integer to 3, but not 0 or 2"),
        (Annotated[float, Meta(ge=0)], "a finite number ≥ 0"),
        (Annotated[float, Meta(ge=0, le=1)], "a number from 0 to 1"),
        (bool, "true or false"),
        (Literal["480p", "1080p"], "'480p' or '1080p'"),
        (Annotated[list[str], Meta(min_length=1, max_length=1)], "a list of exactly 1 items"),
        (dict[str, Any], "an object of JSON values"),
        (Any, "a JSON value"),
    ],
)
def test_words(kind: Any, words: str) -> None:
    assert allowed(inspect.type_info(kind)) == words


def test_a_choice_that_stands_as_text_and_as_a_number_is_told_once_and_sent_as_text() -> None:
    node = inspect.type_info(Literal["5", "10", 5, 10, "auto"])
    assert isinstance(node, inspect.LiteralType)
    assert choices(node) == [5, 10, "auto"]
    assert wire_choices(node) == ["5", "10", "auto"]


@pytest.mark.parametrize(
    ("given", "hint"),
    [
        ("PROMT", "; did you mean 'prompt'?"),
        ("image", "; did you mean 'image_urls' or 'image_url'?"),
        ("seed", ""),
        ("p" * 500, ""),
        (7, ""),
    ],
)
def test_a_near_name_is_hinted_at(given: object, hint: str) -> None:
    assert did_you_mean(given, ["prompt", "image_urls", "image_url"]) == hint
