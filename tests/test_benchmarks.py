"""The check of a run of the benchmarks against the baseline."""

from __future__ import annotations

import json

from benchmarks.__main__ import BASELINE, worse


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
