"""Rules between the fields of one input, told where it is written; fields that the provider has added since."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from wan_async import InvalidInputError, Wan22TextToVideoTurbo, Wan26ImageToVideo, WanInput
from wan_async.models import MODELS, input_from

URL = "https://example.com/a.png"
R2V, EDIT, V30 = "wan/2-7-r2v", "wan/2-7-videoedit", "wan/3-0-video"
SPEAKS = {"prompt": "a", "image_url": URL, "audio_url": URL}
SPEECH = "wan/2-2-a14b-speech-to-video-turbo"


@pytest.mark.parametrize(
    ("model", "fields"),
    [
        (R2V, {"prompt": "a", "reference_image": [URL] * 5}),
        (R2V, {"prompt": "a", "reference_image": [], "reference_video": [URL] * 5}),
        (R2V, {"prompt": "a", "reference_image": [URL] * 2, "reference_video": [URL] * 3}),
        (EDIT, {"video_url": URL}),
        *((EDIT, {"video_url": URL, "duration": seconds}) for seconds in (0, 2, 10)),
        (V30, {"prompt": "a"}),
        (V30, {"last_frame_url": URL}),
        (V30, {"prompt": "a", "first_frame_url": URL, "last_frame_url": URL, "reference_image_urls": []}),
        (V30, {"reference_image_urls": [URL] * 10, "reference_video_urls": [URL] * 5}),
        (V30, {"reference_audio_urls": [URL] * 5}),
        *((V30, {"prompt": "a", "duration": seconds}) for seconds in (-1, 2, 30)),
        *((SPEECH, {**SPEAKS, "num_frames": frames}) for frames in (40, 44, 120)),
    ],
)  # fmt: skip
def test_what_goes_together(model: str, fields: dict[str, Any]) -> None:
    assert msgspec.json.decode(input_from(model, fields).content()) == fields


@pytest.mark.parametrize(
    ("model", "fields", "words"),
    [
        (R2V, {"prompt": "a"}, "reference_image: missing; reference_image or reference_video is required"),
        (R2V, {"prompt": "a", "reference_video": []}, "reference_image: missing; reference_image or"),
        (R2V, {"prompt": "a", "reference_image": [URL] * 3, "reference_video": [URL] * 3},
         "reference_video: ('https://example.com/a.png', 'https"),
        (EDIT, {"video_url": URL, "duration": 1}, "duration: 1 is not allowed; allowed: an integer from 0 to 10, but"),
        (V30, {}, "prompt: missing; prompt or first_frame_url or last_frame_url or reference_image_urls or "),
        (V30, {"prompt": "a", "duration": 0}, "duration: 0 is not allowed; allowed: an integer from -1 to 30, but no"),
        (V30, {"prompt": " "}, "prompt: ' ' is not allowed; allowed: text that is not blank"),
        (V30, {"prompt": "\u200b\ufeff"}, r"prompt: '\u200b\ufeff' is not allowed; allowed: text that is not blank"),
        (V30, {"prompt": "\u2800\u3164\ufe0f"}, "prompt: '\u2800\u3164\ufe0f' is not"),
        (V30, {"first_frame_url": URL, "reference_audio_urls": [URL]}, "reference_audio_urls: ('https://example.com"),
        (SPEECH, {**SPEAKS, "num_frames": 42},
         "num_frames: 42 is not allowed; allowed: an integer from 40 to 120 in steps of 4"),
    ],
)  # fmt: skip
def test_what_does_not_go_together_is_refused(model: str, fields: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        input_from(model, fields)
    assert str(caught.value).startswith(words)
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(fields, MODELS[model])


@pytest.mark.parametrize("name", ["nsfw_checker", "multi_shots"])
def test_who_sent_a_newer_field_by_extra_may_go_on(name: str) -> None:
    def make(**fields: Any) -> WanInput:
        return Wan26ImageToVideo(prompt="ab", image_urls=[URL], **fields)

    assert make(extra={name: True}).content() == make(**{name: True}).content()
    with pytest.raises(InvalidInputError, match=f"^extra: '{name}' is not allowed"):
        make(extra={name: True}, **{name: False})
    with pytest.raises(InvalidInputError, match=r"^extra: 'prompt' is not allowed"):
        make(extra={"prompt": "x", name: True})
    assert input_from("wan/2-6-image-to-video", msgspec.json.decode(make(extra={name: True}).content())) == make(
        **{name: True}
    )


def test_all_five_have_the_newer_switch() -> None:
    assert Wan22TextToVideoTurbo(prompt="a", extra={"nsfw_checker": True}).wire() == {
        "prompt": "a",
        "nsfw_checker": True,
    }
    for model in list(MODELS)[:3]:
        assert "nsfw_checker" in MODELS[model].__struct_fields__


def test_numbers_go_out_as_they_came() -> None:
    def content(**fields: Any) -> bytes:
        return input_from(SPEECH, {**SPEAKS, **fields}).content()

    assert b'"frames_per_second":16,' in content(frames_per_second=16)
    assert content(frames_per_second=16.0) == content(frames_per_second=16)
    assert b'"frames_per_second":12.5,' in content(frames_per_second=12.5)
    for bad in (True, "16", None, float("nan"), 3.9, 61):
        with pytest.raises(InvalidInputError, match=r"^frames_per_second: .* a number from 4 to 60$"):
            content(frames_per_second=bad)


@pytest.mark.parametrize("boxes", [[[[0, 0, 10.5, 10]]], [{"a": None}], []])
def test_what_no_page_describes_is_sent_as_it_is(boxes: list[Any]) -> None:
    made = input_from("wan/2-7-image", {"prompt": "a", "bbox_list": boxes})
    assert msgspec.json.decode(made.content())["bbox_list"] == boxes
    with pytest.raises(InvalidInputError, match=r"^bbox_list\[0\]: .* a JSON value$"):
        input_from("wan/2-7-image", {"prompt": "a", "bbox_list": [float("nan")]})
