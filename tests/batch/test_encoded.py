"""An outcome that msgspec encodes whole, and that gives back what it was made of."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path
from typing import Any

import msgspec
import pytest

from wan_async import InvalidInputError, Outcome, Wan26ImageToVideo, WanInput

from .support import clip

LOCAL = Wan26ImageToVideo(prompt="a fox", image_urls=[Path("clips/ä fox.png")])


def outcome(key: str = "k", given: WanInput | None = None, path: Path | str | None = None) -> Outcome:
    return Outcome(index=0, key=key, input=given, path=path)


def twins(one: Outcome) -> list[Outcome]:
    """Whatever is done to an outcome, it says the same."""
    return [one, pickle.loads(pickle.dumps(one)), copy.copy(one), msgspec.structs.replace(one, index=1)]


@pytest.mark.parametrize(
    ("path", "written"),
    [
        (None, None),
        (Path("clips/a.mp4"), "clips/a.mp4"),
        (Path("clips/ä.mp4"), "clips/ä.mp4"),
        ("s3://bucket/a.mp4", "s3://bucket/a.mp4"),
        (Path("caf\udce9.mp4"), "Y2Fm6S5tcDQ="),
    ],
)
def test_a_path_is_text_and_comes_back_as_it_was(path: Path | str | None, written: str | None) -> None:
    for twin in twins(outcome(path=path)):
        assert (type(twin.path), twin.path) == (type(path), path)
        assert msgspec.json.decode(msgspec.json.encode(twin))["path"] == written


def test_local_files_of_an_input_are_text() -> None:
    for twin in twins(outcome(given=LOCAL)):
        assert twin.input == LOCAL
        assert msgspec.to_builtins(twin)["input"]["image_urls"] == ("file:clips/%C3%A4%20fox.png",)
    assert twins(outcome(given=clip("x")))[1].input == clip("x")


@pytest.mark.parametrize("key", ["k", "ä", "caf\udce9", "half \ud83d"])
def test_a_key_is_text_where_utf_8_can_hold_it(key: str) -> None:
    for twin in twins(outcome(key)):
        assert twin.key == key
        written: Any = msgspec.json.decode(msgspec.json.encode(twin))["key"]
        assert written == key or not key.isprintable()


def test_an_error_of_it_is_encoded_with_it() -> None:
    failed = msgspec.structs.replace(outcome(path=Path("a")), error=InvalidInputError("prompt", Path("x"), "text"))
    assert msgspec.to_builtins(failed)["error"]["type"] == "InvalidInputError"
    assert msgspec.msgpack.encode(failed)
