"""The emulator accepts what the provider's schemas accept, and nothing else."""

from __future__ import annotations

import asyncio
import copy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from wan_async.emulator import Emulator

from ..contract import BODIES, INPUTS, PUBLISHED, URL, Node, example
from .support import create

FORMATS = Draft202012Validator.FORMAT_CHECKER
KNOWN: Any = Draft202012Validator({"oneOf": list(BODIES.values())}, format_checker=FORMATS)
VALID: Any = Draft202012Validator(PUBLISHED, format_checker=FORMATS)
URLS = st.sampled_from(
    ["https://h/a.png", "http://h:80/x?y=1#z", "ftp://h/x", "data:image/png;base64,AA==", "mailto:a@b"]
)
ODD: st.SearchStrategy[Any] = (
    st.none() | st.booleans() | st.integers(-2, 3_000_000_000) | st.floats(allow_nan=False) | st.text(max_size=5)
) | st.sampled_from(["", "x" * 5000, "x" * 5001, "480p", "1080p", "5", "7", "not a uri", "https://h/ü", "http://h/a b"])


def good(rule: Node) -> st.SearchStrategy[Any]:
    if "enum" in rule:
        return st.sampled_from(rule["enum"])
    match rule["type"]:
        case "string" if rule.get("format") == "uri":
            return URLS
        case "string":
            return st.text(min_size=rule.get("minLength", 0), max_size=20)
        case "boolean":
            return st.booleans()
        case "number" | "integer":
            whole = st.integers(rule.get("minimum", -5), rule.get("maximum", 5))
            return whole | whole.map(float)
        case _:
            return st.lists(good(rule["items"]) if "items" in rule else ODD, min_size=1, max_size=5)


@st.composite
def bodies(draw: st.DrawFn, known: dict[str, Node]) -> dict[str, Any]:
    """A valid body, then perhaps spoiled in a place or two."""
    model = draw(st.sampled_from(sorted(known)))
    rules = known[model]["properties"]
    chosen = draw(st.sets(st.sampled_from(sorted(rules)), max_size=4)) | example(model).keys()
    fields = {name: draw(good(rules[name])) for name in sorted(chosen)}
    body: dict[str, Any] = {"model": model, "input": fields}
    if draw(st.booleans()):
        body["callBackUrl"] = draw(URLS | ODD)
    for _ in range(draw(st.integers(0, 2))):
        name = draw(st.sampled_from([*rules, "unknown"]))
        change = draw(st.sampled_from(["drop", "odd", "list"]))
        if change == "drop":
            fields.pop(name, None)
        else:
            fields[name] = draw(ODD) if change == "odd" else draw(st.lists(ODD | URLS, max_size=2))
    return body


def code(body: dict[str, Any], *, only_published: bool = False) -> int:
    async def answer() -> int:
        return create(Emulator(limit=None, only_published=only_published), copy.deepcopy(body))["code"]

    return asyncio.run(answer())


@settings(max_examples=300)
@given(bodies(INPUTS))
def test_it_accepts_exactly_what_the_schema_accepts(body: dict[str, Any]) -> None:
    answer = code(body)
    assert (answer == 200) is KNOWN.is_valid(body), (answer, list(KNOWN.iter_errors(body)))
    assert answer in (200, 422, 500)


@given(bodies({part["title"]: part["properties"]["input"] for part in PUBLISHED["oneOf"]}))
def test_only_what_is_published_is_accepted_if_asked_for(body: dict[str, Any]) -> None:
    assert (code(body, only_published=True) == 200) is VALID.is_valid(body)


def test_what_is_not_published_is_told_apart() -> None:
    published = {part["title"] for part in PUBLISHED["oneOf"]}
    assert len(published) == 5
    for model in INPUTS:
        body = {"model": model, "input": example(model)}
        assert code(body) == 200
        assert code(body, only_published=True) == (200 if model in published else 422)
    for model in published:
        body = {"model": model, "input": {**example(model), "nsfw_checker": True}}
        assert (code(body), code(body, only_published=True)) == (200, 422)


FRAMES = {"first_frame_url": URL}


@pytest.mark.parametrize(
    ("model", "fields", "words"),
    [
        ("wan/2-7-r2v", {}, "This field is required: one of reference_image, reference_video"),
        ("wan/2-7-r2v", {"reference_image": []}, "This field is required: one of reference_image, reference_video"),
        (
            "wan/2-7-r2v",
            {"reference_image": [URL] * 3, "reference_video": [URL] * 3},
            "reference_image, reference_video: is not within the range of allowed options",
        ),
        (
            "wan/2-7-videoedit",
            {"video_url": URL, "duration": 1},
            "duration: is not within the range",
        ),
        ("wan/3-0-video", {"duration": 0}, "duration: is not within the range"),
        ("wan/3-0-video", {"reference_audio_urls": [URL], **FRAMES}, "first_frame_url, last_frame_url, reference_"),
        ("wan/2-2-a14b-speech-to-video-turbo", {"image_url": URL, "audio_url": URL, "num_frames": 42}, "num_frames: "),
    ],
)
async def test_a_refusal_names_the_fields(model: str, fields: dict[str, Any], words: str) -> None:
    provider = Emulator(limit=None)
    answer = create(provider, {"model": model, "input": {"prompt": "a fox", **fields}})
    assert answer["code"] in (422, 500)
    assert answer["msg"].startswith(words)


async def test_media_or_a_prompt_are_asked_for() -> None:
    answer = create(Emulator(), {"model": "wan/3-0-video", "input": {}})
    assert answer["msg"].startswith(
        "This field is required: one of prompt, first_frame_url, last_frame_url, reference_"
    )
