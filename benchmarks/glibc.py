"""What one throw-away allocation gains where glibc serves memory: CPU per submit and poll, on asyncio's loop.

`python -m benchmarks.glibc [--quick] [--json] [--rounds N]`

asyncio asks `recv` for 256 KiB, and Python allocates them before it knows that an answer has 200 bytes. glibc serves
what is above its threshold, 128 KiB at first, by mmap, cut by mremap and given back by munmap: three system calls and
two page faults for each answer. Freeing one larger block lifts the threshold to its size, up to 32 MiB, for the whole
process and for good: `bytes(8 << 20)` when the program starts. That is for the program to decide, so the library does
not do it. Measured as in `benchmarks.submit`, this library in both arms, each in a process of its own.
"""

from __future__ import annotations

from collections.abc import Mapping

from ._arms import Comparison, Spec, compare, rows_beside, run_and_show
from ._report import Row
from ._server import serving

_AS_IS, _LIFTED = "as it is", "bytes(8 << 20) at the start"


def measure(rounds: int, seconds: float) -> dict[str, Comparison]:
    """Both arms, submit and poll."""
    arms = [Spec(name, "benchmarks._rivals:ours", lifted=name == _LIFTED) for name in (_AS_IS, _LIFTED)]
    with serving() as url:
        return compare(arms, ("submit", "poll"), url, rounds=rounds, seconds=seconds)


def rows(results: Mapping[str, Comparison]) -> list[Row]:
    """A row per call and arm."""
    return rows_beside(results, "threshold", _AS_IS)


if __name__ == "__main__":
    run_and_show(__doc__, measure, rows)
