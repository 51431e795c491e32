"""What is shown of a batch: on a terminal, elsewhere, and around a loop."""

from __future__ import annotations

import asyncio
import io
import itertools
import sys
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from wan_async import (
    BatchStats,
    ConfigurationError,
    InsufficientCreditsError,
    RateLimit,
    Wan22TextToVideoTurbo,
    WanClient,
    progress,
)
from wan_async._policy.limiter import LimitState
from wan_async._progress import Follow, display_on, showing
from wan_async._progress.display import LiveLines, PlainLines
from wan_async._progress.pace import Pace, View, clock, seconds_left
from wan_async.emulator import Emulator


def standing(stats: BatchStats, limit: LimitState | None = None, max_credits: float | None = None) -> Any:
    """A batch that stands still."""
    return SimpleNamespace(stats=stats, limit=limit, max_credits=max_credits)


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
    assert told[0] == "6/9: 4 done, 3 running, 1 failed, 1 unknown, 2 throttled, 0.0/s, ETA -:--, 0 credits"
    assert told[1].startswith("9/9: 9 done")


async def test_a_terminal_gets_a_bar_and_the_counts() -> None:
    out = io.StringIO()
    follow = Follow(standing(STATS), 9)
    with display_on(out, every=1.0, live=True) as display:
        async with showing(display, follow.view):
            display.say("key [bold]7[/bold]: failed")
    shown = out.getvalue()
    assert "key [bold]7[/bold]: failed" in shown
    assert "6/9" in shown
    assert "4 done" in shown
    assert "2 throttled" in shown


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_what_is_printed_beside_the_bar_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    for stdout, place in ((Terminal(), terminal), (pipe := io.StringIO(), pipe)):
        monkeypatch.setattr(sys, "stdout", stdout)
        with display_on(terminal, every=1.0) as display:
            display.show(View(9, STATS))
            print("of mine")
            assert place.getvalue().rpartition("of mine")[1]
            assert ("6/9" in place.getvalue().rpartition("of mine")[2]) is (place is terminal)  # it is drawn below
        assert sys.stdout is stdout


def test_a_terminal_without_the_extra_gets_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    with display_on(Terminal(), every=1.0) as display:
        assert isinstance(display, LiveLines)
    monkeypatch.setitem(sys.modules, "rich", None)
    with display_on(Terminal(), every=1.0) as display:
        assert isinstance(display, PlainLines)


def test_what_earlier_runs_made_is_done_and_no_measure_of_the_pace() -> None:
    now = itertools.count(0.0, 10.0)
    given = standing(BatchStats(replayed=500))
    follow = Follow(given, 1000, lambda: next(now))
    assert follow.view().left is None
    given.stats = BatchStats(replayed=500, succeeded=20)
    view = follow.view()
    assert (view.finished, view.rate, view.left) == (520, 2.0, 240.0)


def test_the_limit_the_credits_and_the_oldest_task_are_told() -> None:
    state = LimitState(RateLimit(20, per=10.0), learnt=12, used=11, waiting=3, throttled=5, brake=0.0)
    stats = BatchStats(succeeded=3, credits=1200.0, overdue=724.0, fetching=2)
    told = Follow(standing(stats, state, 10_000.0), None).view().counts()
    assert "limit 11/12 (learnt) per 10 s" in told
    assert "1,200 of 10,000 credits" in told
    assert "oldest task 12:04" in told
    assert "2 downloading" in told
    assert "limit 11/20 per 10 s" in View(None, stats, limit=LimitState(state.limit, 20, 11, 0, 0, 0.0)).counts()


# around a loop


def foxes(count: int) -> Iterator[Wan22TextToVideoTurbo]:
    return (Wan22TextToVideoTurbo(prompt=f"fox {number}", resolution="480p") for number in range(count))


@pytest.mark.parametrize("leave", [False, True])
async def test_a_loop_is_shown_until_it_ends_or_its_batch_is_left(leave: bool) -> None:
    out, seen = io.StringIO(), 0
    async with Emulator(seconds=0.05, limit=None, render=False).serve() as url, WanClient("k", base_url=url) as wan:
        async with wan.batch(foxes(5), max_credits=1000) as results:
            async for outcome in progress(results, total=5, stream=out):
                assert outcome.ok
                seen += 1
                if leave:
                    break
        assert "limit" in out.getvalue().splitlines()[-1]  # the end is shown: what is printed now is not in its midst
        others = asyncio.all_tasks() - {asyncio.current_task()}
        assert not [task for task in others if "_show" in repr(task)]
    assert seen == (1 if leave else 5)
    last = out.getvalue().splitlines()[-1]
    assert ("5/5: 5 done" in last) is not leave
    assert "of 1,000 credits" in last
    assert "limit" in last


async def test_what_the_batch_raises_comes_through() -> None:
    out, provider = io.StringIO(), Emulator(seconds=0.05, credits=40, render=False)
    async with provider.serve() as url, WanClient("k", base_url=url) as wan, wan.batch(foxes(3)) as results:
        with pytest.raises(InsufficientCreditsError):
            async for _ in progress(results, stream=out):
                pass
    assert "1: 1 done" in out.getvalue().splitlines()[-1]


async def test_a_total_is_a_number() -> None:
    async with WanClient("k", base_url="http://127.0.0.1:9") as wan:
        with pytest.raises(ConfigurationError, match="total: 'many'"):
            progress(wan.batch([]), total="many")  # pyright: ignore[reportArgumentType]
