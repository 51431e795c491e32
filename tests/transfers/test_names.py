"""File names: safe on every system, short, and distinct."""

from __future__ import annotations

import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wan_async._transfers.names import LONGEST, item_stem, link_stem, safe_stem

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
    assert len(name.encode()) <= LONGEST - len(".jpeg")
    assert not set(name) & set('<>:"/\\|?*')
    assert all(unicodedata.category(character)[0] != "C" for character in name)
    assert not name.startswith((".", "-", " "))
    assert not name.endswith((".", " "))
    assert name.partition(".")[0].lower() not in RESERVED
    assert unicodedata.normalize("NFC", name) == name


@given(anything)
def test_any_key_gives_a_safe_name(key: str) -> None:
    assert_safe(safe_stem(key))


@given(anything, anything)
def test_any_item_gives_a_safe_name(key: str, task_id: str) -> None:
    assert_safe(item_stem(key, task_id))


ids = st.text("abAB01-_. ", min_size=1, max_size=6) | st.text(min_size=1, max_size=60)


@given(ids, ids, ids, ids)
def test_two_tasks_never_share_a_name(key: str, task_id: str, other_key: str, other_id: str) -> None:
    if task_id != other_id:
        one, other = (item_stem(*pair) for pair in ((key, task_id), (other_key, other_id)))
        assert one.casefold() != other.casefold()


def test_two_tasks_do_not_share_a_name_where_key_and_id_meet() -> None:
    assert item_stem("a-b", "c") != item_stem("a", "b-c")
    long = [item_stem("k" * 500, f"task_wan_{'1' * 40}{number}") for number in range(2)]
    assert long[0] != long[1]


def test_an_items_name_is_its_key_and_its_tasks_id() -> None:
    task_id = "d2bb99162acab500c760565a27e9fc94"
    assert item_stem("row-17", task_id) == f"row-17-{task_id}"
    assert item_stem("k", "task_wan_1765") == "k-task_wan_1765"
    assert item_stem("x" * 500, task_id).endswith(f"-{task_id}")


@given(anything)
def test_any_link_gives_a_safe_name(path: str) -> None:
    assert_safe(link_stem(f"https://host/{path}"))
    assert_safe(link_stem(path))


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
    assert safe_stem(key) == key


def test_a_signature_plays_no_part_in_a_links_name() -> None:
    name = link_stem("https://host/clips/fox.mp4?signature=1")
    assert name == link_stem("https://host/clips/fox.mp4?signature=2")
    assert re.fullmatch(r"fox-[0-9a-f]{16}", name)
    assert name != link_stem("https://host/others/fox.mp4")
    assert link_stem("https://host/get?id=1&X-Amz-Date=2") != link_stem("https://host/get?id=2&X-Amz-Date=2")
    assert link_stem("https://host/get?id=1&X-Amz-Date=2") == link_stem("https://host/get?X-Amz-Date=3&id=1")
