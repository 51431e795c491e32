"""Inputs and records as models of FastAPI and pydantic: a bad field is told by its name, OpenAPI shows the fields.

A body of one model, `body: Wan22TextToVideoTurbo`, is that model's `input` object; its `model` may stand in it. A body of
any model, `body: WanInput`, is told apart by its `model`. What this version does not know is refused, and `extra` with
it: whoever sends a request must not reach fields of a paid call that the endpoint's author did not choose.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

import msgspec
from pydantic_core import CoreSchema, InitErrorDetails, PydanticCustomError, ValidationError, core_schema

from ..errors import InvalidInputError

if TYPE_CHECKING:
    from pydantic import GetJsonSchemaHandler

    from ..models import WanInput

    class Inputs(Mapping[str, type[WanInput]]):
        """The models that are known, by their names."""


T = TypeVar("T", bound=msgspec.Struct)
Fields = dict[str, Any]

_REF = "#/$defs/"
_PLACE = re.compile(r" - at `\$\.?(.*)`$")


def input_schema(cls: type[WanInput], read: Callable[[str, Fields], WanInput]) -> CoreSchema:
    """How pydantic handles one model's input; `read` makes it of its model's name and fields."""

    def validate(value: object) -> WanInput:
        if isinstance(value, cls):
            return value
        fields = _fields(value)
        if fields.pop("model", cls.model) != cls.model:
            raise _refused(cls, ("model",), f"allowed: {cls.model!r}", value)
        return _read(cls, fields, partial(read, cls.model))
