"""The words for what a field allows, read from its annotation: for messages, help and tables."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any, cast

from msgspec import inspect

from .urls import URL_RULE

_MEDIA_RULE = f"{URL_RULE}, or a pathlib.Path of a file to upload"


def allowed(node: inspect.Type) -> str:
    """Say what a field of this type takes, such as `"an integer from 2 to 15"`."""
    match node:
        case inspect.Metadata(extra={"media": str()}):
            return _MEDIA_RULE
        case inspect.Metadata(type=inner):
            excluded = excluded_by(node)
            return f"{allowed(inner)}, but not {either(excluded)}" if excluded else allowed(inner)
        case inspect.StrType():
            return _sized("text", node.min_length or 0, node.max_length, "characters")
        case inspect.IntType():
            steps = "" if node.multiple_of is None else f" in steps of {node.multiple_of}"
            return f"an integer{_bounds(node)}{steps}"
        case inspect.FloatType(ge=0, le=None):
            return "a finite number ≥ 0"
        case inspect.FloatType():
            return f"a number{_bounds(node)}"
        case inspect.BoolType():
            return "true or false"
        case inspect.LiteralType():
            return either(choices(node))
        case inspect.ListType():
            return _sized("a list", node.min_length or 0, node.max_length, "items")
        case inspect.DictType():
            return "an object of JSON values"
        case _:
            return "a JSON value"


def excluded_by(node: inspect.Metadata) -> Collection[int]:
    """The integers within a field's bounds that are not allowed."""
    return _extra(node).get("not", ())


def is_newer(node: inspect.Metadata) -> bool:
    """True for a field that the provider has added since."""
    return "newer" in _extra(node)


def _extra(node: inspect.Metadata) -> Mapping[str, Any]:
    return cast("Any", node).extra or {}


def choices(node: inspect.LiteralType) -> list[str | int]:
    """The choices, small ones first; one that stands as text and as a number is the number."""
    values = _values(node)
    return [value for value in values if isinstance(value, int) or not (value.isdecimal() and int(value) in values)]


def wire_choices(node: inspect.LiteralType) -> list[str | int]:
    """The choices as they are sent: one that stands as text and as a number is text."""
    values = _values(node)
    return [value for value in values if isinstance(value, str) or str(value) not in values]


def _values(node: inspect.LiteralType) -> list[str | int]:
    values = [value for value in node.values if isinstance(value, str | int)]
    return sorted(values, key=lambda value: (len(str(value)), str(value)))


def either(values: Iterable[object]) -> str:
    """The values as a choice: `'a' or 'b'`."""
    return " or ".join(map(repr, values))


def did_you_mean(given: object, names: Iterable[str]) -> str:
    """A hint at the names that begin with what was given, else at the nearest; `""` where none is near."""
    from difflib import get_close_matches  # here: most never err

    if not isinstance(given, str) or len(given) >= 200:
        return ""
    letters, by_letters = given.casefold(), {name.casefold(): name for name in names}
    begun = [name for name in by_letters if len(given) > 2 and name.startswith(letters)][:3]
    near = [by_letters[name] for name in begun or get_close_matches(letters, by_letters, 1)]
    return f"; did you mean {either(near)}?" if near else ""


def _bounds(node: inspect.IntType | inspect.FloatType) -> str:
    return ("" if node.ge is None else f" from {node.ge}") + ("" if node.le is None else f" to {node.le}")


def _sized(kind: str, least: int, most: int | None, unit: str) -> str:
    if most is None:
        return f"{kind} of at least {least} {unit}" if least else kind
    span = f"exactly {most}" if least == most else f"{least} to {most}" if least else f"at most {most}"
    return f"{kind} of {span} {unit}"
