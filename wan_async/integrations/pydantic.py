"""Inputs and records as models of FastAPI and pydantic: an error names its field, OpenAPI shows the fields.

A body of one model, `body: Annotated[Wan22TextToVideoTurbo, Body()]` (FastAPI takes only its own kinds for a body
by itself), is that model's `input` object; its `model` may stand in it. A body of any model,
`body: Annotated[WanInput, Body()]`, is known by its `model`; in a union of some, of which two may have the same
fields, `model` should be given too. What this version does not know is refused, and `extra` with it: whoever sends a
request must not reach fields of a paid call that the endpoint's author did not choose.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, LiteralString, TypeAlias, TypeGuard, cast

import msgspec
from msgspec.inspect import LiteralType
from pydantic_core import CoreSchema, InitErrorDetails, PydanticCustomError, ValidationError, core_schema

from .._docs import field_docs, own_doc
from .._inputs.allowed import wire_choices
from .._inputs.local_files import path_to_text
from ..errors import InvalidInputError
from ..models import MODELS, WanInput, input_from
from ..models.catalogue import FieldFacts, example_of, fields_of

if TYPE_CHECKING:
    from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler

Fields: TypeAlias = dict[str, Any]
Struct: TypeAlias = type[msgspec.Struct]

_REF = "#/$defs/"
_PLACE = re.compile(r" - at `\$\.?(.*)`$")
_STEPS = re.compile(r"[^.\[\]]+")


def core_schema_of(cls: Struct, handler: GetCoreSchemaHandler) -> CoreSchema:
    """The schema by which pydantic reads and writes a struct of ours; `WanInput` stands for all models known here."""
    if cls is WanInput:
        choices = {name: handler.generate_schema(model) for name, model in MODELS.items()}
        return core_schema.tagged_union_schema(choices, "model")
    return core_schema.no_info_plain_validator_function(
        _reader(cls),
        ref=f"{cls.__module__}.{cls.__qualname__}:{id(cls)}",
        serialization=core_schema.plain_serializer_function_ser_schema(_written, when_used="json"),
    )


def json_schema_of(cls: Struct, schema: CoreSchema, handler: GetJsonSchemaHandler) -> Fields:
    """The struct's JSON schema, by msgspec."""
    if cls is WanInput:
        return handler(schema)
    schema_of_struct = msgspec.json.schema(cls)
    own: Fields = _inlined(schema_of_struct, schema_of_struct["$defs"])
    docs: Fields = {name: {"description": words} for name, words in field_docs(cls).items()}
    own |= {
        "description": own_doc(cls),
        "properties": {name: {**rule, **docs.get(name, {})} for name, rule in own["properties"].items()},
    }
    return {**own, **_of_model(cls, own["properties"])} if _is_known(cls) else own


def _of_model(cls: type[WanInput], rules: Fields) -> Fields:
    """A model as `/docs` shows it: required fields first, each with an example, and an input that works when tried."""
    model = {"const": cls.model, "type": "string", "title": "Model"}
    fields = {name: {**rules[name], **_of_field(field)} for name, field in fields_of(cls).items()}
    return {
        "properties": {"model": model, **fields},
        "additionalProperties": False,
        "examples": [example_of(cls)],
    }


def _of_field(field: FieldFacts) -> Fields:
    example: Fields = {"examples": [field.example]}
    return {**example, "enum": wire_choices(field.type)} if isinstance(field.type, LiteralType) else example


def _is_known(cls: Struct) -> TypeGuard[type[WanInput]]:
    return cls in MODELS.values()


def _reader(cls: Struct) -> Callable[[object], msgspec.Struct]:
    def validate(value: object) -> msgspec.Struct:
        if isinstance(value, cls):
            return value
        if not isinstance(value, dict):
            raise PydanticCustomError("dict_type", "Input should be an object")
        fields = cast("Fields", value)
        return _read_input(cls, fields) if _is_known(cls) else _read_struct(cls, fields)

    return validate


def _read_input(cls: type[WanInput], given: Fields) -> WanInput:
    fields = {name: value for name, value in given.items() if name != "model"}
    try:
        if given.get("model", cls.model) != cls.model:
            raise InvalidInputError("model", given["model"], repr(cls.model))
        return input_from(cls.model, fields)
    except InvalidInputError as error:
        kind = "missing" if error.given is None and error.field not in given else "value_error"
        raise _refused(cls, kind, str(error), error.field, error.given) from None


def _read_struct(cls: Struct, given: Fields) -> msgspec.Struct:
    try:
        return msgspec.convert(given, cls)
    except msgspec.ValidationError as error:
        place = _PLACE.search(str(error))
        raise _refused(cls, "value_error", str(error), place[1] if place else "", given) from None


def _refused(cls: Struct, kind: str, message: str, place: str, given: object) -> ValidationError:
    """The error by which pydantic names the field: `image_urls[0]` becomes its steps."""
    steps = [int(step) if step.isdecimal() else step for step in _STEPS.findall(place)]
    error = PydanticCustomError(
        cast("LiteralString", kind), cast("LiteralString", message)
    )  # no template without a context
    details = InitErrorDetails(type=error, loc=tuple(steps), input=given)
    return ValidationError.from_exception_data(cls.__name__, [details])


def _written(value: msgspec.Struct) -> Fields:
    fields: Fields = msgspec.to_builtins(value, enc_hook=path_to_text)
    return {"model": value.model, **fields} if isinstance(value, WanInput) else fields


def _inlined(schema: Any, definitions: Fields) -> Any:
    """The schema with every `$ref` replaced by what it refers to: none of ours refers to itself."""
    if isinstance(schema, list):
        return [_inlined(one, definitions) for one in cast("list[Any]", schema)]
    if not isinstance(schema, dict):
        return schema
    fields = cast("Fields", schema)
    rest = {name: _inlined(one, definitions) for name, one in fields.items() if name not in ("$ref", "$defs")}
    return (
        rest
        if "$ref" not in fields
        else {**_inlined(definitions[fields["$ref"].removeprefix(_REF)], definitions), **rest}
    )
