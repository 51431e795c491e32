"""The demo's page, and what is told where the extra is missing."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from wan_async import Outcome, TaskFailedError, TaskRecord, TaskState, Wan22TextToVideoTurbo
from wan_async._cli.demo.page import write_page
from wan_async._cli.main import main


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
