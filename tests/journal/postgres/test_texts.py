"""Text that PostgreSQL can hold, and paths that it can hold only otherwise."""

from __future__ import annotations

import os

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from wan_async._journal.columns import path_from_column, path_to_column
from wan_async._journal.postgres.texts import path_from_text, path_to_text, unfit

NAMES = st.binary(min_size=1).map(os.fsdecode)
"""Names of files: any bytes, those that are no UTF-8 as halves of characters."""


@pytest.mark.parametrize("texts", [(), (None,), ("", "лиса 🦊"), (None, "a\nfox")])
def test_what_fits(texts: tuple[str | None, ...]) -> None:
    assert unfit(*texts) is None


def test_the_first_that_does_not_fit_is_named() -> None:
    assert unfit("a", None, "b\0", "\ud800") == "'b\\x00' holds a NUL, which PostgreSQL's text cannot"
    assert "surrogates not allowed" in (unfit("a", "\ud800", "b\0") or "")


@given(st.text(alphabet=st.characters()))
def test_what_fits_is_utf8_without_a_nul(text: str) -> None:
    assert (unfit(text) is None) == ("\0" not in text and not any("\ud800" <= one <= "\udfff" for one in text))


@given(NAMES)
@example("file:%41")
@example("file:")
@example("100%.mp4")
def test_a_path_comes_back_as_it_was_and_any_fits_but_for_a_nul(path: str) -> None:
    text = path_to_text(path_to_column(path))
    assert path_from_text(text) == path
    assert unfit(text) is None or "\0" in path


def test_no_path_is_none() -> None:
    assert path_to_text(None) is None
    assert path_from_text(None) is None


def test_a_plain_path_is_read_by_everybody() -> None:
    assert path_to_text("clips/лиса.mp4") == "clips/лиса.mp4"


@given(NAMES)
def test_other_journals_hold_the_bytes_of_a_path_that_is_no_text(path: str) -> None:
    column = path_to_column(path)
    assert path_from_column(column) == path
    assert isinstance(column, bytes) == any("\udc80" <= one <= "\udcff" for one in path)


def test_a_path_is_text_or_bytes() -> None:
    assert path_from_column(None) is None
    with pytest.raises(TypeError, match="float"):
        path_from_column(1.5)
