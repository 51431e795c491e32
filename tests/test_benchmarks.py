"""The check of a run of the benchmarks against the baseline."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from benchmarks import __main__ as benchmarks
from benchmarks import submit
from benchmarks.__main__ import BASELINE, Measured, main, worse
from benchmarks._arms import Comparison, Turn


def test_what_got_worse_by_over_a_tenth_is_named() -> None:
    before = {"same": 1.0, "a little worse": 1.0, "worse": 1.0, "better": 1.0}
    now = {"same": 1.0, "a little worse": 1.09, "worse": 1.11, "better": 0.5, "new": 9.0}
    assert worse(now, before) == ["worse: 1.11, was 1.00"]


def test_what_is_measured_no_more_is_named() -> None:
    assert worse({}, {"gone": 1.5}) == ["gone: not measured, was 1.50"]


def test_the_baseline_holds_ratios() -> None:
    baseline = json.loads(BASELINE.read_text(encoding="utf-8"))
    assert len(baseline) >= 6
    assert all(isinstance(ratio, float) and 0 < ratio < 100 for ratio in baseline.values())


def clients() -> dict[str, Comparison]:
    turns = {name: Turn(80.0 * number, 1000.0) for number, name in enumerate(submit.RIVALS, 1)}
    return {call: Comparison([turns], {}) for call in ("submit", "poll")}


def test_tables_or_json_a_plot_and_the_check_go_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("matplotlib")
    baseline = json.loads(BASELINE.read_text(encoding="utf-8"))
    name = next(iter(baseline))
    ratios = {**baseline, name: baseline[name] * 2}

    def run(*, quick: bool) -> Measured:
        return Measured({"submit and poll": submit.rows(clients())}, ratios, {}, clients())

    monkeypatch.setattr(benchmarks, "run", run)
    assert main(["--json", "--plot", str(tmp_path / "plots"), "--check"]) == 1
    output, errors = capsys.readouterr()
    assert json.loads(output)["ratios"] == ratios
    assert [line for line in errors.splitlines() if line.startswith("worse: ")] == errors.splitlines()[2:]
    assert f"worse: {name}" in errors
    assert (tmp_path / "plots" / "submit.png").read_bytes()[:4] == b"\x89PNG"
    assert main([]) == 0
    assert "wan-async" in capsys.readouterr().out


def test_a_plot_that_cannot_be_drawn_is_told_before_anything_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.delattr(benchmarks, "run")
    with pytest.raises(SystemExit, match=r"wan-async\[bench\]"):
        main(["--plot", "anywhere"])
