"""More tasks than the query limit can find in time: 2,000 in flight at the provider's 10 queries a second."""

from __future__ import annotations

import asyncio
from functools import cache
from typing import TYPE_CHECKING

import pytest

from benchmarks._mixes import MIXES
from benchmarks.polling import WAYS, run
from wan_async.emulator.virtual_time import VirtualTimeLoop

if TYPE_CHECKING:
    from benchmarks.polling import Result

OVERLOAD = next(mix for mix in MIXES if mix.in_flight == 2000)._replace(tasks=4000)


@cache
def results(way: str) -> list[Result]:
    """Of the tasks of 60 s, and of those of 300 s."""
    chosen = next(each for each in WAYS if each.name == way)
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        return runner.run(run(chosen, OVERLOAD))


@pytest.mark.parametrize(
    ("way", "late", "latest", "looks"),
    [("ours, warm", 20, 120, 1.7), ("ours, cold", 45, 180, 2.7), ("ours, Polling(interval=6)", 150, 450, 3.2)],
)
def test_no_query_is_rejected_and_nobody_starves(way: str, late: float, latest: float, looks: float) -> None:
    for found in results(way):
        assert found.rejected == 0
        assert found.most_per_second <= 10
        assert found.looks <= looks
        assert found.late <= late
        assert found.latest <= latest
        assert found.unseen <= 400


def test_what_is_learnt_finds_long_and_short_tasks_late_by_the_same_part() -> None:
    short, long = results("ours, warm")
    assert 1 / 1.5 <= short.late / long.late <= 1.5
    assert 1 / 1.5 <= short.late_95 / long.late_95 <= 1.5
