"""Links and redirects: letter for letter where they are valid, quoted where they are not."""

from __future__ import annotations

from urllib.parse import urljoin

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wan_async._transfers.references import link_of, redirected

BASE = "https://host:8443/a/b/c.mp4?sig=1%2F2"
letters = st.text("abz019-._~!$&'()*+,;=:@", max_size=8)
quoted = st.sampled_from(["%2F", "%7E", "%3D", "%20", "%c3%bc", "%C3%BC"])
segment = st.lists(letters | quoted, max_size=3).map("".join)
path = st.lists(segment, max_size=4).map("/".join)
reference = path | st.builds("{}?x{}".format, path, segment)


@given(reference)
def test_an_absolute_reference_is_kept_letter_for_letter(text: str) -> None:
    link = f"https://media.example.com/{text}"
    assert redirected(BASE, link) == link
    assert link_of(link) == link


@given(reference)
def test_a_reference_from_the_root_is_kept_letter_for_letter(text: str) -> None:
    text = text.lstrip("/")
    assert redirected(BASE, f"/{text}") == f"https://host:8443/{text}"


@pytest.mark.parametrize(
    ("location", "expected"),
    [
        ("//other/x%7E", "https://other/x%7E"),
        ("?sig=x%2Fy%3D", "https://host:8443/a/b/c.mp4?sig=x%2Fy%3D"),
        ("d%2Fe~.mp4?x=/../y", "https://host:8443/a/b/d%2Fe~.mp4?x=/../y"),
        ("../d", "https://host:8443/a/d"),
        ("../../../d", "https://host:8443/d"),
        ("./", "https://host:8443/a/b/"),
        ("..", "https://host:8443/a/"),
        ("", BASE),
        ("#part", BASE),
        ("/x#part", "https://host:8443/x"),
        ("/a/../b", "https://host:8443/a/../b"),
        ("HTTPS://Host/x", "HTTPS://Host/x"),
        ("/fox in rain.mp4?who=füchse", "https://host:8443/fox%20in%20rain.mp4?who=f%C3%BCchse"),
        ("/latin\udcfc", "https://host:8443/latin%FC"),
        ("/100%/50%25?a=%zz", "https://host:8443/100%25/50%25?a=%25zz"),
        ("https://füchse.example/ü", "https://xn--fchse-kva.example/%C3%BC"),
    ],
)
def test_where_a_redirect_leads(location: str, expected: str) -> None:
    assert redirected(BASE, location) == expected


@given(st.lists(st.sampled_from(["a", "..", ".", "b%2F"]), min_size=1, max_size=6).map("/".join))
def test_relative_paths_are_joined_as_the_standard_library_does(text: str) -> None:
    assert redirected(BASE, text) == urljoin(BASE, text)


@given(segment)
def test_the_folders_before_a_relative_path_are_kept_letter_for_letter(text: str) -> None:
    assert redirected(f"https://host/x{text}/a%20b%2Fc/d?sig=1", "e") == f"https://host/x{text}/a%20b%2Fc/e"


@pytest.mark.parametrize(
    ("link", "location", "expected"),
    [
        ("https://host/50%25/a%2Fb", "?sig=1", "https://host/50%25/a%2Fb?sig=1"),
        ("https://host/a?sig=1", "?", "https://host/a?"),
        ("https://host/a/", "2026-05-03T10:00/b", "https://host/a/2026-05-03T10:00/b"),
    ],
)
def test_what_is_said_stands_and_no_more(link: str, location: str, expected: str) -> None:
    assert redirected(link, location) == expected


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ("https://host/fox in rain.mp4", "https://host/fox%20in%20rain.mp4"),
        (" https://host/fox.mp4\n", "https://host/fox.mp4"),
        ("https://host/f|x[1].mp4?a={b}", "https://host/f%7Cx%5B1%5D.mp4?a=%7Bb%7D"),
        ("https://host/ф.mp4?sig=x%2Fy+z", "https://host/%D1%84.mp4?sig=x%2Fy+z"),
        ("https://[::1]:80/a b", "https://[::1]:80/a%20b"),
        ("https://host/half \ud83d", "https://host/half%20%ED%A0%BD"),
    ],
)
def test_what_no_link_may_hold_is_quoted(told: str, expected: str) -> None:
    assert link_of(told) == expected


@pytest.mark.parametrize("told", ["", "nix", "ftp://host/x", "https://", "https://ho st/x", "file:///etc/passwd"])
def test_what_is_no_link_stays_none(told: str) -> None:
    assert link_of(told) is None


@given(st.text(max_size=30))
def test_any_text_can_follow(text: str) -> None:
    link = link_of(f"https://host/{text}")
    assert link is not None
    assert link_of(link) == link
    redirected(BASE, text)
