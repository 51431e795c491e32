"""The simulation of a plan past one machine: nothing is made from nothing, and the nearest wall holds it up."""

from __future__ import annotations

import sys

import pytest

from benchmarks import plan as module
from benchmarks.plan import MEASURED, Plan, ends_after, main, rows, run


def test_where_the_limit_is_the_nearest_wall_a_plan_takes_what_the_limit_takes() -> None:
    ran = run(Plan(accounts=10, workers=10, clips=100_000), MEASURED)
    assert ran.hours * 3600 == pytest.approx(100_000 / 20 + 60, abs=40)
    assert ran.most_in_flight == pytest.approx(20 * 60, rel=0.03)
    assert ran.used["limits of the accounts"] == pytest.approx(1, abs=0.03)


def test_another_wall_holds_it_up_where_that_is_nearer() -> None:
    plan = Plan(accounts=1000, workers=10, clips=1_000_000)  # ten lines carry 200 clips a second
    ran = run(plan, MEASURED)
    assert rows(plan, MEASURED)[0]["wall"] == "lines of the workers"
    assert ran.hours * 3600 == pytest.approx(1_000_000 / 200, rel=0.05)
    assert run(plan._replace(gigabits=10.0), MEASURED).hours < ran.hours / 5


def test_accounts_that_all_workers_share_cost_redis_more() -> None:
    plan = Plan()
    shared = plan._replace(spread=True)
    assert shared.walls(MEASURED)["Redis, one core"] < plan.walls(MEASURED)["Redis, one core"] / 3
    assert run(shared, MEASURED).hours > run(plan, MEASURED).hours


@pytest.mark.parametrize("seconds", [1.0, 60.0, 600.0])
def test_all_that_begins_ends(seconds: float) -> None:
    parts = ends_after(seconds)
    assert sum(parts) == pytest.approx(1)
    assert sum(at * part for at, part in enumerate(parts)) == pytest.approx(seconds, abs=1)


def test_it_prints_three_plans(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["plan", "--clips", "100000"])
    main()
    printed = capsys.readouterr().out
    assert printed.count("Redis, one core") == 3
    assert "all workers" in printed
    assert module.__doc__ is not None
