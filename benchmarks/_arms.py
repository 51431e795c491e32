"""Arms of a comparison, each in a process of its own that lives through all rounds.

An arm is an async context manager, `module:name`, that is given the server's URL and gives its calls by name: async
functions without arguments. In a round every arm in turn makes one kind of call for a stretch of time, from 64 workers
without a pause; the order is shuffled in each round. What is compared is CPU per call, as the median over the rounds of
the ratio to the reference arm in the same round: whatever else the machine does meets both.

Every process first lifts glibc's threshold for mmap, which plain asyncio else crosses with every `recv` of 256 KiB: see
`benchmarks.glibc`.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import importlib
import json
import random
import statistics
import subprocess
import sys
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, ExitStack
from typing import NamedTuple, Self

from ._report import Row, show

Call = Callable[[], Awaitable[object]]
Calls = Mapping[str, Call]
OpenArm = Callable[[str], AbstractAsyncContextManager[Calls]]
Opened = AsyncGenerator[Calls]

WORKERS = 64
_WARM_UP = 0.1
"""Seconds of each turn that are not counted: connections are opened anew, caches filled."""


class Spec(NamedTuple):
    """An arm: what it is called, `module:name` of what opens it, its loop, and whether glibc's threshold is lifted."""

    name: str
    where: str
    loop: str = "asyncio"
    lifted: bool = True


class Turn(NamedTuple):
    """What one arm did in one round: CPU µs per call, and calls a second."""

    cpu_us: float
    per_second: float


class _Ready(NamedTuple):
    """What an arm's process says first."""

    missing: str | None


class Arm:
    """One arm's process."""

    def __init__(self, spec: Spec, url: str) -> None:
        self.name = spec.name
        command = [sys.executable, "-W", "ignore", "-m", "benchmarks._arms", spec.where, url, "--loop", spec.loop]
        command += [] if spec.lifted else ["--not-lifted"]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()

    def missing(self) -> str | None:
        """Why it cannot run; None if it can."""
        return _Ready(**json.loads(self._heard())).missing

    def turn(self, call: str, seconds: float) -> Turn:
        """Make one kind of call for so long."""
        if self._process.stdin is None:
            raise RuntimeError(f"{self.name} has no pipes")
        self._process.stdin.write(json.dumps({"call": call, "seconds": seconds}) + "\n")
        self._process.stdin.flush()
        return Turn(**json.loads(self._heard()))

    def _heard(self) -> str:
        line = "" if self._process.stdout is None else self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self.name} ended")
        return line


class Comparison(NamedTuple):
    """What all rounds of one kind of call showed, and which arms could not run and why."""

    rounds: list[dict[str, Turn]]
    missing: dict[str, str]

    @property
    def names(self) -> list[str]:
        """The arms that ran."""
        return list(self.rounds[0])

    def median(self, name: str) -> Turn:
        """An arm's medians."""
        turns = [one[name] for one in self.rounds]
        return Turn(statistics.median(t.cpu_us for t in turns), statistics.median(t.per_second for t in turns))

    def cpu_ratio(self, name: str, to: str) -> float:
        """The median ratio of CPU per call, round by round."""
        return statistics.median(one[name].cpu_us / one[to].cpu_us for one in self.rounds)

    def speed_ratio(self, name: str, to: str) -> float:
        """The median ratio of calls a second, round by round."""
        return statistics.median(one[name].per_second / one[to].per_second for one in self.rounds)


def compare(
    arms: Iterable[Spec],
    calls: Sequence[str],
    url: str,
    *,
    rounds: int,
    seconds: float,
) -> dict[str, Comparison]:
    """Let all arms make each kind of call: for each kind, what came of it.

    Args:
        arms: what is compared.
        calls: the kinds of call.
        url: the server's.
        rounds: how often.
        seconds: how long each turn is.
    """
    chance = random.Random(7)
    with ExitStack() as stack:
        opened = [stack.enter_context(Arm(arm, url)) for arm in arms]
        reasons = {arm.name: arm.missing() for arm in opened}
        missing = {name: reason for name, reason in reasons.items() if reason is not None}
        ready = [arm for arm in opened if arm.name not in missing]
        results = {call: Comparison([], missing) for call in calls}
        for _ in range(rounds):
            for call in calls:
                order = chance.sample(ready, len(ready))
                turns = {arm.name: arm.turn(call, seconds) for arm in order}
                results[call].rounds.append({arm.name: turns[arm.name] for arm in ready})
    return results


