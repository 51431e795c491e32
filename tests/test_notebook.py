"""Calls work in a notebook, and values show themselves there; no text of theirs becomes markup."""

from __future__ import annotations

import os
from html.parser import HTMLParser
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nbclient import NotebookClient

from wan_async import BatchStats, TaskRecord, TaskState
from wan_async.emulator import Emulator

ROOT = Path(__file__).parents[1]


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
        assert tag in {"div", "video", "img", "table", "tr", "th", "td"}
        assert set(attributes) <= {"src", "alt", "controls", "loop", "muted", "playsinline", "preload", "style"}


def test_a_finished_task_plays_its_clip_and_tells_the_prompt() -> None:
    record = TaskRecord(
        task_id="t", state=TaskState.SUCCESS, urls=("https://h/a.mp4?x=1&y=2",), request={"input": {"prompt": "a fox"}}
    )
    page = shown(record)
    assert dict(page.tags)["video"]["src"] == "https://h/a.mp4?x=1&y=2"
    assert "a fox" in page.text


def test_pictures_are_shown_as_pictures_each_of_them() -> None:
    links = ("https://h/a.png?x=1&y=2", "https://h/b.WEBP", "https://h/c.mp4?as=.png")
    tags = shown(TaskRecord(task_id="t", state=TaskState.SUCCESS, urls=links)).tags
    assert [(tag, attributes["src"]) for tag, attributes in tags if "src" in attributes] == [
        ("img", links[0]),
        ("img", links[1]),
        ("video", links[2]),
    ]


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


CELLS = (
    """
import asyncio
import wan_async.sync
from wan_async import Wan22TextToVideoTurbo, WanClient

fox = Wan22TextToVideoTurbo(prompt="a fox")
asyncio.get_running_loop().is_running()
""",
    """
with wan_async.sync.WanClient() as wan:
    record = wan.run(fox)
record
""",
    """
wan = WanClient()
async for record in (await wan.submit(fox)).watch():
    print(record.state.value)
await wan.aclose()
""",
    """
async with WanClient() as wan, wan.batch([fox] * 3) as results:
    async for outcome in wan_async.progress(results, total=3):
        print(outcome.ok)
""",
)


async def executed(cells: tuple[str, ...], folder: Path, **environment: str) -> list[list[Any]]:
    """The outputs of each cell, of a kernel of its own."""
    new: Any = import_module("nbformat.v4")  # which has no types
    notebook = new.new_notebook(cells=[new.new_code_cell(cell) for cell in cells])
    client = NotebookClient(notebook, timeout=60, coalesce_streams=True, extra_arguments=["--log-level=ERROR"])
    where = {"IPYTHONDIR": str(folder), "PYTHONPATH": str(ROOT)}
    await client.async_execute(env={**os.environ, **where, **environment})
    return [cell["outputs"] for cell in notebook["cells"]]


@pytest.mark.filterwarnings("ignore:Proactor event loop")  # on Windows, of ZeroMQ
async def test_a_notebook_uses_all_three_doors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel runs an event loop, in which the cells with `await` run and beside which `wan_async.sync` runs."""
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path))
    provider = Emulator(key="k", seconds=0.3, render=False)
    async with provider.serve() as url:
        cells = await executed(CELLS, tmp_path, APIKLEY_API_KEY="k", APIKLEY_BASE_URL=url)
    (running,), (record,), (watched,), batch = cells
    assert running["data"]["text/plain"] == "True"
    assert "<video" in record["data"]["text/html"]
    assert watched["text"].split()[-1] == "success"
    assert {output["output_type"] for output in batch} == {"display_data", "stream"}
    (bar,) = (output["data"] for output in batch if output["output_type"] == "display_data")
    (printed,) = (output for output in batch if output["output_type"] == "stream")
    assert (printed["name"], printed["text"].split()) == ("stdout", ["True"] * 3)
    assert bar["text/plain"].startswith("3/3: 3 done")
    assert "━━━" in bar["text/html"]
    assert "3 done" in bar["text/html"]
    assert provider.stats.created == 5
