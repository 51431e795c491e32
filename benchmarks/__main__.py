"""All measurements of speed, one after the other: `python -m benchmarks [--quick] [--json] [--plot FOLDER] [--check]`.

`--check` compares this run's ratios with those of `baseline.json` beside this module, names what got worse by over
10 %, and exits with 1 if anything did; `--write-baseline` writes them. Ratios only: times differ between machines.
The measurements of limits, polling and the journal take longer and are modules of their own.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from . import batch, glibc, imports, latency, loops, submit, waiting
from ._arms import Comparison
from ._report import Row, require_matplotlib, table

BASELINE = Path(__file__).with_name("baseline.json")
WORSE = 1.10


class Measured(NamedTuple):
    """The tables, the ratios (less is better), what could not run and why, and what is drawn: the clients."""

    tables: dict[str, list[Row]]
    ratios: dict[str, float]
    missing: dict[str, str]
    clients: dict[str, Comparison]


def run(*, quick: bool) -> Measured:
    """All of them."""
    clients = submit.measure(3, 0.15) if quick else submit.measure(15, 0.4)
    items, of_items = batch.measure(3, 1000, 15_000) if quick else batch.measure(7, 5000, 60_000)
    tasks, of_tasks = waiting.measure(100_000 if quick else 1_000_000)
    loaded, of_loaded = imports.measure(5 if quick else 25)
    both_loops = loops.measure(3, 0.15) if quick else loops.measure(15, 0.4)
    thresholds = glibc.measure(3, 0.15) if quick else glibc.measure(15, 0.4)
    tables: dict[str, list[Row]] = {
        "submit and poll": submit.rows(clients),
        "batch": items,
        "waiting": tasks,
        "latency": latency.measure(500, 2.0) if quick else latency.measure(2000, 8.0),
        "imports": loaded,
        "loops": loops.rows(both_loops),
        "glibc": glibc.rows(thresholds),
    }
    ratios = {**submit.ratios(clients), **of_items, **of_tasks, **of_loaded}
    return Measured(tables, ratios, {**clients["submit"].missing, **both_loops["submit"].missing}, clients)


def worse(ratios: Mapping[str, float], baseline: Mapping[str, float]) -> list[str]:
    """What got worse by over 10 %, in words."""
    found = [
        f"{name}: {ratios[name]:.2f}, was {before:.2f}"
        for name, before in baseline.items()
        if name in ratios and ratios[name] > before * WORSE
    ]
    return found + [f"{name}: not measured, was {baseline[name]:.2f}" for name in baseline if name not in ratios]


def _check(ratios: Mapping[str, float]) -> int:
    found = worse(ratios, json.loads(BASELINE.read_text(encoding="utf-8")))
    for line in found:
        print(f"worse: {line}", file=sys.stderr)
    return 1 if found else 0


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="benchmarks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="about a minute; the figures wobble")
    parser.add_argument("--json", action="store_true", help="print JSON instead of tables")
    parser.add_argument(
        "--plot", type=Path, metavar="FOLDER", help="write submit.png and submit.svg there; needs matplotlib"
    )
    parser.add_argument("--check", action="store_true", help="compare with the baseline")
    parser.add_argument("--write-baseline", action="store_true", help="make this run the baseline")
    chosen = parser.parse_args(arguments)
    if chosen.plot is not None:
        require_matplotlib()
    measured = run(quick=chosen.quick)
    _print(measured, as_json=chosen.json)
    if chosen.plot is not None:
        for file in submit.draw(measured.clients, chosen.plot / "submit"):
            print(f"wrote {file}", file=sys.stderr)
    if chosen.write_baseline:
        BASELINE.write_text(json.dumps(measured.ratios, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return _check(measured.ratios) if chosen.check else 0


def _print(measured: Measured, *, as_json: bool) -> None:
    versions = submit.versions()
    if as_json:
        told = {"tables": measured.tables, "ratios": measured.ratios, "missing": measured.missing}
        print(json.dumps({"versions": versions, **told}, indent=1, ensure_ascii=False))
        return
    print(", ".join(f"{name} {number}" for name, number in versions.items()))
    for title, rows in measured.tables.items():
        print(f"\n{title}\n{table(rows)}")
    for name, reason in measured.missing.items():
        print(f"not run: {name}: {reason}")


if __name__ == "__main__":
    sys.exit(main())
