"""From a journal to the page's data and HTML."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wan_async import RateLimit, Wan22TextToVideoTurbo, WanClient
from wan_async._cli.root import run
from wan_async._gallery import ByPath, Gallery, read_gallery, write_page
from wan_async._gallery.page import in_script, render
from wan_async._gallery.summary import busy_seconds, histogram, usage
from wan_async.emulator import Emulator
from wan_async.errors import ConfigurationError

from .support import LIMIT, START, Item, journal

HOSTILE = "</script><script>alert(1)</script><!-- <script> &lt;"


def read(tmp_path: Path, items: list[Item], newest: int = 100) -> Gallery:
    return read_gallery(journal(tmp_path / "run.db", items), ByPath(tmp_path), limit=LIMIT, newest=newest)


def test_rows_tell_what_was_asked_and_got(tmp_path: Path) -> None:
    (tmp_path / "a b#.mp4").write_bytes(b"x")
    done = Item("a", path=str(tmp_path / "a b#.mp4"), url="https://h/c.mp4")
    gone = Item("b", path=str(tmp_path / "gone.mp4"), url="https://h/c.mp4")
    failed = Item("c", state="failed", reason="refused", url="javascript:alert(1)")
    rows = read(tmp_path, [done, gone, failed]).rows
    assert [row.clip for row in rows] == ["a%20b%23.mp4", "https://h/c.mp4", None]
    assert (rows[0].title, rows[0].fields, rows[0].seconds, rows[0].credits) == ("a fox", {"seed": 1}, 60.0, 40.0)
    assert (rows[2].state, rows[2].reason, rows[2].seconds) == ("failed", "refused", None)


def test_the_newest_are_shown_and_all_are_summed_up(tmp_path: Path) -> None:
    gallery = read(tmp_path, [Item(f"k{n}") for n in range(5)], newest=2)
    assert ([row.key for row in gallery.rows], gallery.total, gallery.summary.counts.done) == (["k3", "k4"], 5, 5)
    assert gallery.summary.counts.credits == 200
    assert gallery.summary.busy == 61.0
    assert gallery.summary.per_hour == pytest.approx(5 / 61 * 3600)


def test_time_in_which_nothing_ran_does_not_count() -> None:
    assert busy_seconds([(0, 10), (5, 8), (9, 12), (100, 101)]) == 13
    assert busy_seconds([]) == 0


@given(st.lists(st.floats(0, 1e6), min_size=1))
def test_each_clip_is_in_one_bar(durations: list[float]) -> None:
    bars = histogram(durations)
    assert bars is not None
    assert sum(bars.counts) + bars.beyond == len(durations)
    assert len(bars.counts) <= 25
    assert bars.start <= min(durations) < bars.start + bars.step * 1.001


def test_a_clip_that_took_far_longer_does_not_flatten_the_rest() -> None:
    bars = histogram([60.0 + n % 10 for n in range(200)] + [785.0])
    assert bars is not None
    assert (bars.start, bars.step, bars.counts, bars.beyond) == (60.0, 1.0, (20,) * 10, 1)


def test_the_limits_use_is_a_mean_per_period() -> None:
    used = usage([START + n / 2 for n in range(40)], LIMIT)
    assert used is not None
    assert (used.calls, used.step, used.limit) == ((20.0, 20.0), 10.0, 20)
    long = usage([START + n for n in range(10_000)], LIMIT)
    assert long is not None
    assert len(long.calls) <= 121
    assert long.calls[0] == 10.0


class Scripts(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.opened: list[dict[str, str | None]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "script":
            self.opened.append(dict(attrs))


@given(st.text() | st.sampled_from([HOSTILE, "<!--<script>", "</SCRIPT >"]))
def test_text_in_a_script_is_json_and_never_markup(text: str) -> None:
    encoded = in_script(msgspec.json.encode(text).decode())
    assert not set("<>&") & set(encoded)
    assert msgspec.json.decode(encoded) == text


def test_a_hostile_journal_adds_no_element(tmp_path: Path) -> None:
    page = render(read(tmp_path, [Item(HOSTILE, prompt=HOSTILE, state="failed", reason=HOSTILE)]))
    scripts = Scripts()
    scripts.feed(page)
    assert scripts.opened == [{"type": "application/json", "id": "data"}, {}]
    found = re.search(r'id="data">(.*?)</script>', page, re.DOTALL)
    assert found is not None
    assert msgspec.json.decode(found[1])["rows"][0]["title"] == HOSTILE
    assert not re.search(r'(?:src|href)="(?:https?:)?//', page)


def test_another_page_is_left_alone(tmp_path: Path) -> None:
    gallery = read(tmp_path, [Item("a")])
    (tmp_path / "index.html").write_text("mine")
    with pytest.raises(ConfigurationError, match="no gallery"):
        write_page(tmp_path, gallery)
    assert (tmp_path / "index.html").read_text() == "mine"
    assert write_page(tmp_path / "new", gallery) == write_page(tmp_path / "new", gallery)


def test_the_command_writes_and_refuses(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, out = str(journal(tmp_path / "run.db", [Item("a")])), tmp_path / "out"
    assert run(["gallery", path, "-o", str(out)]) == 0
    assert (out / "index.html").as_uri() in capsys.readouterr().out
    assert run(["gallery", path, "-o", str(out), "--serve"]) == 2
    assert run(["gallery", str(tmp_path / "none.db"), "--serve"]) == 2


async def test_the_use_of_the_limit_is_measured_against_the_batchs_own(tmp_path: Path) -> None:
    provider = Emulator(seconds=0.01, limit=None, query_limit=None, render=False)
    often = RateLimit(1000, per=1.0)
    async with (
        provider.serve() as url,
        WanClient("k", base_url=url, limit=RateLimit(200, per=1.0), query_limit=often) as wan,
    ):
        inputs = [Wan22TextToVideoTurbo(prompt=f"fox {number}") for number in range(100)]
        async with wan.batch(inputs, journal=tmp_path / "run.db") as results:
            assert len([outcome async for outcome in results]) == 100
    read = read_gallery(tmp_path / "run.db", ByPath(tmp_path), limit=None, newest=10)
    assert read.summary.usage is not None
    assert (read.summary.usage.limit, read.summary.usage.per) == (200, 1.0)
    assert sum(read.summary.usage.calls) <= 200
