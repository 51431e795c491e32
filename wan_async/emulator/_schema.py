"""Validation by the provider's published request schema, which ships beside this file as data.

A small validator for the keywords that such schemas use. The answers are the service's: a missing field is told as
code 500 "This field is required" (seen), everything else as 422 with the field named.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from importlib import resources
from typing import Any, TypeAlias, cast

import msgspec

from ..errors import ConfigurationError
from ._calls import Refusal

Schema: TypeAlias = Mapping[str, Any]
_Rule: TypeAlias = Callable[[Schema, Any, str], None]

_CHARACTER = r"(?:[A-Za-z0-9\-._~!$&'()*+,;=:@/]|%[0-9A-Fa-f]{2})"
_URI = re.compile(
    rf"[A-Za-z][A-Za-z0-9+.\-]*:(?://(?:[A-Za-z0-9\-._~!$&'()*+,;=:@]|%[0-9A-Fa-f]{{2}}|\[[0-9A-Fa-f:.v]+\])*(?=[/?\#]|$))?"
    rf"{_CHARACTER}*(?:\?(?:{_CHARACTER}|\?)*)?(?:\#(?:{_CHARACTER}|\?)*)?"
)
"""An absolute URI of RFC 3986, section 3: scheme, perhaps authority, path, perhaps query and fragment."""

_ANNOTATIONS = {"title", "description", "default", "examples", "deprecated", "$schema", "$id", "$comment"}
_unpack = msgspec.json.Decoder().decode


class Submission(msgspec.Struct, frozen=True):
    """A createTask body that is valid.

    Attributes:
        model: the model's name on the wire.
        fields: the `input` object.
        callback_url: where to call back, if asked to.
    """

    model: str
    fields: dict[str, Any]
    callback_url: str | None


class Schemas:
    """The models that the provider knows, each with the schema of its request.

    Args:
        more: further models, by name, each with the JSON schema of its `input` object.

    Raises:
        ConfigurationError: a schema uses a keyword that this validator does not know.
    """

    def __init__(self, more: Mapping[str, Schema]) -> None:
        published = json.loads(
            resources.files("wan_async.emulator").joinpath("create_task.schema.json").read_text("utf-8")
        )
        self._bodies: dict[str, Schema] = {body["title"]: body for body in published["oneOf"]}
        callback: Schema = self._bodies["wan/2-6-image-to-video"]["properties"]["callBackUrl"]
        for model, fields in more.items():
            properties = {"model": {"const": model}, "callBackUrl": callback, "input": fields}
            self._bodies[model] = {"type": "object", "properties": properties, "required": ["model", "input"]}
        for model, body in self._bodies.items():
            _check_keywords(body, model)

    @property
    def models(self) -> tuple[str, ...]:
        """The names of all models."""
        return tuple(self._bodies)

    def read(self, body: bytes) -> Submission:
        """Read a createTask body.

        Raises:
            Refusal: what is wrong with it, first fault first.
        """
        request = read_object(body)
        for name in ("model", "input"):
            if name not in request:
                raise Refusal(400, f"The parameter {name} is missing")
        model = request["model"]
        schema = self._bodies.get(model) if isinstance(model, str) else None
        if schema is None:
            raise Refusal(422, "The model name you specified is not supported.")
        validate(schema, request, "")
        return Submission(model, request["input"], request.get("callBackUrl"))


def read_object(body: bytes) -> dict[str, Any]:
    """Read a call's body, which is a JSON object.

    Raises:
        Refusal: 400, it is not.
    """
    try:
        value = _unpack(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise Refusal(400, "The request body is not valid JSON") from None
    if not isinstance(value, dict):
        raise Refusal(400, "The request body is not a JSON object")
    return cast("dict[str, Any]", value)


def validate(schema: Schema, value: object, field: str) -> None:
    """Hold `value` against `schema`.

    Raises:
        Refusal: 500 for a field that is missing, 422 for everything else.
    """
    for keyword in schema:
        rule = _RULES.get(keyword)
        if rule is not None:
            rule(schema, value, field)


def _check_keywords(schema: Schema, where: str) -> None:
    for keyword in schema:
        if keyword not in _RULES and keyword not in _ANNOTATIONS:
            supported = ", ".join(_RULES)
            raise ConfigurationError(
                f"{where}: the schema keyword {keyword!r} is not supported; supported: {supported}"
            )
    if schema.get("additionalProperties") not in (None, True, False) or schema.get("format") not in (None, "uri"):
        raise ConfigurationError(f"{where}: only additionalProperties true or false, and format uri, are supported")
    for name, inner in schema.get("properties", {}).items():
        _check_keywords(inner, f"{where}.{name}")
    if "items" in schema:
        _check_keywords(schema["items"], f"{where}[]")


def _wrong(field: str, words: str) -> Refusal:
    return Refusal(422, f"{field or 'body'}: {words}")


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


_TYPES: Mapping[str, Callable[[Any], bool]] = {
    "object": lambda value: isinstance(value, dict),
    "array": lambda value: isinstance(value, list),
    "string": lambda value: isinstance(value, str),
    "boolean": lambda value: isinstance(value, bool),
    "number": _is_number,
    "integer": lambda value: _is_number(value) and value == math.floor(value),
    "null": lambda value: value is None,
}


def _type(schema: Schema, value: object, field: str) -> None:
    names = [schema["type"]] if isinstance(schema["type"], str) else schema["type"]
    if not any(_TYPES[name](value) for name in names):
        raise _wrong(field, f"must be of type {' or '.join(names)}")


def _same(one: object, other: object) -> bool:
    """Equality of JSON values: true is not 1."""
    return isinstance(one, bool) is isinstance(other, bool) and one == other


def _enum(schema: Schema, value: object, field: str) -> None:
    if not any(_same(value, choice) for choice in schema["enum"]):
        raise _wrong(field, f"is not within the range of allowed options: {', '.join(map(str, schema['enum']))}")


def _const(schema: Schema, value: object, field: str) -> None:
    if not _same(value, schema["const"]):
        raise _wrong(field, f"must be {schema['const']}")


def _required(schema: Schema, value: Any, field: str) -> None:
    for name in schema["required"] if isinstance(value, dict) else ():
        if name not in value:
            raise Refusal(500, f"This field is required: {_path(field, name)}")


def _properties(schema: Schema, value: Any, field: str) -> None:
    if isinstance(value, dict):
        for name, inner in schema["properties"].items():
            if name in value:
                validate(inner, cast("dict[str, Any]", value)[name], _path(field, name))


def _additional(schema: Schema, value: Any, field: str) -> None:
    if schema["additionalProperties"] is False and isinstance(value, dict):
        for name in cast("dict[str, Any]", value):
            if name not in schema.get("properties", {}):
                raise _wrong(_path(field, name), "is not supported by this model")


def _items(schema: Schema, value: Any, field: str) -> None:
    for index, item in enumerate(cast("list[Any]", value) if isinstance(value, list) else ()):
        validate(schema["items"], item, f"{field}[{index}]")


def _path(field: str, name: str) -> str:
    """A field's name for people: the fields of `input` stand without it, as on the models' pages."""
    return name if field in ("", "input") else f"{field}.{name}"


def _bound(keyword: str, kind: type | tuple[type, ...], broken: Callable[[Any, Any], bool], words: str) -> _Rule:
    """A rule for one bound, which holds for values of `kind` only."""

    def rule(schema: Schema, value: Any, field: str) -> None:
        if isinstance(value, kind) and not isinstance(value, bool) and broken(value, schema[keyword]):
            raise _wrong(field, words.format(schema[keyword]))

    return rule


def _format(schema: Schema, value: object, field: str) -> None:
    if isinstance(value, str) and _URI.fullmatch(value) is None:
        raise _wrong(field, "must be an absolute URI")


_RULES: Mapping[str, _Rule] = {
    "type": _type,
    "const": _const,
    "enum": _enum,
    "required": _required,
    "properties": _properties,
    "additionalProperties": _additional,
    "items": _items,
    "format": _format,
    "minLength": _bound("minLength", str, lambda value, least: len(value) < least, "must have at least {} characters"),
    "maxLength": _bound("maxLength", str, lambda value, most: len(value) > most, "must have at most {} characters"),
    "minItems": _bound("minItems", list, lambda value, least: len(value) < least, "must have at least {} items"),
    "maxItems": _bound("maxItems", list, lambda value, most: len(value) > most, "must have at most {} items"),
    "minimum": _bound("minimum", (int, float), lambda value, least: value < least, "must be at least {}"),
    "maximum": _bound("maximum", (int, float), lambda value, most: value > most, "must be at most {}"),
    "multipleOf": _bound("multipleOf", (int, float), lambda value, unit: value % unit != 0, "must be a multiple of {}"),
}
