"""What a task costs, in credits, by the provider's price list; one credit is US$0.005.

A model that is not in the table, or a value that the list does not name, has no price here: `None`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

__all__ = ["list_price"]


class _Tariff(NamedTuple):
    """A model's prices by (resolution, duration); `duration` is None where the price does not depend on that field."""

    credits: Mapping[tuple[str, str | None], float]
    resolution: str
    """The resolution that holds where the field is left out."""
    duration: str | None = None
    """The duration that holds where the field is left out."""
    per_second: bool = False


_ANIMATE = _Tariff({("480p", None): 6, ("580p", None): 9.5, ("720p", None): 12.5}, "480p", per_second=True)
_TURBO = _Tariff({("480p", None): 40, ("580p", None): 60, ("720p", None): 80}, "720p")
_WAN26 = _Tariff(
    {
        ("720p", "5"): 70,
        ("720p", "10"): 140,
        ("720p", "15"): 210,
        ("1080p", "5"): 104.5,
        ("1080p", "10"): 209.5,
        ("1080p", "15"): 315,
    },
    "1080p",
    duration="5",
)
_TARIFFS: Mapping[str, _Tariff] = {
    "wan/2-2-animate-move": _ANIMATE,
    "wan/2-2-animate-replace": _ANIMATE,
    "wan/2-2-a14b-image-to-video-turbo": _TURBO,
    "wan/2-2-a14b-text-to-video-turbo": _TURBO,
    "wan/2-6-image-to-video": _WAN26,
}


def list_price(model: str, fields: Mapping[str, object], *, seconds: float = 5.0) -> float | None:
    """Say what one task costs by the price list.

    Args:
        model: the model's name on the wire.
        fields: its `input` object as on the wire; a field that is left out has the provider's default.
        seconds: the clip's length where the price is per second and the input does not tell (the animate models).

    Returns:
        Credits, or None where the list has no price.
    """
    tariff = _TARIFFS.get(model)
    if tariff is None:
        return None
    resolution = fields.get("resolution", tariff.resolution)
    duration = None if tariff.duration is None else fields.get("duration", tariff.duration)
    if not isinstance(resolution, str) or not isinstance(duration, str | None):
        return None
    price = tariff.credits.get((resolution, duration))
    return price * seconds if price is not None and tariff.per_second else price
