"""A plan past one machine, second by second in virtual time: what holds it up, and what does so next.

`python -m benchmarks.plan [--accounts 1000] [--workers 100] [--clips 10000000] [--seconds 60] [--polls 4.5]
[--megabytes 5] [--gigabits 1] [--measure] [--json]`

Simulated: clips that take `seconds` each, ± 12 %, of accounts with 20 new tasks per 10 s and 10 queries a second;
workers of one core each; one Redis, which does one thing at a time, for the limits; one PostgreSQL of four cores for
the journal. In each second so many are begun, and so many that have ended are written down and fetched, as the
scarcest of all allows. A wall is what one of them carries alone, in clips a second; used is the part of it that the
whole plan takes.

The costs are in `MEASURED`; `--measure` measures them here and now, in a minute. Costs of a server on two busy cores
stand for those of its own.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import sys
from collections import deque
from typing import NamedTuple

from ._report import Row, show

PER_ACCOUNT, WINDOW = 20, 10
QUERIES = 10.0
DATABASE_CORES = 4
DOWN = 0.8
"""Of a line's bits that carry clips."""


class Costs(NamedTuple):
    """What things cost, CPU in µs.

    Attributes:
        visits: exchanges with the storage of limits, of a permit, where one process has its account.
        visit: of Redis, such an exchange.
        item: of PostgreSQL, all writes of an item.
        bytes: on its disk, an item.
        permit: of a worker.
    """

    visits: float
    visit: float
    item: float
    bytes: float
    permit: float


MEASURED = Costs(visits=1.04, visit=78.0, item=802.0, bytes=1842.0, permit=291.0)
"""`python -m benchmarks.plan --measure`, of two cores with a load of 2 to 4."""

SUBMIT, POLL, WRITES = 41.0, 46.0, 290.0
"""CPU of a worker in µs: `python -m benchmarks`, `python -m benchmarks.journal --only shared`."""

WAITING_VISITS = 3.0
"""Visits of each process that waits, in each window of an account, where many processes share that."""


class Plan(NamedTuple):
    """What is to be done, with what."""

    accounts: int = 1000
    workers: int = 100
    clips: int = 10_000_000
    seconds: float = 60.0
    polls: float = 4.5
    megabytes: float = 5.0
    gigabits: float = 1.0
    spread: bool = False

    def visits(self, costs: Costs) -> float:
        """Visits of a clip: for its permits, and of all processes that wait for a turn of its account."""
        return (1 + self.polls) * costs.visits + (self.workers * WAITING_VISITS / PER_ACCOUNT if self.spread else 0.0)

    def walls(self, costs: Costs) -> dict[str, float]:
        """Clips a second that each carries."""
        redis = self.visits(costs) * costs.visit / 1e6
        worker = SUBMIT + self.polls * POLL + WRITES + (1 + self.polls) * costs.permit
        return {
            "limits of the accounts": self.accounts * PER_ACCOUNT / WINDOW,
            "queries of the accounts": self.accounts * QUERIES / self.polls,
            "Redis, one core": 1 / redis,
            "PostgreSQL, four cores": DATABASE_CORES * 1e6 / costs.item,
            "CPU of the workers": self.workers * 1e6 / worker,
            "lines of the workers": self.workers * self.gigabits * 1e9 * DOWN / (self.megabytes * 8e6),
        }


class Ran(NamedTuple):
    """How it went."""

    hours: float
    most_in_flight: float
    used: dict[str, float]


def run(plan: Plan, costs: Costs) -> Ran:
    """The plan, second by second."""
    walls = plan.walls(costs)
    limit = walls["limits of the accounts"] * WINDOW
    others = min(rate for name, rate in walls.items() if name != "limits of the accounts")
    takes = ends_after(plan.seconds)
    window, ending = deque([0.0] * WINDOW, WINDOW), deque([0.0] * (len(takes) + 1))
    to_begin, done, backlog, in_flight, most, second = float(plan.clips), 0.0, 0.0, 0.0, 0.0, 0
    while done < plan.clips - 0.5:
        backlog += ending.popleft()
        ending.append(0.0)
        finished = min(backlog, others)
        backlog, done, in_flight = backlog - finished, done + finished, in_flight - finished
        begun = min(to_begin, limit - sum(window) + window[0], others)
        window.append(begun)
        to_begin, in_flight = to_begin - begun, in_flight + begun
        for after, part in enumerate(takes):
            ending[after] += begun * part
        most, second = max(most, in_flight), second + 1
    mean = plan.clips / second
    return Ran(second / 3600, most, {name: mean / rate for name, rate in walls.items()})


def ends_after(seconds: float) -> list[float]:
    """The parts of what is begun that end after 0, 1, 2 … seconds."""
    deviation = 0.12 * seconds
    last = math.ceil(seconds + 4 * deviation)

    def below(at: float) -> float:
        return 0.5 * (1 + math.erf((at - seconds) / (deviation * math.sqrt(2))))

    parts = [below(at + 1) - below(at) for at in range(last)]
    return [part / sum(parts) for part in parts]


def rows(plan: Plan, costs: Costs) -> list[Row]:
    """The walls, the nearest first."""
    ran, walls = run(plan, costs), plan.walls(costs)
    return [
        {
            "wall": name,
            "clips/s": round(rate),
            "accounts": round(rate * WINDOW / PER_ACCOUNT),
            "used, %": round(100 * ran.used[name]),
        }
        for name, rate in sorted(walls.items(), key=lambda wall: wall[1])
    ]


def facts(plan: Plan, costs: Costs) -> Row:
    """The plan in one line."""
    ran = run(plan, costs)
    return {
        "accounts": plan.accounts,
        "workers": plan.workers,
        "each account in": "all workers" if plan.spread else "one worker",
        "polls": plan.polls,
        "hours": round(ran.hours, 2),
        "clips/s": round(plan.clips / ran.hours / 3600),
        "in flight": round(ran.most_in_flight),
        "of a worker": round(ran.most_in_flight / plan.workers),
        "journal, GB": round(plan.clips * costs.bytes / 1e9, 1),
        "clips, TB": round(plan.clips * plan.megabytes / 1e6, 1),
    }


def main() -> None:
    """The plan as asked for, and the same where every worker has every account."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in Plan()._asdict().items():
        if name != "spread":
            parser.add_argument(f"--{name}", type=int if isinstance(default, int) else float, default=default)
    parser.add_argument("--measure", action="store_true")
    parser.add_argument("--json", action="store_true")
    given = vars(parser.parse_args())
    measure, as_json = given.pop("measure"), given.pop("json")
    costs = MEASURED
    if measure:
        from ._plan_costs import measured

        costs = asyncio.run(measured())
        print(json.dumps(costs._asdict()), file=sys.stderr)
    plan = Plan(**given)
    plans = [plan, plan._replace(polls=1.0), plan._replace(spread=True)]
    show([facts(one, costs) for one in plans], as_json=as_json, missing={})
    for one in plans:
        show(rows(one, costs), as_json=as_json, missing={})


if __name__ == "__main__":
    main()
