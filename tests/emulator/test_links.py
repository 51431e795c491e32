"""The emulator's links: whose they are, and for how long they are good."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlsplit

import pytest

from wan_async.emulator._links import FRESH_SECONDS, SignedLinks, own_path, result_paths, task_of

BASE = "http://h:1"


def query_of(link: str) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(link).query))


def test_a_fresh_link_is_good_for_its_path_and_its_time() -> None:
    links = SignedLinks()
    link = links.fresh(BASE, "results/a b.mp4", now=100.0)
    assert own_path(BASE, link) == "results/a b.mp4"
    query = query_of(link)
    assert links.is_fresh("results/a b.mp4", query, 100.0 + FRESH_SECONDS)
    assert not links.is_fresh("results/a b.mp4", query, 101.0 + FRESH_SECONDS)
    assert not links.is_fresh("results/other.mp4", query, 100.0)


@pytest.mark.parametrize(
    "changed", [{"expires": "99999"}, {"signature": "0" * 32}, {"signature": "ä"}, {"expires": ""}]
)
def test_nobody_else_makes_one(changed: dict[str, str]) -> None:
    links = SignedLinks()
    query = query_of(links.fresh(BASE, "results/a.mp4", now=0.0))
    assert not links.is_fresh("results/a.mp4", {**query, **changed} if changed else {}, 0.0)
    assert not SignedLinks().is_fresh("results/a.mp4", query, 0.0)


def test_results_are_named_by_their_task() -> None:
    paths = result_paths("t1", ".png", 3)
    assert paths == ["results/t1.png", "results/t1-2.png", "results/t1-3.png"]
    assert {task_of(path) for path in paths} == {"t1"}
    assert task_of("uploads/t1.png") == ""


@pytest.mark.parametrize("link", ["https://h:1/a", "http://h:2/a", "http://h/a", "http://[/a", "/a", None, 7])
def test_a_foreign_link_is_no_path_of_ours(link: object) -> None:
    assert own_path(BASE, link) is None
