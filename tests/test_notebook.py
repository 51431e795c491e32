"""Values show themselves in a notebook, and no text of theirs becomes markup."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wan_async import BatchStats, TaskRecord, TaskState


class Tags(HTMLParser):
    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


def shown(value: Any) -> Tags:
    return Tags(value._repr_html_())


HOSTILE = '"><script>alert(1)</script><img src=x onerror=alert(1)>'


@given(st.text() | st.just(HOSTILE), st.text() | st.just("https://h/" + HOSTILE))
def test_no_text_becomes_markup(text: str, url: str) -> None:
    record = TaskRecord(
        task_id=text,
        model=text,
        state=TaskState.FAIL,
        urls=(url,),
        request={"input": {"prompt": text}},
        fail_message=text,
    )
    for tag, attributes in shown(record).tags:
        assert tag in {"div", "video", "table", "tr", "th", "td"}
        assert set(attributes) <= {"src", "controls", "loop", "muted", "playsinline", "preload", "style"}


def test_a_finished_task_plays_its_clip_and_tells_the_prompt() -> None:
    record = TaskRecord(
        task_id="t", state=TaskState.SUCCESS, urls=("https://h/a.mp4?x=1&y=2",), request={"input": {"prompt": "a fox"}}
    )
    page = shown(record)
    assert dict(page.tags)["video"]["src"] == "https://h/a.mp4?x=1&y=2"
    assert "a fox" in page.text


@pytest.mark.parametrize(
    "url", ["javascript:alert(1)", "data:text/html,x", " javascript:alert(1)", "file:///etc/passwd"]
)
def test_only_web_links_are_played(url: str) -> None:
    assert "video" not in dict(shown(TaskRecord(task_id="t", urls=(url,))).tags)


@pytest.mark.parametrize("asked", [None, {}, {"input": None}, {"input": []}, {"input": {}}])
def test_a_record_without_its_request_shows_itself_too(asked: dict[str, Any] | None) -> None:
    assert "task" in shown(TaskRecord(task_id="t", request=asked)).text


def test_a_batchs_counts_are_a_table() -> None:
    text = shown(BatchStats(pulled=7, credits=12.5)).text
    assert "pulled7" in text
    assert "credits12.5" in text
