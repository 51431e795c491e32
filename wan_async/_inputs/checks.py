"""Checks of a struct's fields, made from its annotations: msgspec applies those on decode only, not in `__init__`.

Each check takes a field's name and value and gives the value as it is kept: immutable or a copy, and of the builtin
types that msgspec encodes. Or it raises `InvalidInputError` naming the field, what was given and what is allowed. The
annotation is the only place where a bound is written.
"""

from __future__ import annotations

import math
import operator
import sys
import unicodedata
from collections.abc import Callable, Collection, Iterable, Sequence
from functools import cache, partial
from pathlib import Path
from typing import Any, TypeAlias, cast

import msgspec
from msgspec import UNSET, inspect

from ..errors import InvalidInputError
from .allowed import allowed, did_you_mean, excluded_by, is_newer
from .urls import URL_RULE, is_url

__all__ = ["URL_RULE", "check_extra", "check_fields", "is_url", "newer_fields"]

Check: TypeAlias = Callable[[str, Any], Any]

_MOST = 10**4299
"""An integer of more digits can be neither printed nor encoded."""

_LARGEST = sys.float_info.max

_EXACT = 1 << 53
"""From here on not every integer is a float."""

_Checked: TypeAlias = tuple[str, object, Check]
_FILLERS = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0") | set(map(chr, range(0xFE00, 0xFE10)))
"""Letters and signs by their category that show nothing by themselves: fillers, the empty Braille, variants."""
_NEVER = object()
"""The value of a required field that is left out."""


@cache
def _checks_of(cls: type[msgspec.Struct]) -> tuple[_Checked, ...]:
    """The class's checks, made once: (field, what it holds where it is left out, check)."""
    fields = cast("inspect.StructType", inspect.type_info(cls)).fields
    return tuple((field.name, _NEVER if field.required else UNSET, _check(field.type)) for field in fields)


def check_fields(struct: msgspec.Struct) -> None:
    """Check every field of `struct` that is set.

    Raises:
        InvalidInputError: for the first field that is refused.
    """
    for name, left_out, check in _checks_of(type(struct)):
        given = getattr(struct, name)
        if given is not left_out and (kept := check(name, given)) is not given:
            msgspec.structs.force_setattr(struct, name, kept)


@cache
def newer_fields(cls: type[msgspec.Struct]) -> frozenset[str]:
    """The fields that the provider has added since the class was first written."""
    fields = cast("inspect.StructType", inspect.type_info(cls)).fields
    return frozenset(one.name for one in fields if isinstance(one.type, inspect.Metadata) and is_newer(one.type))


def check_extra(extra: Iterable[str], names: Collection[str]) -> None:
    """Refuse an extra field that has the name of another."""
    for name in extra:
        if name in names:
            raise InvalidInputError("extra", name, "names of fields that this input does not have")


def _check(node: inspect.Type) -> Check:
    """The check of a field, by its annotation: one of the functions below, with what the annotation says."""
    rule = allowed(node)
    match node:
        case inspect.Metadata(type=inner, extra={"media": str()}):
            return partial(_url, _check(inner), rule)
        case inspect.Metadata(type=inner, extra={"blank": False}):
            return partial(_prompt, _check(inner))
        case inspect.Metadata(type=inspect.IntType() as inner):
            return partial(_integer, _numbers(inner), excluded_by(node), rule)
        case inspect.Metadata(type=inner):
            return _check(inner)
        case inspect.StrType():
            return partial(_text, _lengths(node), rule)
        case inspect.IntType():
            return partial(_integer, _numbers(node), (), rule)
        case inspect.FloatType():
            low = -_LARGEST if node.ge is None else node.ge
            return partial(_number, low, _LARGEST if node.le is None else node.le, rule)
        case inspect.BoolType():
            return partial(_switch, rule)
        case inspect.LiteralType():
            return partial(_choice, frozenset(node.values), rule)
        case inspect.ListType():
            return partial(_items, _lengths(node), _check(node.item_type), rule)
        case inspect.DictType() | inspect.AnyType():
            return partial(_copied, dict if isinstance(node, inspect.DictType) else object, rule)
        case _:
            raise TypeError(f"no check is known for {node!r}")


