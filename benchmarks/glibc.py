"""What one throw-away allocation gains where glibc serves memory: CPU per submit and poll, on asyncio's loop.

`python -m benchmarks.glibc [--quick] [--json] [--rounds N]`

asyncio asks `recv` for 256 KiB, and Python allocates them before it knows that an answer has 200 bytes. glibc serves
what is above its threshold, 128 KiB at first, by mmap, cut by mremap and given back by munmap: three system calls and
two page faults for each answer. Freeing one larger block lifts the threshold to its size, up to 32 MiB, for the whole
process and for good: `bytes(8 << 20)` when the program starts. That is for the program to decide, so the library does
not do it. Measured as in `benchmarks.submit`, this library in both arms, each in a process of its own.
"""

from __future__ import annotations

import argparse

from ._arms import Comparison, Spec, compare
from ._report import Row, show
from ._server import serving

_AS_IS, _LIFTED = "as it is", "bytes(8 << 20) at the start"


def measure(rounds: int, seconds: float) -> dict[str, Comparison]:
    """Both arms, submit and poll."""
    arms = [Spec(name, "benchmarks._rivals:ours", lifted=name == _LIFTED) for name in (_AS_IS, _LIFTED)]
    with serving() as url:
        return compare(arms, ("submit", "poll"), url, rounds=rounds, seconds=seconds)


def rows(results: dict[str, Comparison]) -> list[Row]:
    """A row per call and arm."""
    return [
        {
            "call": call,
            "threshold": name,
            "cpu_us": result.median(name).cpu_us,
            "per_s": round(result.median(name).per_second),
            "cpu_to_as_it_is": result.cpu_ratio(name, _AS_IS),
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
