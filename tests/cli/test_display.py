"""What a display shows of a batch, on a terminal and elsewhere, and the demo's page of hostile prompts."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest

from wan_async import BatchStats, Outcome, TaskFailedError, TaskRecord, TaskState, Wan22TextToVideoTurbo
from wan_async._cli.display import PlainLines, display_on, showing
from wan_async._cli.main import main
from wan_async._cli.pace import Pace, View, clock, seconds_left
from wan_async._cli.page import write_page
from wan_async._cli.progress import Progress

STATS = BatchStats(pulled=9, submitted=8, running=3, succeeded=4, failed=1, unknown=1, throttled=2)


@pytest.mark.parametrize(
    ("left", "told"), [(None, "-:--"), (0.0, "0:00"), (61.2, "1:02"), (3599.5, "1:00:00"), (7384, "2:03:04")]
)
def test_the_time_left_is_told_as_a_clock(left: float | None, told: str) -> None:
    assert clock(left) == told


def test_the_rate_looks_back_a_minute() -> None:
    pace = Pace()
    assert pace.rate(0.0, 0) == 0.0
    assert pace.rate(10.0, 50) == 5.0
    for second in range(20, 200, 10):
        pace.rate(float(second), 50)
    assert pace.rate(200.0, 110) == pytest.approx(1.0, rel=0.2)


@pytest.mark.parametrize(("remaining", "rate", "left"), [(0, 0.0, 0.0), (10, 0.0, None), (10, 2.0, 5.0)])
def test_seconds_left(remaining: int, rate: float, left: float | None) -> None:
    assert seconds_left(remaining, rate) == left


def test_plain_lines_come_now_and_then_and_only_when_something_changed() -> None:
    out, now = io.StringIO(), [0.0]
    lines = PlainLines(out, 1.0, lambda: now[0])
    for moment in (0.5, 1.0, 1.2, 2.5, 4.0):
        now[0] = moment
        lines.show(View(9, STATS))
    lines.show(View(9, BatchStats(succeeded=9)), last=True)
    told = out.getvalue().splitlines()
    assert len(told) == 2
    assert told[0] == "6/9: 4 done, 3 running, 1 failed, 1 unknown, 2 throttled, 0.0/s, ETA -:--"
    assert told[1].startswith("9/9: 9 done")


async def test_a_terminal_gets_a_bar_and_the_counts() -> None:
    out = io.StringIO()
    progress = Progress(9, lambda: STATS)
    with display_on(out, every=1.0, live=True) as display:
        async with showing(display, progress.view):
            display.say("key [bold]7[/bold]: failed")
    shown = out.getvalue()
    assert "key [bold]7[/bold]: failed" in shown
    assert "6/9" in shown
    assert "4 done" in shown
    assert "2 throttled" in shown


def test_hostile_prompts_and_reasons_are_text_on_the_demos_page(tmp_path: Path) -> None:
    hostile = '"><script>alert(1)</script><img src=x onerror=alert(2)>'
    record = TaskRecord(task_id="t", state=TaskState.FAIL, fail_message=hostile)
    outcome = Outcome(
        index=0,
        key="k",
        input=Wan22TextToVideoTurbo(prompt=hostile),
        task_id="t",
        record=record,
        error=TaskFailedError(record),
    )
    summary = write_page(tmp_path / "index.html", [outcome], 3.0)
    page = (tmp_path / "index.html").read_text("utf-8")
    assert (summary.done, summary.failed) == (0, 1)
    assert "<script>alert" not in page
    assert "<img src=x" not in page
    assert "&lt;script&gt;alert(1)" in page


def test_a_missing_extra_names_its_pip_command(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "click", None)
    for name in [name for name in sys.modules if name.startswith("wan_async._cli.") and not name.endswith("main")]:
        monkeypatch.delitem(sys.modules, name)
    with pytest.raises(SystemExit) as left:
        main(["credits"])
    assert left.value.code == 2
    assert capsys.readouterr().err == "wan-async: click is not installed: pip install 'wan-async[cli]'\n"