def _numbers(node: inspect.IntType) -> range:
    """The integers within a field's bounds and in its steps."""
    step = node.multiple_of or 1
    low, high = -_MOST if node.ge is None else node.ge, _MOST if node.le is None else node.le
    return range(-(-low // step) * step, high + 1, step)


def _lengths(node: inspect.StrType | inspect.ListType) -> range:
    """The lengths that a field may have."""
    return range(node.min_length or 0, (sys.maxsize if node.max_length is None else node.max_length) + 1)


def _plain(value: Any) -> object:
    """The builtin value of what stands for one, such as a `StrEnum` or a number of numpy: msgspec encodes no others.

    A float that is whole is an integer: in a data frame, one gap makes floats of a whole column.
    """
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, bool):
        return value
    kind = cast("type[object]", type(value))
    if hasattr(kind, "__index__"):
        return operator.index(value)
    if hasattr(kind, "is_integer") and value.is_integer():
        return int(value)
    return float(value) if hasattr(kind, "is_integer") and hasattr(kind, "__float__") else value


def _text(lengths: range, rule: str, field: str, value: Any) -> str:
    text = value if type(value) is str else _plain(value)
    if not isinstance(text, str) or len(text) not in lengths:
        raise InvalidInputError(field, value, rule)
    if not text.isascii() and not _is_unicode(text):
        raise InvalidInputError(field, value, f"{rule}, without lone surrogates")
    return text


def _prompt(text: Check, field: str, value: Any) -> str:
    """Refuse what shows nothing: a clip of it costs as much as any other."""
    kept = text(field, value)
    if all(map(_is_invisible, kept)):
        raise InvalidInputError(field, value, "text that is not blank")
    return kept


def _is_invisible(character: str) -> bool:
    """True for white space, and for what formats and has no width, such as a byte-order mark."""
    return character.isspace() or character in _FILLERS or unicodedata.category(character) == "Cf"


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _url(text: Check, rule: str, field: str, value: Any) -> str | Path:
    if isinstance(value, Path):
        return value
    if not is_url(value):
        raise InvalidInputError(field, value, rule)
    return text(field, value)


def _integer(numbers: range, excluded: Collection[int], rule: str, field: str, value: Any) -> int:
    number = value if type(value) is int else _plain(value)
    if type(number) is not int or number not in numbers or number in excluded:
        raise InvalidInputError(field, value, rule)
    return number


def _number(low: float, high: float, rule: str, field: str, value: Any) -> float:
    number = _plain(value)
    if isinstance(number, bool) or not isinstance(number, (int, float)) or not low <= number <= high:
        raise InvalidInputError(field, value, rule)
    return number if abs(number) < _EXACT else float(number)


def _switch(rule: str, field: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise InvalidInputError(field, value, rule)
    return value


def _choice(choices: Collection[Any], rule: str, field: str, value: Any) -> Any:
    """One of the choices; where each stands as text and as a number, the wire gets the text."""
    choice = value if type(value) is str else _plain(value)
    if type(choice) not in {str, int} or choice not in choices:
        raise InvalidInputError(field, value, rule + did_you_mean(value, map(str, choices)))
    text = str(choice)
    return text if text in choices else choice


def _items(lengths: range, item: Check, rule: str, field: str, value: Any) -> tuple[Any, ...]:
    if isinstance(value, (str, bytes)) or not isinstance(value, Sequence):
        raise InvalidInputError(field, value, rule)
    values = tuple(cast("Sequence[Any]", value))
    if len(values) not in lengths:
        raise InvalidInputError(field, value, rule)
    return tuple([item(f"{field}[{index}]", one) for index, one in enumerate(values)])


def _copied(kind: type, rule: str, field: str, value: object) -> Any:
    """A copy of its own: a dict that is filled anew for each of many inputs does not change those before."""
    try:
        if isinstance(value, kind) and _is_json(value):
            return msgspec.json.decode(msgspec.json.encode(value))
    except (TypeError, ValueError, RecursionError):  # a subclass of str, a lone surrogate, a circle
        pass
    raise InvalidInputError(field, value, rule)


def _is_json(value: object) -> bool:
    """True for what JSON can say: msgspec would make null of NaN, and text of keys, bytes and dates."""
    match value:
        case dict():
            items = cast("dict[object, object]", value).items()
            return all(isinstance(key, str) and _is_json(one) for key, one in items)
        case list() | tuple():
            return all(_is_json(one) for one in cast("Sequence[object]", value))
        case float():
            return math.isfinite(value)
        case _:
            return value is None or isinstance(value, (str, int))
