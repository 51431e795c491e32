"""What importing costs, and the command line's `--version`: CPU of fresh processes.

`python -m benchmarks.imports [--quick] [--json] [--rounds N]`

Measured: user and system CPU of a process that does nothing but import; medians of shuffled rounds, after one that
compiles everything and fills the caches. Imports are counted without the interpreter's own start.
"""

from __future__ import annotations

import argparse
import os
import random
import resource
import statistics
import subprocess
import sys
import tempfile

from ._report import Row, show

_VERSION = "from wan_async._cli.main import main; main(['--version'])"
PROGRAMS = {
    "nothing": "pass",
    "wan_async": "from wan_async import WanClient",
    "its dependencies": "import aiohttp, msgspec, anyio",
    "--version": _VERSION,
}


def _cpu(program: str, compiled: str) -> float:
    """CPU seconds of a fresh interpreter that runs the program, its byte code kept in the folder `compiled`."""
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": compiled}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", program], check=True, stdout=subprocess.DEVNULL, env=environment)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


def measure(rounds: int) -> tuple[list[Row], dict[str, float]]:
    """The table, and what `--check` compares: less is better."""
    chance, taken = random.Random(7), {name: list[float]() for name in PROGRAMS}
    with tempfile.TemporaryDirectory() as compiled:
        for program in PROGRAMS.values():
            _cpu(program, compiled)
        for _ in range(rounds):
            for name in chance.sample(list(PROGRAMS), len(PROGRAMS)):
                taken[name].append(_cpu(PROGRAMS[name], compiled))
    ms = {name: statistics.median(times) * 1e3 for name, times in taken.items()}
    bare = ms["nothing"]
    ours, theirs = ms["wan_async"] - bare, ms["its dependencies"] - bare
    ratios = {
        "import: CPU to its dependencies": ours / theirs,
        "--version: CPU to Python and the import": ms["--version"] / (bare + ours),
    }
    rows: list[Row] = [
        {"what": "bare Python, CPU ms", "value": bare},
        {"what": "import wan_async, ms more", "value": ours},
        {"what": "import aiohttp, msgspec, anyio, ms more", "value": theirs},
        {"what": "wan-async --version, ms", "value": ms["--version"]},
        *({"what": what, "value": ratio} for what, ratio in ratios.items()),
    ]
    return rows, ratios


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.add_argument("--quick", action="store_true", help="5 rounds")
    parser.add_argument("--rounds", type=int, default=25)
    chosen = parser.parse_args()
    rows, _ = measure(5 if chosen.quick else chosen.rounds)
    show(rows, as_json=chosen.json, missing={})


if __name__ == "__main__":
    main()
