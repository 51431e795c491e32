"""A small validator for the keywords of JSON Schema that the provider's contract uses.

The answers are the service's: a missing field is code 500 "This field is required" (observed), everything else as
422 with the field named.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias, cast
from urllib.parse import urlsplit

from ..errors import ConfigurationError
from ._calls import Refusal

Schema: TypeAlias = Mapping[str, Any]
_Rule: TypeAlias = Callable[[Schema, Any, str], None]

_NAME = r"(?:[A-Za-z0-9\-._~!$&'()*+,;=]|%[0-9A-Fa-f]{2})"
_CHARACTER = rf"(?:{_NAME}|[:@/])"
_AUTHORITY = rf"(?:(?:{_NAME}|:)*@)?(?:\[[0-9a-fA-F:.v]+\]|{_NAME}*)(?::\d*)?"
_URI = re.compile(
    rf"[A-Za-z][A-Za-z0-9+.\-]*:(?://{_AUTHORITY}(?=[/?\#]|$)|(?!//))"
    rf"{_CHARACTER}*(?:\?(?:{_CHARACTER}|\?)*)?(?:\#(?:{_CHARACTER}|\?)*)?"
)
"""An absolute URI of RFC 3986, section 3: scheme, perhaps authority, path, perhaps query and fragment."""

_ANNOTATIONS = {"title", "description", "default", "examples", "deprecated", "$schema", "$id", "$comment"}


def validate(schema: Schema, value: object, field: str) -> None:
    """Hold `value` against `schema`.

    Raises:
        Refusal: 500 for a field that is missing, 422 for everything else.
    """
    for keyword in schema:
        rule = _RULES.get(keyword)
        if rule is not None:
            rule(schema, value, field)


def check_keywords(schema: Schema, where: str) -> None:
    """Refuse a schema that this validator does not understand, at `where`.

    Raises:
        ConfigurationError: a keyword that is not supported.
    """
    for keyword in schema:
        if keyword not in _RULES and keyword not in _ANNOTATIONS and not keyword.startswith("x-"):
            supported = ", ".join(_RULES)
            raise ConfigurationError(
                f"{where}: the schema keyword {keyword!r} is not supported; supported: {supported}"
            )
    if schema.get("additionalProperties") not in (None, True, False) or schema.get("format") not in (None, "uri"):
        raise ConfigurationError(f"{where}: only additionalProperties true or false, and format uri, are supported")
    for name, inner in schema.get("properties", {}).items():
        check_keywords(inner, f"{where}.{name}")
    if "items" in schema:
        check_keywords(schema["items"], f"{where}[]")
    for inner in (*schema.get("anyOf", ()), *schema.get("allOf", ()), *([schema["not"]] if "not" in schema else ())):
        check_keywords(inner, where)


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


def _any_of(schema: Schema, value: object, field: str) -> None:
    if not any(_fits(inner, value, field) for inner in schema["anyOf"]):
        raise Refusal(500, f"This field is required: one of {', '.join(_named(schema['anyOf']))}")


def _all_of(schema: Schema, value: object, field: str) -> None:
    for inner in schema["allOf"]:
        validate(inner, value, field)


def _not(schema: Schema, value: object, field: str) -> None:
    if _fits(schema["not"], value, field):
        names = ", ".join(_named(schema["not"])) or field
        raise _wrong(names, "is not within the range of allowed options")


def _fits(schema: Schema, value: object, field: str) -> bool:
    try:
        validate(schema, value, field)
    except Refusal:
        return False
    return True


def _named(schema: Any) -> list[str]:
    """The fields that a schema requires somewhere, each once."""
    found: dict[str, None] = {}
    if isinstance(schema, dict):
        known = cast("Schema", schema)
        found |= dict.fromkeys(known.get("required", ()))
        schema = list(known.values())
    for inner in cast("list[Any]", schema) if isinstance(schema, list) else ():
        found |= dict.fromkeys(_named(inner))
    return list(found)


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
    if isinstance(value, str) and not _is_uri(value):
        raise _wrong(field, "must be an absolute URI")


def _is_uri(text: str) -> bool:
    try:
        urlsplit(text)  # knows addresses in brackets
    except ValueError:
        return False
    return _URI.fullmatch(text) is not None


_RULES: Mapping[str, _Rule] = {
    "type": _type,
    "const": _const,
    "enum": _enum,
    "required": _required,
    "properties": _properties,
    "additionalProperties": _additional,
    "items": _items,
    "format": _format,
    "anyOf": _any_of,
    "allOf": _all_of,
    "not": _not,
    "minLength": _bound("minLength", str, lambda value, least: len(value) < least, "must have at least {} characters"),
    "maxLength": _bound("maxLength", str, lambda value, most: len(value) > most, "must have at most {} characters"),
    "minItems": _bound("minItems", list, lambda value, least: len(value) < least, "must have at least {} items"),
    "maxItems": _bound("maxItems", list, lambda value, most: len(value) > most, "must have at most {} items"),
    "minimum": _bound("minimum", (int, float), lambda value, least: value < least, "must be at least {}"),
    "maximum": _bound("maximum", (int, float), lambda value, most: value > most, "must be at most {}"),
    "multipleOf": _bound("multipleOf", (int, float), lambda value, unit: value % unit != 0, "must be a multiple of {}"),
}
