"""Price lists of models, in credits; one credit is US$0.005. Keys are resolutions and durations as on the wire."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, TypeAlias


class PerClip(NamedTuple):
    """A price for each clip, by its resolution."""

    credits: Mapping[str, float]

    def __str__(self) -> str:
        return _listed(self.credits)

    def price(self, resolution: str, duration: str | int | None, seconds: float) -> float | None:
        """The price of one clip, None where the list names none."""
        return self.credits.get(resolution)


class PerSecond(NamedTuple):
    """A price for each second of the clip, by its resolution."""

    credits: Mapping[str, float]

    def __str__(self) -> str:
        return f"{_listed(self.credits)} a second"

    def price(self, resolution: str, duration: str | int | None, seconds: float) -> float | None:
        """The price of one clip; one whose input does not say its length (0 as well) lasts `seconds`."""
        price = self.credits.get(resolution)
        return None if price is None else price * (float(duration or 0) or seconds)


class ByLength(NamedTuple):
    """A price for each length that the model makes, by resolution and duration."""

    credits: Mapping[str, Mapping[str | int, float]]

    def __str__(self) -> str:
        lengths = {
            f"{resolution} {'/'.join(map(str, prices))} s": "/".join(f"{price:g}" for price in prices.values())
            for resolution, prices in self.credits.items()
        }
        return _listed(lengths)

    def price(self, resolution: str, duration: str | int | None, seconds: float) -> float | None:
        """The price of one clip, None where the list names none."""
        return None if duration is None else self.credits.get(resolution, {}).get(duration)


def _listed(prices: Mapping[str, float | str]) -> str:
    return ", ".join(f"{name}: {price}" for name, price in prices.items())


Tariff: TypeAlias = PerClip | PerSecond | ByLength
