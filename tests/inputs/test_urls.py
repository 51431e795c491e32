"""URLs: what every server on the way takes, and nothing else."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wan_async._inputs.urls import is_url


@pytest.mark.parametrize(
    "url",
    [
        "https://h/",
        "HTTP://example.com",
        "http://user:pass@h:65535/a?b=c&d#e",
        "http://[::1]:80/",
        "https://h/a%20b",
        "https://h:/",
    ],
)
def test_urls(url: str) -> None:
    assert is_url(url)


@pytest.mark.parametrize(
    "text",
    [
        *("", "h/a", "ftp://h/", "//h/", "https://", "https:///a", "https://h /", "https://h/a b", "https://h/ä"),
        *("https://h:65536/", "https://[::g]/", "https://[1.2.3.4]/", "https://h/%2", "https://h/<a>", "https://h\n"),
        *(b"https://h/", None, 7),
    ],
)
def test_what_is_none(text: object) -> None:
    assert not is_url(text)


@given(st.text())
def test_whatever_is_a_url_is_ascii_without_spaces(text: str) -> None:
    if is_url(f"https://h/{text}"):
        assert text.isascii()
        assert not any(character.isspace() for character in text)


def test_no_text_takes_long() -> None:
    began = time.process_time()
    assert not is_url("http://" + "a" * 20_000 + "\n")
    assert time.process_time() - began < 1.0
