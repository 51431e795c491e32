"""What the measurements of polling wait for: tasks that take their time by a mix of durations."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import NamedTuple

Draw = Callable[[random.Random, float], float]
"""How long a task takes, by chance and by how much of the batch came before it."""


class Mix(NamedTuple):
    """Tasks to be waited for, of several kinds in turns.

    Attributes:
        kinds: how long tasks of each kind take, by its name.
        rate: how many tasks a second are submitted.
        queries: how many queries a second are allowed.
        tasks: how many there are.
        in_flight: how many are submitted and not found yet, at most.
        left_out: how many of the ways, those that poll most often, are not compared.
    """

    name: str
    kinds: dict[str, Draw]
    rate: float = 2.0
    queries: int = 1000
    tasks: int = 200
    in_flight: int = 1_000_000
    left_out: int = 0

    def durations(self) -> list[tuple[str, float]]:
        """The kind and the seconds of each task."""
        chance = random.Random(7)
        turns = [*self.kinds.items()] * (self.tasks // len(self.kinds))
        return [(kind, max(0.5, draw(chance, number / self.tasks))) for number, (kind, draw) in enumerate(turns)]


def around(middle: float) -> Draw:
    """Spread by 12 %."""
    return lambda chance, part: chance.gauss(middle, 0.12 * middle)


def heavy_tail(chance: random.Random, part: float) -> float:
    return 60 * chance.lognormvariate(0, 0.4)


def two_humps(chance: random.Random, part: float) -> float:
    return chance.gauss(10, 1) if chance.random() < 0.7 else chance.gauss(200, 20)


def faster_from_half_on(chance: random.Random, part: float) -> float:
    return (60 if part < 0.5 else 30) * chance.gauss(1, 0.12)


MIXES = (
    Mix("4 s ± 12 %", {"": around(4)}),
    Mix("60 s ± 12 %", {"": around(60)}),
    Mix("240 s ± 12 %", {"": around(240)}),
    Mix("60 s, heavy tail", {"": heavy_tail}),
    Mix("10 s or 200 s", {"": two_humps}),
    Mix("60 s, then 30 s", {"": faster_from_half_on}),
    Mix("all at once, 10 queries/s", {"": around(60)}, rate=1e6, queries=10),
    Mix(
        "2,000 in flight, 10 queries/s",
        {": 60 s": around(60), ": 300 s": around(300)},
        rate=11,
        queries=10,
        tasks=6000,
        in_flight=2000,
        left_out=2,
    ),
)
