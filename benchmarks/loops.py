"""What uvloop gains: CPU per submit and poll, and calls a second, on asyncio's loop and on uvloop.

`python -m benchmarks.loops [--quick] [--json] [--rounds N]`

Measured as in `benchmarks.submit`, this library in both arms, each in a process of its own. uvloop is asked for by
whoever runs the loop, `uvloop.run(main())`: the library runs on it as it is.
"""

from __future__ import annotations

from collections.abc import Mapping

from ._arms import Comparison, Spec, compare, rows_beside, run_and_show
from ._report import Row
from ._server import serving

_OURS = "benchmarks._rivals:ours"
_ARMS = {"asyncio": "asyncio", "uvloop": "uvloop"}


def measure(rounds: int, seconds: float) -> dict[str, Comparison]:
    """Both loops, submit and poll."""
    with serving() as url:
        arms = [Spec(name, _OURS, loop) for name, loop in _ARMS.items()]
        return compare(arms, ("submit", "poll"), url, rounds=rounds, seconds=seconds)


def rows(results: Mapping[str, Comparison]) -> list[Row]:
    """A row per call and loop."""
    return rows_beside(results, "loop", "asyncio")


if __name__ == "__main__":
    run_and_show(__doc__, measure, rows)
