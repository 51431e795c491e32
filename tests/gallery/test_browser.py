"""The page in a real browser: Debian's Chromium."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Generator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from wan_async.emulator._clips import ClipSpec
from wan_async.emulator._render import render

from .support import MODEL, START, Item, page_of

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
HOSTILE = "</script><script>document.title='hacked'</script><!-- <img src=x onerror=alert(1)>"
PLAYS = "() => [...document.querySelectorAll('article video')].filter((v) => !v.paused && v.currentTime > 0.5).length"


@pytest.fixture(scope="module")
def browser() -> Generator[Browser]:
    program = shutil.which("chromium")
    try:
        from playwright.sync_api import sync_playwright
    except ModuleNotFoundError:
        program = None
    if program is None:
        if os.environ.get("WAN_TEST_REQUIRE_BROWSER") == "1":
            pytest.fail("WAN_TEST_REQUIRE_BROWSER=1, but chromium or playwright is not installed")
        pytest.skip("chromium or playwright is not installed")
    with sync_playwright() as playwright:  # pyright: ignore[reportPossiblyUnboundVariable]
        browser = playwright.chromium.launch(executable_path=program, args=ARGUMENTS)
        yield browser
        browser.close()


def until(page: Page, holds: str) -> None:
    """Wait until a function holds in the page; Playwright's own waiting would need the page's policy to allow eval."""
    for _ in range(200):
        if page.evaluate(holds):
            return
        page.wait_for_timeout(50)
    pytest.fail(f"never: {holds}")


@pytest.fixture
def page(browser: Browser) -> Generator[Page]:
    """A page that must leave nothing in the console."""
    page = browser.new_page(
        viewport={"width": 1280, "height": 900}, bypass_csp=True
    )  # Playwright evaluates in the page
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    yield page
    page.close()
    assert said == []


@pytest.fixture
def few(tmp_path: Path) -> str:
    clip = tmp_path / "a.mp4"
    clip.write_bytes(render(ClipSpec(MODEL, "a fox", "t", 160, 90, 2.0)))
    return page_of(
        tmp_path,
        [
            Item("k1", "a red fox", path=str(clip), seconds=50.0, credits=80.0, sent=START),
            Item("k10", "a boat", path=str(clip), seconds=90.0, credits=40.0, sent=START + 1),
            Item("k2", HOSTILE, state="failed", reason="refused <b>", model="wan/2-6-image-to-video", credits=0.0),
            Item("k3", "a lost one", state="unknown", credits=60.0, sent=START + 3),
        ],
    )


def keys(page: Page) -> list[str]:
    return page.evaluate("() => [...document.querySelectorAll('article')].map((card) => card.dataset.key)")


def test_clips_play_while_pointed_at_or_focused(page: Page, few: str) -> None:
    page.goto(few)
    page.locator("[data-key=k1]").hover()
    until(page, f"() => ({PLAYS})() === 1")
    page.mouse.move(2, 2)
    until(page, "() => [...document.querySelectorAll('article video')].every((v) => v.paused)")
    page.keyboard.press("/")
    page.keyboard.press("Enter")
    page.keyboard.press("End")
    page.keyboard.press("Home")
    page.locator("[data-key=k10]").focus()
    until(page, f"() => ({PLAYS})() === 1")


def test_filters_searches_and_sorts(page: Page, few: str) -> None:
    page.goto(few)
    page.select_option("#sort", "key")
    assert keys(page) == ["k1", "k2", "k3", "k10"]
    page.select_option("#sort", "duration")
    assert keys(page)[:2] == ["k10", "k1"]
    page.select_option("#sort", "credits")
    assert keys(page) == ["k1", "k3", "k10", "k2"]
    page.click("[data-state=failed]")
    assert keys(page) == ["k2"]
    page.click("[data-state='']")
    page.keyboard.press("/")
    page.keyboard.type("FOX red")
    assert keys(page) == ["k1"]
    page.keyboard.press("Escape")
    page.select_option("#model", "wan/2-6-image-to-video")
    assert keys(page) == ["k2"]


def test_hostile_words_are_shown_as_text(page: Page, few: str) -> None:
    page.goto(few)
    card = page.locator("[data-key=k2]")
    assert card.locator(".prompt").inner_text() == HOSTILE
    assert "refused <b>" in card.inner_text()
    card.click()
    assert page.locator("#large-title").inner_text() == HOSTILE
    assert page.title().startswith("run.db")
    assert page.locator("img").count() == 0


def test_pictures_are_seen_beside_clips(page: Page, tmp_path: Path) -> None:
    picture = tmp_path / "a fox#1.png"
    picture.write_bytes(render(ClipSpec("wan/2-7-image", "a fox", "t", 160, 90, 0.0)))
    page.goto(page_of(tmp_path, [Item("k1", "a red fox", path=str(picture), sent=START)]))
    page.wait_for_function("() => document.querySelector('article img')?.naturalWidth === 160")
    assert page.locator("video").count() == 0
    page.locator("[data-key=k1]").click()
    page.wait_for_function("() => document.querySelector('#large-media img')?.naturalWidth === 160")


def test_all_pictures_of_a_task_are_seen(page: Page, tmp_path: Path) -> None:
    for nth, width in (("", 160), ("-2", 80)):
        content = render(ClipSpec("wan/2-7-image", "a fox", "t", width, 90, 0.0))
        (tmp_path / f"fox{nth}.png").write_bytes(content)
    urls = tuple(f"https://example.invalid/{nth}.png" for nth in (1, 2))
    page.goto(page_of(tmp_path, [Item("k1", path=str(tmp_path / "fox.png"), sent=START, urls=urls)]))
    page.locator("[data-key=k1]").click()
    seen = page.locator("#large-media img")
    assert [str(one.get_attribute("src")).rpartition("/")[2] for one in seen.all()] == ["fox.png", "fox-2.png"]
    page.wait_for_function("() => document.querySelectorAll('#large-media img')[1].naturalWidth === 80")


def test_the_keyboard_alone_will_do(page: Page, few: str) -> None:
    page.goto(few)
    page.select_option("#sort", "key")
    page.keyboard.press("/")
    page.keyboard.press("Enter")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    assert page.locator("#large").is_visible()
    page.keyboard.press("ArrowRight")
    assert page.locator("#large-title").inner_text() == "a lost one"
    page.keyboard.press("Escape")
    assert not page.locator("#large").is_visible()
    page.wait_for_function("() => document.activeElement.dataset.key === 'k3'")  # a dialog tells its end a turn later


def test_ten_thousand_rows(page: Page, tmp_path: Path) -> None:
    clip = tmp_path / "a.mp4"
    clip.write_bytes(render(ClipSpec(MODEL, "a fox", "t", 160, 90, 1.0)))
    count = "() => [document.querySelectorAll('*').length, document.querySelectorAll('video[src]').length]"
    url = page_of(tmp_path, [Item(f"k{n}", f"clip {n}", sent=START + n, path=str(clip)) for n in range(10_000)])
    started = time.monotonic()
    page.goto(url)
    page.wait_for_selector("article")
    assert time.monotonic() - started < 10
    page.keyboard.press("/")
    page.keyboard.press("Enter")
    page.keyboard.press("End")
    assert page.evaluate("() => document.activeElement.dataset.key") == "k0"
    page.wait_for_timeout(300)
    elements, videos = page.evaluate(count)
    assert elements < 4000
    assert 0 < videos < 40
    page.fill("#search", "k9999")
    page.wait_for_selector("[data-key=k9999]")
    assert keys(page) == ["k9999"]


@pytest.mark.parametrize(("scheme", "paper"), [("light", "rgb(246, 245, 242)"), ("dark", "rgb(16, 17, 22)")])
def test_a_phone_in_light_and_dark(page: Page, few: str, scheme: str, paper: str) -> None:
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(few)
    assert page.evaluate("() => document.documentElement.scrollWidth") <= 390
    assert page.evaluate("() => getComputedStyle(document.body).backgroundColor") == paper
