"""The models' fields as data: for help, tables, schemas and prices. Read from the annotations, once a class."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any, cast

import msgspec
from msgspec import UNSET, UnsetType, inspect

from .._docs import documented, field_docs
from .._inputs.allowed import allowed, wire_choices
from .._inputs.local_files import media_fields
from ..errors import InvalidInputError
from ._base import WanInput

__all__ = ["FieldFacts", "defaults_of", "example_of", "fields_of"]


@documented
class FieldFacts(msgspec.Struct, frozen=True):
    """One field of a model."""

    name: str
    """As on the wire."""
    required: bool
    """True if it must be given."""
    type: inspect.Type
    """The type that msgspec reads it as, bounds and choices in it."""
    allowed: str
    """The values that it takes, in words: `"an integer from 2 to 15"`."""
    default: Any | UnsetType
    """The provider's default where it is left out; UNSET where its pages do not say."""
    example: Any
    """A value that is allowed."""
    media: bool
    """True if it takes links to media, and so local files."""
    about: str
    """The field's docstring."""


@cache
def fields_of(cls: type[WanInput]) -> Mapping[str, FieldFacts]:
    """The fields of a model by their names, required ones first, without `extra`."""
    return {name: _facts(cls, field) for name, field in types_of(cls).items()}


@cache
def types_of(cls: type[WanInput]) -> Mapping[str, inspect.Field]:
    """The same as msgspec has them: without docstrings, for which the source is read, which would hold up a loop."""
    fields = cast("inspect.StructType", inspect.type_info(cls)).fields
    known = [field for field in fields if field.name != "extra"]
    return {field.name: field for field in sorted(known, key=lambda field: not field.required)}


def _facts(cls: type[WanInput], field: inspect.Field) -> FieldFacts:
    node, schema = field.type, _schema_of(field.type)
    return FieldFacts(
        name=field.name,
        required=field.required,
        type=node.type if isinstance(node, inspect.Metadata) else node,
        allowed=allowed(node),
        default=schema.get("default", UNSET),
        example=schema.get("default", _example(node)),
        media=field.name in media_fields(cls),
        about=field_docs(cls).get(field.name, ""),
    )


def _schema_of(node: inspect.Type) -> Mapping[str, Any]:
    return cast("Any", node).extra_json_schema or {} if isinstance(node, inspect.Metadata) else {}


def _example(node: inspect.Type) -> Any:
    match node:
        case inspect.Metadata():
            return _schema_of(node).get("examples", (_example(node.type),))[0]
        case inspect.LiteralType():
            return wire_choices(node)[0]
        case inspect.ListType():
            return [_example(node.item_type)] * max(1, node.min_length or 0)
        case inspect.IntType() | inspect.FloatType():
            return node.ge or 1
        case _:
            return True


def example_of(cls: type[WanInput]) -> dict[str, Any]:
    """A small input that the model takes, as its fields on the wire: what is required, and what has to be with it."""
    fields = fields_of(cls)
    required = {name: field.example for name, field in fields.items() if field.required}
    with_one = ({**required, name: field.example} for name, field in fields.items() if not field.required)
    return next(example for example in (required, *with_one) if _is_taken(cls, example))


def _is_taken(cls: type[WanInput], fields: Mapping[str, Any]) -> bool:
    try:
        cls(**fields)
    except InvalidInputError:
        return False
    return True


@cache
def defaults_of(cls: type[WanInput]) -> Mapping[str, Any]:
    """The provider's values for fields that are left out, as far as its pages say."""
    schemas = {name: _schema_of(field.type) for name, field in types_of(cls).items()}
    return {name: schema["default"] for name, schema in schemas.items() if "default" in schema}
