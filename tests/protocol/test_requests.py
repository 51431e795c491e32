"""Requests on the wire, to the byte."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wan_async import CustomInput, Wan22AnimateReplace, Wan22TextToVideoTurbo, Wan26ImageToVideo, WanInput
from wan_async._protocol import Request
from wan_async._protocol.requests import create_task, credit, download_url, record_info

URL = "https://example.com/a.png"

BODIES: list[tuple[WanInput, str | None, str]] = [
    (
        Wan22TextToVideoTurbo(prompt="лиса", seed=0, enable_prompt_expansion=False),
        None,
        '{"model":"wan/2-2-a14b-text-to-video-turbo",'
        '"input":{"prompt":"лиса","enable_prompt_expansion":false,"seed":0}}',
    ),
    (
        Wan22AnimateReplace(video_url=f"{URL}?a=b", image_url=URL),
        "https://example.com/cb?t=1",
        '{"model":"wan/2-2-animate-replace",'
        f'"input":{{"video_url":"{URL}?a=b","image_url":"{URL}"}},'
        '"callBackUrl":"https://example.com/cb?t=1"}',
    ),
    (
        Wan26ImageToVideo(prompt="ab", image_urls=[URL], duration=15, extra={"multi_shots": True}),
        None,
        '{"model":"wan/2-6-image-to-video",'
        f'"input":{{"prompt":"ab","image_urls":["{URL}"],"duration":"15","multi_shots":true}}}}',
    ),
    (CustomInput("wan/9", {"a": [1, None, 0.5]}), None, '{"model":"wan/9","input":{"a":[1,null,0.5]}}'),
]


@pytest.mark.parametrize(("task_input", "callback_url", "body"), BODIES)
def test_create_task(task_input: WanInput, callback_url: str | None, body: str) -> None:
    request = create_task(task_input, callback_url)
    assert request == Request("POST", "/api/v1/jobs/createTask", body.encode())


@pytest.mark.parametrize(
    ("task_id", "quoted"),
    [
        ("d2bb99162acab500c760565a27e9fc94", "d2bb99162acab500c760565a27e9fc94"),
        ("task_wan_12-3.4~5", "task_wan_12-3.4~5"),
        ("a/b?c&d=e#f", "a%2Fb%3Fc%26d%3De%23f"),
        ("a b+c%20", "a%20b%2Bc%2520"),
        ("задача", "%D0%B7%D0%B0%D0%B4%D0%B0%D1%87%D0%B0"),
        ("\r\nHost: x", "%0D%0AHost%3A%20x"),
        ("..", ".."),
    ],
)
def test_record_info(task_id: str, quoted: str) -> None:
    assert record_info(task_id) == Request("GET", f"/api/v1/jobs/recordInfo?taskId={quoted}")


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1))
def test_any_task_id_comes_through(task_id: str) -> None:
    path = record_info(task_id).path
    assert path.isascii()
    assert path.isprintable()
    assert parse_qs(urlsplit(path).query) == {"taskId": [task_id]}


def test_the_account_calls() -> None:
    assert credit() == Request("GET", "/api/v1/chat/credit", None)
    assert download_url("https://x/я?a=b") == Request(
        "POST", "/api/v1/common/download-url", '{"url":"https://x/я?a=b"}'.encode()
    )
