"""File names: safe on every system, short, and distinct."""

from __future__ import annotations

import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wan_async._transfers.names import LONGEST, clip_name, link_name, safe_stem

RESERVED = {"con", "prn", "aux", "nul", *(f"{port}{number}" for port in ("com", "lpt") for number in "0123456789¹²³")}
HOSTILE = [
    "../../etc/x",
    "..",
    ".",
    "",
    "/etc/passwd",
    "a\\b",
    "C:x",
    "nul",
    "COM1.txt",
    "con.tar.gz",
    "a\x00b",
    "a\nb",
    "\u202egpj.exe",
    "-rf",
    "~root",
    "$HOME",
    "x" * 5000,
    "ж" * 200,
    "😀" * 100,
    "a.",
    "a ",
    ".hidden",
    "\ud800",
    "e\u0301",
    "CLIP",
    "clip",
]
anything = st.text(st.characters(), max_size=200) | st.sampled_from(HOSTILE)


def assert_safe(name: str) -> None:
    assert len(name.encode()) <= LONGEST
    assert not set(name) & set('<>:"/\\|?*')
    assert all(unicodedata.category(character)[0] != "C" for character in name)
    assert not name.startswith((".", "-", " "))
    assert not name.endswith((".", " "))
    assert name.partition(".")[0].lower() not in RESERVED
    assert unicodedata.normalize("NFC", name) == name


@given(anything)
def test_any_key_gives_a_safe_name(key: str) -> None:
    assert_safe(clip_name(key, "https://host/clip.mp4"))


@given(anything)
def test_any_link_gives_a_safe_name(path: str) -> None:
    assert_safe(link_name(f"https://host/{path}"))
    assert_safe(link_name(path))


@given(st.sets(anything, min_size=2, max_size=20))
def test_distinct_keys_give_distinct_names_where_case_and_composition_do_not_count(keys: set[str]) -> None:
    folded = {unicodedata.normalize("NFC", safe_stem(key)).casefold() for key in keys}
    assert len(folded) == len(keys)


@given(anything, anything)
def test_no_key_forges_the_name_of_another(key: str, other: str) -> None:
    forged = safe_stem(key)
    if forged != key and other != key:
        assert safe_stem(other) != forged
        assert safe_stem(forged) != forged


@pytest.mark.parametrize("key", ["row-17", "0613f9409996d60c-1", "köln", "a b", "a.b"])
def test_a_safe_name_is_kept(key: str) -> None:
    assert clip_name(key, "https://host/x") == f"{key}.mp4"


@pytest.mark.parametrize(
    ("url", "suffix"),
    [
        ("https://host/a.MOV?x=.mp4", ".mov"),
        ("https://host/a.webm#t", ".webm"),
        ("https://host/a.exe", ".mp4"),
        ("https://host/a%2Emkv", ".mkv"),
        ("http://[broken/a.mov", ".mov"),
    ],
)
def test_the_suffix_is_that_of_a_video(url: str, suffix: str) -> None:
    assert clip_name("a", url) == f"a{suffix}"


def test_a_signature_plays_no_part_in_a_links_name() -> None:
    name = link_name("https://host/clips/fox.mp4?signature=1")
    assert name == link_name("https://host/clips/fox.mp4?signature=2")
    assert re.fullmatch(r"fox-[0-9a-f]{16}\.mp4", name)
    assert name != link_name("https://host/others/fox.mp4")
