"""Checks of a struct's fields, made from its annotations: msgspec applies those on decode only, not in `__init__`.

Each check takes a field's name and value and raises `InvalidInputError` naming the field, what was given and what is
allowed. The annotation is the only place where a bound is written.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any, TypeAlias, cast

import msgspec
from msgspec import UNSET, inspect

from .errors import InvalidInputError

Check: TypeAlias = Callable[[str, Any], None]

_PCHAR = r"(?:[A-Za-z0-9\-._~!$&'()*+,;=:@]|%[0-9A-Fa-f]{2})"
_URL = re.compile(
    rf"https?://(?:(?:[A-Za-z0-9\-._~!$&'()*+,;=:]|%[0-9A-Fa-f]{{2}})*@)?"
    rf"(?P<host>\[[^\]]*\]|(?:[A-Za-z0-9\-._~!$&'()*+,;=]|%[0-9A-Fa-f]{{2}})+)(?::[0-9]*)?"
    rf"(?:/(?:{_PCHAR}|/)*)?(?:\?(?:{_PCHAR}|[/?])*)?(?:\#(?:{_PCHAR}|[/?])*)?",
    re.IGNORECASE,
)
"""An http(s) URI of RFC 3986 with a host: ASCII only, everything else percent-encoded."""

URL_RULE = "an http or https URL with a host, other characters percent-encoded"


def is_url(value: str) -> bool:
    """True for an absolute http(s) URI with a host."""
    match = _URL.fullmatch(value)
    if match is None:
        return False
    host = match["host"]
    if not host.startswith("["):
        return True
    try:
        return bool(ipaddress.IPv6Address(host[1:-1]).packed)
    except ValueError:
        return False


def is_json(value: object) -> bool:
    """True for what JSON can hold."""
    try:
        msgspec.json.encode(value)
    except (TypeError, ValueError, OverflowError, RecursionError, msgspec.MsgspecError):
        return False
    return True


@cache
def checks_of(cls: type[msgspec.Struct]) -> tuple[tuple[str, bool, Check], ...]:
    """The class's checks: (field, whether it may be left out, check), made once per class."""
    fields = cast("inspect.StructType", inspect.type_info(cls)).fields
    return tuple((field.name, not field.required, _check(field.type)) for field in fields if field.name != "extra")


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


def _text_check(node: inspect.StrType) -> Check:
    least, most = node.min_length or 0, node.max_length
    allowed = "text" if most is None and not least else f"text of {_span(least, most)} characters"

    def check(field: str, value: Any) -> None:
        if not isinstance(value, str) or len(value) < least or (most is not None and len(value) > most):
            raise InvalidInputError(field, value, allowed)
        if not value.isascii():
            try:
                value.encode()
            except UnicodeEncodeError:
                raise InvalidInputError(field, value, f"{allowed}, without lone surrogates") from None

    return check


def _url_check(text: Check) -> Check:
    def check(field: str, value: Any) -> None:
        if not isinstance(value, str) or not is_url(value):
            raise InvalidInputError(field, value, URL_RULE)
        text(field, value)

    return check


def _integer_check(node: inspect.IntType) -> Check:
    low, high = node.ge, node.le
    allowed = "an integer" if low is None or high is None else f"an integer from {low} to {high}"

    def check(field: str, value: Any) -> None:
        if (
            not isinstance(value, int)
            or isinstance(value, bool)
            or (low is not None and value < low)
            or (high is not None and value > high)
        ):
            raise InvalidInputError(field, value, allowed)

    return check


def _number_check(field: str, value: Any) -> None:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < float("inf"):
        raise InvalidInputError(field, value, "a finite number ≥ 0")


def _bool_check(field: str, value: Any) -> None:
    if not isinstance(value, bool):
        raise InvalidInputError(field, value, "true or false")


def _choice_check(node: inspect.LiteralType) -> Check:
    choices = {(type(choice), choice) for choice in node.values}
    allowed = " or ".join(repr(choice) for choice in sorted(node.values, key=lambda c: (isinstance(c, str), c)))

    def check(field: str, value: Any) -> None:
        try:
            known = (type(value), value) in choices
        except TypeError:  # unhashable
            known = False
        if not known:
            raise InvalidInputError(field, value, allowed)

    return check


def _list_check(node: inspect.ListType) -> Check:
    least, most, item = node.min_length or 0, node.max_length, _check(node.item_type)
    allowed = f"a list of {_span(least, most)} items"

    def check(field: str, value: Any) -> None:
        if isinstance(value, (str, bytes)) or not isinstance(value, Sequence):
            raise InvalidInputError(field, value, allowed)
        values = cast("Sequence[Any]", value)
        if len(values) < least or (most is not None and len(values) > most):
            raise InvalidInputError(field, values, allowed)
        for index, one in enumerate(values):
            item(f"{field}[{index}]", one)

    return check


def _object_check(field: str, value: Any) -> None:
    if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in cast("Mapping[Any, Any]", value)):
        raise InvalidInputError(field, value, "an object with text keys")
    if not is_json(cast("Any", value)):
        raise InvalidInputError(field, cast("Any", value), "an object of JSON values")


def _span(least: int, most: int | None) -> str:
    if most is None:
        return f"at least {least}"
    return f"exactly {most}" if least == most else f"{least} to {most}" if least else f"at most {most}"


def check_fields(struct: msgspec.Struct) -> None:
    """Check every field of `struct` that is set.

    Raises:
        InvalidInputError: for the first field that is refused.
    """
    for name, optional, check in checks_of(type(struct)):
        value = getattr(struct, name)
        if value is UNSET and optional:
            continue
        check(name, value)
