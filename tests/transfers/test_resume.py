"""What is done with an answer, and that whatever a host does, only the whole clip counts as whole."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wan_async._transfers.resume import (
    Body,
    Changed,
    Complete,
    Have,
    LinkRefused,
    TryLater,
    Version,
    decide,
    headers_for,
)

HAVE = Have(100, Version('"e"', "Mon", 300))
PART = {"Content-Range": "bytes 100-299/300", "Content-Length": "200", "ETag": '"e"'}


def test_nothing_there_asks_for_everything() -> None:
    assert "Range" not in headers_for(Have())
    assert "If-Range" not in headers_for(Have(0, Version('"e"')))


def test_what_is_missing_is_asked_for_if_it_is_still_the_same() -> None:
    headers = headers_for(HAVE)
    assert (headers["Range"], headers["If-Range"]) == ("bytes=100-", '"e"')


def test_a_weak_etag_is_no_condition() -> None:
    assert "If-Range" not in headers_for(Have(100, Version('W/"e"')))


@pytest.mark.parametrize("headers", [PART, {**PART, "ETag": ""}, {**PART, "Content-Range": "bytes 100-299/*"}])
def test_the_missing_part_is_added(headers: dict[str, str]) -> None:
    assert decide(206, headers, HAVE) == Body(0, HAVE.version)


@pytest.mark.parametrize(
    "wrong",
    [
        {"ETag": '"other"'},
        {"Last-Modified": "Tue"},
        {"Content-Range": "bytes 100-399/400"},
        {"Content-Range": "bytes 99-299/300"},
        {"Content-Range": "bytes 100-300/300"},
        {"Content-Range": "bytes 100-50/300"},
        {"Content-Range": "bytes */300"},
        {"Content-Range": "200"},
        {"Content-Range": ""},
        {"Content-Length": "199"},
    ],
)
def test_a_part_that_does_not_fit_begins_anew(wrong: dict[str, str]) -> None:
    assert decide(206, {**PART, **wrong}, HAVE) == Changed()
    assert isinstance(decide(206, {**PART, **wrong}, Have()), TryLater)


def test_without_ranges_the_known_part_is_passed_over() -> None:
    assert decide(200, {"Content-Length": "300", "ETag": '"e"'}, HAVE) == Body(100, HAVE.version)
    assert decide(200, {"Content-Length": "300"}, HAVE) == Body(100, HAVE.version)


@pytest.mark.parametrize("headers", [{}, {"ETag": '"f"'}, {"Content-Length": "301"}, {"Last-Modified": "Tue"}])
def test_a_whole_clip_that_is_not_surely_the_same_begins_anew(headers: dict[str, str]) -> None:
    assert decide(200, headers, HAVE) == Changed()


def test_a_compressed_length_is_not_the_clips() -> None:
    assert decide(200, {"Content-Length": "10", "Content-Encoding": "gzip"}, Have()) == Body(0, Version())


def test_nothing_more_is_whole_if_the_length_agrees() -> None:
    whole = Have(300, HAVE.version)
    assert decide(416, {"Content-Range": "bytes */300"}, whole) == Complete()
    assert decide(416, {"Content-Range": "bytes */299"}, whole) == Changed()
    assert decide(416, {"Content-Range": "bytes */300", "ETag": '"f"'}, whole) == Changed()
    assert decide(416, {}, whole) == Changed()
    assert isinstance(decide(416, {"Content-Range": "bytes */0"}, Have()), TryLater)


@pytest.mark.parametrize("status", [401, 403, 404, 410])
def test_refusals_are_about_the_link(status: int) -> None:
    assert isinstance(decide(status, {}, HAVE), LinkRefused)


@pytest.mark.parametrize("kind", ["text/html; charset=utf-8", "application/json", "Application/XML"])
def test_a_page_is_no_clip(kind: str) -> None:
    assert isinstance(decide(200, {"Content-Type": kind, "Content-Length": "9"}, Have()), LinkRefused)


@pytest.mark.parametrize("status", [204, 304, 400, 408, 429, 500, 503])
def test_the_rest_may_pass(status: int) -> None:
    assert isinstance(decide(status, {}, HAVE), TryLater)


def test_an_empty_answer_is_no_clip() -> None:
    assert isinstance(decide(200, {"Content-Length": "0"}, Have()), TryLater)


texts = st.sampled_from(["", '"a"', '"b"', 'W/"a"'])
lengths = st.sampled_from(["", "0", "5", "9", "10", "x"])
answers = st.tuples(
    st.sampled_from([200, 206, 416]),
    st.fixed_dictionaries(
        {
            "ETag": texts,
            "Last-Modified": st.sampled_from(["", "Mon", "Tue"]),
            "Content-Length": lengths,
            "Content-Range": st.builds("bytes {}-{}/{}".format, *[st.integers(0, 10)] * 2, st.integers(0, 10))
            | st.builds("bytes */{}".format, st.integers(0, 10)),
        }
    ),
)


@given(st.integers(0, 10), st.builds(Version, texts, st.none(), st.none() | st.integers(1, 10)), answers)
def test_what_is_added_is_never_known_to_be_of_another_version(
    size: int, version: Version, answer: tuple[int, dict[str, str]]
) -> None:
    status, headers = answer
    verdict = decide(status, headers, Have(size, version))
    if isinstance(verdict, Body) and size:
        assert verdict.version.etag == (version.etag or headers["ETag"] or None)
        assert version.etag in (None, "", headers["ETag"]) or not headers["ETag"]
        assert version.total in (None, verdict.version.total)
        assert verdict.skip == (size if status == 200 else 0)
    if isinstance(verdict, Complete):
        assert headers["Content-Range"].endswith(f"/{size}")
        assert version.total in (None, size)
