"""The price of a task, in credits, by the provider's price list; one credit is US$0.005.

The prices stand in the models' classes. A model without one, or a value that the list does not name, has no price
here: `None`.
"""

from __future__ import annotations

from collections.abc import Mapping

from .errors import InvalidInputError
from .models import MODELS, WanInput
from .models.catalogue import defaults_of

__all__ = ["list_price", "unpriced"]


def list_price(model: str, fields: Mapping[str, object], *, seconds: float = 5.0) -> float | None:
    """Say what one task costs by the price list.

    Args:
        model: the model's name on the wire.
        fields: its `input` object as on the wire; a field that is left out has the provider's default.
        seconds: the clip's length where the price is per second and the input does not say (the animate models).

    Returns:
        Credits, or None where the list has no price.
    """
    cls = MODELS.get(model)
    if cls is None or cls.tariff is None:
        return None
    whole = {**defaults_of(cls), **fields}
    resolution, duration = whole.get("resolution"), whole.get("duration")
    if not isinstance(resolution, str) or not isinstance(duration, str | int | None):
        return None
    return cls.tariff.price(resolution, duration, seconds)


def unpriced(task_input: WanInput) -> InvalidInputError:
    """Make the error of an input that has no price where a budget asks for one: what to give instead."""
    model = task_input.model
    cls = MODELS.get(model)
    listed = "" if cls is None or cls.tariff is None else f"one of the list's (resolution, length): {cls.tariff}; or "
    return InvalidInputError("price", None, f"{listed}CustomInput({model!r}, …, price=…), or no max_credits")
