"""What every measurement here prints and draws: a table or JSON, and a plot as PNG and SVG."""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol

Value = str | float | int | None
Row = Mapping[str, Value]


class Axes(Protocol):
    """What is used of matplotlib's axes, which an extra brings."""

    def plot(self, x: Sequence[float], y: Sequence[float], **style: object) -> object: ...
    def step(self, x: Sequence[float], y: Sequence[float], **style: object) -> object: ...
    def set_title(self, label: str) -> object: ...
    def set_xlabel(self, label: str) -> object: ...
    def set_ylabel(self, label: str) -> object: ...
    def set_yscale(self, value: str) -> object: ...
    def legend(self, **style: object) -> object: ...


class Figure(Protocol):
    """What is used of matplotlib's figure."""

    def subplots(
        self, nrows: int, ncols: int, *, sharex: bool, sharey: str, squeeze: bool
    ) -> Sequence[Sequence[Axes]]: ...
    def savefig(self, fname: Path, *, dpi: int, metadata: dict[str, None] | None) -> None: ...


class Options(NamedTuple):
    """What the command line asked for."""

    as_json: bool
    plot: Path | None


def options(description: str | None, arguments: Sequence[str] | None = None) -> Options:
    """Reads `--json` and `--plot PATH`, which all measurements share."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.add_argument("--plot", type=Path, metavar="PATH", help="write PATH.png and PATH.svg; needs matplotlib")
    parsed = parser.parse_args(arguments)
    return Options(parsed.json, parsed.plot)


def show(rows: Sequence[Row], *, as_json: bool, missing: Mapping[str, str]) -> None:
    """Prints the rows, and which rivals could not run and why."""
    if as_json:
        json.dump({"rows": list(rows), "missing": dict(missing)}, sys.stdout, indent=1, ensure_ascii=False)
        print()
        return
    print(table(rows))
    for name, reason in missing.items():
        print(f"not run: {name}: {reason}")


def table(rows: Sequence[Row]) -> str:
    """The rows as aligned columns, one per key of the first; numbers to the right."""
    columns = list(rows[0])
    cells = [columns, *([_cell(row[column]) for column in columns] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    right = [isinstance(rows[0][column], (int, float)) for column in columns]
    lines = ["  ".join(map(_align, line, widths, right)).rstrip() for line in cells]
    return "\n".join([lines[0], "  ".join("-" * width for width in widths), *lines[1:]])


def save(figure: Figure, path: Path) -> list[Path]:
    """Writes the figure as PNG and as SVG; gives the files."""
    files = [path.with_suffix(".png"), path.with_suffix(".svg")]
    path.parent.mkdir(parents=True, exist_ok=True)
    for file in files:
        figure.savefig(file, dpi=120, metadata={"Date": None} if file.suffix == ".svg" else None)
    return files


def require_matplotlib() -> None:
    """Exit with a word on how to get matplotlib where it is missing: before minutes of measuring, not after."""
    if importlib.util.find_spec("matplotlib") is None:
        sys.exit("--plot needs matplotlib: pip install 'wan-async[bench]'")


def new_figure(width: float, height: float) -> Figure:
    """An empty figure, in inches."""
    require_matplotlib()
    return importlib.import_module("matplotlib.figure").Figure(figsize=(width, height), layout="constrained")


def panels(figure: Figure, rows: int, columns: int) -> list[Any]:
    """The figure's panels, row by row; matplotlib's types leave them open."""
    made: Any = figure
    return list(made.subplots(rows, columns, squeeze=False).flat)


def _cell(value: Value) -> str:
    return "" if value is None else f"{value:.2f}" if isinstance(value, float) else str(value)


def _align(text: str, width: int, right: bool) -> str:
    return text.rjust(width) if right else text.ljust(width)
