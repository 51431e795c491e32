"""Rows of data frames and data sets as keys and inputs."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from msgspec import inspect

from .._inputs.allowed import did_you_mean, either
from ..errors import InvalidInputError
from ..models import MODELS, WanInput, input_from
from ..models.catalogue import fields_of


def model_of(model: str | type[WanInput]) -> type[WanInput]:
    """The model's class, by its name on the wire or given.

    Raises:
        InvalidInputError: there is none of that name.
    """
    cls = MODELS.get(model) if isinstance(model, str) else model
    if cls is None:
        raise InvalidInputError("model", model, either(MODELS) + did_you_mean(model, MODELS))
    return cls


def key_of(cell: Any) -> Any:
    """A key as text: 17 and, where a gap made floats of a column, 17.0 are both "17"; what is none is refused later."""
    plain = cell_of(cell)
    if isinstance(plain, float) and plain.is_integer():
        plain = int(plain)
    return str(plain) if isinstance(plain, int) else plain


def cell_of(value: Any) -> Any:
    """A cell as a plain value; None where it is empty, whichever way it says so."""
    if hasattr(value, "tolist"):  # numpy's scalars and arrays
        value = value.tolist()
    is_empty = type(value).__name__ in {"NAType", "NaTType"} or (isinstance(value, float) and math.isnan(value))
    return None if is_empty else value


def input_of(cls: type[WanInput], cells: Mapping[str, Any]) -> WanInput | InvalidInputError:
    """The input of a row's cells by their fields' names, or why it is refused; an empty cell is a field left out."""
    known = fields_of(cls)
    plain = {name: cell_of(cell) for name, cell in cells.items()}
    fields = {
        name: [value] if isinstance(value, str) and isinstance(known[name].type, inspect.ListType) else value
        for name, value in plain.items()
        if value is not None
    }
    try:
        return input_from(cls.model, fields)
    except InvalidInputError as error:
        return error
