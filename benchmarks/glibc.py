"""What glibc's threshold for mmap costs: CPU per submit and poll, on asyncio's loop, ours and aiohttp's.

`python -m benchmarks.glibc [--quick] [--json] [--rounds N]`

asyncio asks `recv` for 256 KiB, and Python allocates them before it knows that an answer has 200 bytes. glibc serves
what is above its threshold, 128 KiB at first, by mmap, cut by mremap and given back by munmap: three system calls and
two page faults for each answer. Freeing one larger block lifts the threshold to its size, up to 32 MiB, for the whole
process and for good: `bytes(8 << 20)` when the program starts. Calls of this library ask for less at once, so they need
no such line; all others do. Measured as in `benchmarks.submit`, each arm in a process of its own.
"""

from __future__ import annotations

from collections.abc import Mapping

from ._arms import Comparison, Spec, compare, rows_beside, run_and_show
from ._report import Row
from ._server import serving

_RIVALS = {"wan-async": "ours", "aiohttp, tuned by hand": "tuned"}
_AS_IS, _LIFTED = "as it is", "bytes(8 << 20) at the start"


def measure(rounds: int, seconds: float) -> dict[str, Comparison]:
    """All arms, submit and poll."""
    arms = [
        Spec(f"{rival}, {threshold}", f"benchmarks._rivals:{function}", lifted=threshold == _LIFTED)
        for rival, function in _RIVALS.items()
        for threshold in (_AS_IS, _LIFTED)
    ]
    with serving() as url:
        return compare(arms, ("submit", "poll"), url, rounds=rounds, seconds=seconds)


def rows(results: Mapping[str, Comparison]) -> list[Row]:
    """A row per call and arm."""
    return rows_beside(results, "client", f"{next(iter(_RIVALS))}, {_AS_IS}")


if __name__ == "__main__":
    run_and_show(__doc__, measure, rows)
