"""The price list: what the contract says, and None where it does not."""

from __future__ import annotations

import pytest

from wan_async import CustomInput, Wan25TextToVideo, Wan27Image, WanInput
from wan_async.models import MODELS
from wan_async.prices import list_price, unpriced

TURBO = ("wan/2-2-a14b-image-to-video-turbo", "wan/2-2-a14b-text-to-video-turbo")
ANIMATE = ("wan/2-2-animate-move", "wan/2-2-animate-replace")
WAN25 = ("wan/2-5-text-to-video", "wan/2-5-image-to-video")
WAN27 = ("wan/2-7-text-to-video", "wan/2-7-image-to-video", "wan/2-7-r2v", "wan/2-7-videoedit")
EDIT = "wan/2-7-videoedit"
WAN26 = "wan/2-6-image-to-video"
PRICES: list[tuple[str, dict[str, object], float]] = [
    *((model, {"resolution": resolution}, price) for model in TURBO for resolution, price in
      (("480p", 40), ("580p", 60), ("720p", 80))),
    *((model, {}, 80) for model in TURBO),
    *((model, {"resolution": resolution}, 5 * price) for model in ANIMATE for resolution, price in
      (("480p", 6), ("580p", 9.5), ("720p", 12.5))),
    *((model, {}, 30) for model in ANIMATE),
    *((WAN26, {"resolution": resolution, "duration": duration}, price) for resolution, duration, price in
      (("720p", "5", 70), ("720p", "10", 140), ("720p", "15", 210),
       ("1080p", "5", 104.5), ("1080p", "10", 209.5), ("1080p", "15", 315))),
    (WAN26, {}, 104.5),
    (WAN26, {"resolution": "720p"}, 70),
    (WAN26, {"duration": "15"}, 315),
    *((model, {"duration": duration, "resolution": resolution}, price) for model in WAN25
      for resolution, duration, price in
      (("720p", "5", 60), ("720p", "10", 120), ("1080p", "5", 100), ("1080p", "10", 200))),
    ("wan/2-6-text-to-video", {"duration": "15"}, 315),
    ("wan/2-6-video-to-video", {"duration": "10", "resolution": "720p"}, 140),
    *((model, {"duration": duration, "resolution": resolution}, price) for model in WAN27
      for resolution, duration, price in (("720p", 2, 32), ("720p", 5, 80), ("1080p", 5, 120), ("1080p", 10, 240))),
    *((model, {"duration": 4}, 96) for model in WAN27),
    *((model, {}, 120) for model in WAN27),
    ("wan/3-0-video-prime", {"resolution": "480P"}, 61),
]  # fmt: skip


@pytest.mark.parametrize(("model", "fields", "price"), PRICES)
def test_the_price_list(model: str, fields: dict[str, object], price: float) -> None:
    assert list_price(model, {"prompt": "a", "seed": 1, **fields}) == price


WITHOUT = {
    "wan/2-2-a14b-speech-to-video-turbo",
    "wan/2-6-flash-image-to-video",
    "wan/2-6-flash-video-to-video",
    "wan/2-7-image",
    "wan/2-7-image-pro",
    "wan/3-0-video",
}
"""The models whose price is not known."""


def test_every_other_model_has_a_price() -> None:
    assert {model for model, _, _ in PRICES} == set(MODELS) - WITHOUT
    assert all(MODELS[model].tariff is None for model in WITHOUT)


def test_seconds_count_only_where_the_input_does_not_tell_the_length() -> None:
    for model, fields, price in PRICES:
        told = model not in ANIMATE and (model != EDIT or "duration" in fields)
        assert list_price(model, fields, seconds=10.0) == (price if told else price * 2)
    assert list_price(EDIT, {"duration": 0}, seconds=10.0) == 240


@pytest.mark.parametrize(
    ("model", "fields"),
    [
        ("wan/9", {}),
        ("wan/2-2-animate-move", {"resolution": "1080p"}),
        ("wan/2-2-animate-move", {"resolution": ["480p"]}),
        (WAN26, {"duration": "20"}),
        (WAN26, {"duration": 5}),
        (WAN26, {"duration": None}),
        ("wan/2-5-text-to-video", {"duration": "5"}),
        ("wan/3-0-video-prime", {}),
        ("wan/3-0-video-prime", {"resolution": "480P", "duration": 6}),
        *((model, {}) for model in sorted(WITHOUT)),
    ],
)
def test_what_is_not_on_the_list_has_no_price(model: str, fields: dict[str, object]) -> None:
    assert list_price(model, fields) is None


@pytest.mark.parametrize(
    ("task_input", "words"),
    [
        (Wan27Image(prompt="a"), "CustomInput('wan/2-7-image', …, price=…), or no max_credits"),
        (CustomInput("wan/9", {}), "CustomInput('wan/9', …, price=…), or no max_credits"),
        (
            Wan25TextToVideo(prompt="a", duration="5"),
            "one of the list's (resolution, length): 720p 5/10 s: 60/120, 1080p 5/10 s: 100/200; or CustomInput(",
        ),
    ],
)
def test_who_has_a_budget_is_told_what_to_give(task_input: WanInput, words: str) -> None:
    error = unpriced(task_input)
    assert (error.field, error.given) == ("price", None)
    assert error.allowed.startswith(words)
