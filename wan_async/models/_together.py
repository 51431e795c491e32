"""Rules between the fields of one input."""

from __future__ import annotations

from typing import Any

from msgspec import UNSET

from ..errors import InvalidInputError
from ._base import WanInput


def given_in(task_input: WanInput, name: str) -> Any:
    """The field's value, an empty tuple where it is left out."""
    value = getattr(task_input, name)
    return () if value is UNSET else value


def at_least_one(task_input: WanInput, *names: str) -> None:
    """Refuse an input that has none of these fields; an empty list is none."""
    if not any(given_in(task_input, name) for name in names):
        raise InvalidInputError.missing(names[0], *names[1:])
