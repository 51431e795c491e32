"""Checks of a struct's fields, made from its annotations: msgspec applies those on decode only, not in `__init__`.

Each check takes a field's name and value and gives the value as it is kept: immutable or a copy, and of the builtin
types that msgspec encodes. Or it raises `InvalidInputError` naming the field, what was given and what is allowed. The
annotation is the only place where a bound is written.
"""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Callable, Collection, Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import Any, TypeAlias, cast

import msgspec
from msgspec import UNSET, inspect

from .errors import InvalidInputError

Check: TypeAlias = Callable[[str, Any], Any]

_URL = re.compile(
    r"https?://"
    r"(?:(?:[\w\-.~!$&'()*+,;=:]++|%[0-9A-F]{2})*+@)?"
    r"(?:\[(?P<ipv6>[0-9A-F:.]+)\]|(?:[\w\-.~!$&'()*+,;=]++|%[0-9A-F]{2})++)"
    r"(?::(?P<port>[0-9]{0,5}))?"
    r"(?:/(?:[\w\-.~!$&'()*+,;=:@/]++|%[0-9A-F]{2})*+)?"
    r"(?:\?(?:[\w\-.~!$&'()*+,;=:@/?]++|%[0-9A-F]{2})*+)?"
    r"(?:\#(?:[\w\-.~!$&'()*+,;=:@/?]++|%[0-9A-F]{2})*+)?",
    re.IGNORECASE | re.ASCII,
)
"""An http(s) URI of RFC 3986 with a host: ASCII only, everything else percent-encoded. Possessive, so linear."""

URL_RULE = "an http or https URL with a host, other characters percent-encoded"


def is_url(value: object) -> bool:
    """True for an absolute http(s) URI with a host, and a port that exists if it names one."""
    match = _URL.fullmatch(value) if isinstance(value, str) else None
    if match is None or int(match["port"] or 0) > 65535:
        return False
    return match["ipv6"] is None or _is_ipv6(match["ipv6"])


def _is_ipv6(text: str) -> bool:
    import ipaddress  # here: 1.4 ms that importing wan_async does without

    try:
        ipaddress.IPv6Address(text)
    except ValueError:
        return False
    return True


_Checked: TypeAlias = tuple[str, object, Check]
_NEVER = object()
"""What a required field holds where it is left out."""


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


def check_extra(extra: Iterable[str], names: Collection[str]) -> None:
    """Refuse an extra field that has the name of another."""
    for name in extra:
        if name in names:
            raise InvalidInputError("extra", name, "names of fields that this input does not have")


def _check(node: inspect.Type) -> Check:
    match node:
        case inspect.Metadata(type=inner, extra={"url": True}):
            return _url_check(_check(inner))
        case inspect.Metadata(type=inner):
            return _check(inner)
        case inspect.StrType():
            return _text_check(node)
        case inspect.IntType():
            return _integer_check(node)
        case inspect.FloatType():
            return _number_check
        case inspect.BoolType():
            return _bool_check
        case inspect.LiteralType():
            return _choice_check(node)
        case inspect.ListType():
            return _list_check(node)
        case inspect.DictType():
            return _object_check
        case _:
            raise TypeError(f"no check is known for {node!r}")


def _plain(value: object) -> object:
    """The builtin value of a subclass, such as a `StrEnum`: msgspec encodes no others."""
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return int.__int__(value)
    return value


def _text_check(node: inspect.StrType) -> Check:
    least, most = node.min_length or 0, node.max_length
    longest = sys.maxsize if most is None else most
    allowed = _sized("text", least, most, "characters")

    def check(field: str, value: Any) -> str:
        text = value if type(value) is str else _plain(value)
        if not isinstance(text, str) or not least <= len(text) <= longest:
            raise InvalidInputError(field, value, allowed)
        if not text.isascii() and not _is_unicode(text):
            raise InvalidInputError(field, value, f"{allowed}, without lone surrogates")
        return text

    return check


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _url_check(text: Check) -> Check:
    def check(field: str, value: Any) -> str | Path:
        if isinstance(value, Path):
            return value
        if not is_url(value):
            raise InvalidInputError(field, value, f"{URL_RULE}, or a pathlib.Path of a file to upload")
        return text(field, value)

    return check


def _integer_check(node: inspect.IntType) -> Check:
    low = -math.inf if node.ge is None else node.ge
    high = math.inf if node.le is None else node.le
    bounds = ("" if node.ge is None else f" from {node.ge}") + ("" if node.le is None else f" to {node.le}")
    allowed = f"an integer{bounds}"

    def check(field: str, value: Any) -> int:
        number = value if type(value) is int else _plain(value)
        if type(number) is not int or not low <= number <= high:
            raise InvalidInputError(field, value, allowed)
        return number

    return check


def _number_check(field: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= sys.float_info.max:
        raise InvalidInputError(field, value, "a finite number ≥ 0")
    return float(value)


def _bool_check(field: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise InvalidInputError(field, value, "true or false")
    return value


def _choice_check(node: inspect.LiteralType) -> Check:
    kinds, choices = frozenset(map(type, node.values)), frozenset(node.values)
    allowed = " or ".join(repr(choice) for choice in sorted(node.values, key=lambda c: (isinstance(c, str), c)))

    def check(field: str, value: Any) -> Any:
        choice = value if type(value) in kinds else _plain(value)
        if type(choice) not in kinds or choice not in choices:
            raise InvalidInputError(field, value, allowed)
        return choice

    return check


def _list_check(node: inspect.ListType) -> Check:
    least, most, item = node.min_length or 0, node.max_length, _check(node.item_type)
    longest = sys.maxsize if most is None else most
    allowed = _sized("a list", least, most, "items")

    def check(field: str, value: Any) -> tuple[Any, ...]:
        if isinstance(value, (str, bytes)) or not isinstance(value, Sequence):
            raise InvalidInputError(field, value, allowed)
        values = tuple(cast("Sequence[Any]", value))
        if not least <= len(values) <= longest:
            raise InvalidInputError(field, value, allowed)
        return tuple([item(f"{field}[{index}]", one) for index, one in enumerate(values)])

    return check


def _object_check(field: str, value: Any) -> dict[str, Any]:
    """A copy of its own: a dict that is filled anew for each of many inputs does not change those before."""
    try:
        if isinstance(value, dict) and _is_json(cast("object", value)):
            return msgspec.json.decode(msgspec.json.encode(value))
    except (TypeError, ValueError, RecursionError):  # a subclass of str, a lone surrogate, a circle
        pass
    raise InvalidInputError(field, value, "an object of JSON values")


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


def _sized(kind: str, least: int, most: int | None, unit: str) -> str:
    if most is None:
        return f"{kind} of at least {least} {unit}" if least else kind
    span = f"exactly {most}" if least == most else f"{least} to {most}" if least else f"at most {most}"
    return f"{kind} of {span} {unit}"
