"""What events cost: CPU per submit and poll without any, unused as they are by default, and listened to.

`python -m benchmarks.events [--quick] [--json] [--rounds N]`

Measured as in `benchmarks.submit`, this library in all arms, each in a process of its own. Without: every question
whether an event is wanted is answered by `bool`, the cheapest call that there is, and what is sent goes nowhere.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import asynccontextmanager
from unittest import mock

from wan_async._events import Emitter
from wan_async.events import Event

from ._arms import Comparison, Opened, Spec, compare, rows_beside, run_and_show
from ._report import Row
from ._rivals import ours
from ._server import serving

_WITHOUT = "without"
_ARMS = {
    _WITHOUT: f"{__package__}.events:without",
    "unused": "benchmarks._rivals:ours",
    "heard": f"{__package__}.events:heard",
}


class Silent(Emitter):
    """Hands over nothing."""

    def wanted(self, kind: type[Event]) -> Callable[[], bool]:
        return bool

    def __call__(self, event: Event) -> None:
        pass


@asynccontextmanager
async def without(url: str) -> Opened:
    """This library with its events taken out."""
    with mock.patch("wan_async._client.Emitter", Silent):
        async with ours(url) as calls:
            yield calls


def ignore(event: Event) -> None:
    """Nothing."""


@asynccontextmanager
async def heard(url: str) -> Opened:
    """This library with a listener that does nothing."""
    async with ours(url, on_event=ignore) as calls:
        yield calls


def measure(rounds: int, seconds: float) -> dict[str, Comparison]:
    """All arms, submit and poll."""
    with serving() as url:
        arms = [Spec(name, where) for name, where in _ARMS.items()]
        return compare(arms, ("submit", "poll"), url, rounds=rounds, seconds=seconds)


def rows(results: Mapping[str, Comparison]) -> list[Row]:
    """A row per call and arm."""
    return rows_beside(results, "events", _WITHOUT)


if __name__ == "__main__":
    run_and_show(__doc__, measure, rows)
