"""What a submit and a poll cost: CPU per call and calls a second, beside aiohttp, httpx and the SDKs of neighbours.

`python -m benchmarks.submit [--quick] [--json] [--plot PATH] [--rounds N] [--loop uvloop]`

Measured: `submit` and `record` with limits, retries, checks and typed answers on, from 64 workers without a pause,
against a server in a process of its own that answers at once. Each rival runs in a process of its own, with its own
defaults, all of them in every round in shuffled order; see `benchmarks._arms`. The gate is CPU per call; calls a second
are told beside it, and depend on how the machine shares its cores between client and server.

fal-client's URL is a constant of its module, with https: it is changed in the module. All others take a base URL.
"""

from __future__ import annotations

import argparse
import platform
import sys
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from ._arms import Comparison, Spec, compare
from ._report import Row, new_figure, panels, require_matplotlib, save, show
from ._server import serving

RIVALS = {
    "wan-async": "ours",
    "aiohttp, tuned by hand": "tuned",
    "aiohttp, as people write it": "written",
    "httpx": "httpx",
    "fal-client": "fal",
    "replicate": "replicate",
    "openai": "openai",
    "openai on aiohttp": "openai_on_aiohttp",
    "runwayml": "runwayml",
    "runwayml on aiohttp": "runwayml_on_aiohttp",
}
OURS, TUNED, WRITTEN = list(RIVALS)[:3]
_PACKAGES = ("aiohttp", "msgspec", "httpx", "fal-client", "replicate", "openai", "runwayml", "httpx-aiohttp", "uvloop")


def versions() -> dict[str, str]:
    """The versions of what is compared."""
    found = {"Python": platform.python_version()}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def measure(rounds: int, seconds: float, loop: str = "asyncio") -> dict[str, Comparison]:
    """All rivals, submit and poll."""
    arms = [Spec(name, f"benchmarks._rivals:{function}", loop) for name, function in RIVALS.items()]
    with serving() as url:
        return compare(arms, ("submit", "poll"), url, rounds=rounds, seconds=seconds)


def rows(results: Mapping[str, Comparison]) -> list[Row]:
    """A row per call and rival."""
    return [_row(call, name, result) for call, result in results.items() for name in result.names]


def _row(call: str, name: str, result: Comparison) -> Row:
    middle = result.median(name)
    return {
        "call": call,
        "client": name,
        "cpu_us": middle.cpu_us,
        "per_s": round(middle.per_second),
        "cpu_to_tuned": result.cpu_ratio(name, TUNED),
        "ours_is_faster": result.speed_ratio(OURS, name),
    }


def ratios(results: Mapping[str, Comparison]) -> dict[str, float]:
    """What `--check` compares; less is better."""
    return {
        f"{call}: CPU to aiohttp {how}": result.cpu_ratio(OURS, to)
        for call, result in results.items()
        for how, to in (("tuned", TUNED), ("as written", WRITTEN))
    }


def draw(results: Mapping[str, Comparison], path: Path) -> list[Path]:
    """CPU per call of each rival, on a scale of powers of ten."""
    figure = new_figure(13, 4)
    for panel, (call, result) in zip(panels(figure, 1, 2), results.items(), strict=True):
        names = result.names[::-1]
        colours = ["tab:orange" if name == OURS else "tab:blue" for name in names]
        bars = panel.barh(names, [result.median(name).cpu_us for name in names], color=colours)
        panel.bar_label(bars, fmt="%.0f", padding=3)
        panel.set(title=call, xlabel="CPU µs per call", xscale="log", xlim=(10, 10_000))
        panel.xaxis.set_major_formatter("{x:,.0f}")
        panel.spines[["top", "right"]].set_visible(False)
    return save(figure, path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.add_argument("--plot", type=Path, metavar="PATH", help="write PATH.png and PATH.svg; needs matplotlib")
    parser.add_argument("--quick", action="store_true", help="3 short rounds")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--loop", default="asyncio", choices=("asyncio", "uvloop"))
    chosen = parser.parse_args()
    if chosen.plot is not None:
        require_matplotlib()
    results = measure(3, 0.15, chosen.loop) if chosen.quick else measure(chosen.rounds, 0.4, chosen.loop)
    if not chosen.json:
        print(", ".join(f"{name} {number}" for name, number in versions().items()))
    show(rows(results), as_json=chosen.json, missing=results["submit"].missing)
    if chosen.plot is not None:
        for file in draw(results, chosen.plot):
            print(f"wrote {file}", file=sys.stderr)


if __name__ == "__main__":
    main()
