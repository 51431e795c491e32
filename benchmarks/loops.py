"""What uvloop gains: CPU per submit and poll, and calls a second, on asyncio's loop and on uvloop.

`python -m benchmarks.loops [--quick] [--json] [--rounds N]`

Measured as in `benchmarks.submit`, this library in both arms, each in a process of its own. uvloop is asked for by
whoever runs the loop, `uvloop.run(main())`: the library runs on it as it is.
"""

from __future__ import annotations

import argparse

from ._arms import Comparison, Spec, compare
from ._report import Row, show
from ._server import serving

_OURS = "benchmarks._rivals:ours"
_ARMS = {"asyncio": "asyncio", "uvloop": "uvloop"}


def measure(rounds: int, seconds: float) -> dict[str, Comparison]:
    """Both loops, submit and poll."""
    with serving() as url:
        arms = [Spec(name, _OURS, loop) for name, loop in _ARMS.items()]
        return compare(arms, ("submit", "poll"), url, rounds=rounds, seconds=seconds)


def rows(results: dict[str, Comparison]) -> list[Row]:
    """A row per call and loop."""
    return [
        {
            "call": call,
            "loop": name,
            "cpu_us": result.median(name).cpu_us,
            "per_s": round(result.median(name).per_second),
            "cpu_to_asyncio": result.cpu_ratio(name, "asyncio"),
        }
        for call, result in results.items()
        for name in result.names
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.add_argument("--quick", action="store_true", help="5 short rounds")
    parser.add_argument("--rounds", type=int, default=21)
    chosen = parser.parse_args()
    results = measure(5, 0.2) if chosen.quick else measure(chosen.rounds, 0.4)
    show(rows(results), as_json=chosen.json, missing=results["submit"].missing)


if __name__ == "__main__":
    main()
