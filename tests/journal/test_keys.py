"""Keys that are made: the same contents give the same keys, in whatever order they come."""

from __future__ import annotations

import random
from contextlib import closing

from hypothesis import given
from hypothesis import strategies as st

from wan_async._journal.keys import KeyMaker, content_digest, made_key, positional_key

CONTENTS = st.lists(st.tuples(st.sampled_from(["a", "b"]), st.sampled_from([b"x", b"y", b""])), max_size=20)


def keys_of(contents: list[tuple[str, bytes]]) -> list[str]:
    with closing(KeyMaker()) as maker:
        return [maker.make(*content) for content in contents]


@given(CONTENTS, st.randoms())
def test_the_order_does_not_matter_and_no_key_comes_twice(
    contents: list[tuple[str, bytes]], chance: random.Random
) -> None:
    keys = keys_of(contents)
    assert len(set(keys)) == len(keys)
    chance.shuffle(contents)
    assert sorted(keys_of(contents)) == sorted(keys)


def test_model_and_content_are_told_apart() -> None:
    assert content_digest("ab", b"c") != content_digest("a", b"bc")
    assert keys_of([("a", b"x"), ("a", b"x"), ("b", b"x")]) == [
        made_key(content_digest("a", b"x"), 1),
        made_key(content_digest("a", b"x"), 2),
        made_key(content_digest("b", b"x"), 1),
    ]


def test_without_a_journal_the_position_tells_equal_contents_apart() -> None:
    assert positional_key(0, b"x") != positional_key(1, b"x")
    assert positional_key(0, b"x") != positional_key(0, b"y")
    assert positional_key(0, b"x") == positional_key(0, b"x")