def rows_beside(results: Mapping[str, Comparison], column: str, to: str) -> list[Row]:
    """A row per call and arm, with its CPU to that of the arm `to`; `column` says what the arms are."""
    return [
        {
            "call": call,
            column: name,
            "cpu_us": result.median(name).cpu_us,
            "per_s": round(result.median(name).per_second),
            f"cpu_to_{to.replace(' ', '_')}": result.cpu_ratio(name, to),
        }
        for call, result in results.items()
        for name in result.names
    ]


def run_and_show(
    what: str | None,
    measure: Callable[[int, float], Mapping[str, Comparison]],
    rows: Callable[[Mapping[str, Comparison]], list[Row]],
) -> None:
    """The command line of a module that compares a few arms of ours; `what` is its docstring."""
    parser = argparse.ArgumentParser(description=what, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.add_argument("--quick", action="store_true", help="5 short rounds")
    parser.add_argument("--rounds", type=int, default=21)
    chosen = parser.parse_args()
    results = measure(5, 0.2) if chosen.quick else measure(chosen.rounds, 0.4)
    show(rows(results), as_json=chosen.json, missing=results["submit"].missing)


async def _work(call: Call, seconds: float) -> int:
    """Call from all workers without a pause, for so long; gives the number of calls."""
    count, end = 0, time.perf_counter() + seconds

    async def worker() -> None:
        nonlocal count
        while time.perf_counter() < end:
            await call()
            count += 1

    async with asyncio.TaskGroup() as group:
        for _ in range(WORKERS):
            group.create_task(worker())
    return count


async def _turn(call: Call, seconds: float) -> Turn:
    await _work(call, _WARM_UP)
    gc.collect()
    began, cpu = time.perf_counter(), time.process_time()
    count = await _work(call, seconds)
    cpu, elapsed = time.process_time() - cpu, time.perf_counter() - began
    return Turn(cpu / count * 1e6, count / elapsed)


def loop_factory(name: str) -> Callable[[], asyncio.AbstractEventLoop]:
    """What makes event loops of that name."""
    return importlib.import_module("uvloop").new_event_loop if name == "uvloop" else asyncio.new_event_loop


def _serve_turns(where: str, url: str, loop: str) -> None:
    module, _, name = where.partition(":")
    try:
        with asyncio.Runner(loop_factory=loop_factory(loop)) as runner:
            open_arm: OpenArm = getattr(importlib.import_module(module), name)
            arm = open_arm(url)
            calls = runner.run(arm.__aenter__())
            _say(_Ready(None))
            for line in sys.stdin:
                asked = json.loads(line)
                _say(runner.run(_turn(calls[asked["call"]], asked["seconds"])))
            runner.run(arm.__aexit__(None, None, None))
    except ImportError as error:
        _say(_Ready(f"{error}: pip install 'wan-async[bench]'"))


def _say(words: _Ready | Turn) -> None:
    print(json.dumps(words._asdict()), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("where", help="module:name of what opens the arm")
    parser.add_argument("url", help="the server's URL")
    parser.add_argument("--loop", default="asyncio", choices=("asyncio", "uvloop"))
    parser.add_argument("--not-lifted", action="store_true", help="leave glibc's threshold for mmap as it is")
    parsed = parser.parse_args()
    if not parsed.not_lifted:
        bytes(8 << 20)  # see the module's docstring
    _serve_turns(parsed.where, parsed.url, parsed.loop)


if __name__ == "__main__":
    main()
