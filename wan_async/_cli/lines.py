"""JSONL in: the lines of a file, and what one of them asks for. Every refusal is an `InvalidInputError`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, BinaryIO, cast

import msgspec
from msgspec import UNSET

from ..errors import InvalidInputError
from ..models import WanInput, input_from

LONGEST = 1 << 20
"""Bytes of a line, its end included: a prompt has 5000 characters, so what is longer is no list of inputs."""

_BOM = b"\xef\xbb\xbf"
_MEMBERS = ("model", "input", "key", "extra")
_decode: Callable[[bytes], Any] = msgspec.json.Decoder().decode


class Line(msgspec.Struct, frozen=True):
    """What a line asks for; `key` is None where it gives none."""

    key: str | None
    input: WanInput


def numbered(file: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """The lines that are not blank, each with its number from 1; of one that is too long, the beginning."""
    number = 0
    while raw := file.readline(LONGEST + 1):
        number += 1
        rest = raw
        while len(rest) > LONGEST and not rest.endswith(b"\n"):
            rest = file.readline(LONGEST + 1)
        if len(raw) > LONGEST or not raw.isspace():
            yield number, raw.removeprefix(_BOM) if number == 1 else raw


def read_line(raw: bytes, *, custom: bool) -> Line:
    """Read one line.

    Args:
        raw: its bytes.
        custom: let models and fields pass that this version does not know.

    Raises:
        InvalidInputError: names the first member or field that is refused.
    """
    members = _object(raw)
    for name, value in members.items():
        if name not in _MEMBERS:
            raise InvalidInputError(name, value, f"the members {', '.join(_MEMBERS)}")
    fields = _fields(members, "input")
    asked = input_from(cast("str", members.get("model")), fields, custom=custom)
    if members.get("extra") is not None:
        asked = _with_extra(asked, _fields(members, "extra"))
    return Line(_key(members.get("key")), asked)


def _object(raw: bytes) -> dict[str, Any]:
    if len(raw) > LONGEST:
        raise _refused(raw, f"at most {LONGEST} bytes")
    try:
        members = _decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _refused(raw, f"JSON ({error})") from None
    if not isinstance(members, dict):
        raise _refused(raw, "a JSON object")
    return cast("dict[str, Any]", members)


def _refused(raw: bytes, allowed: str) -> InvalidInputError:
    return InvalidInputError("the line", raw[:200].decode("utf-8", "replace").strip(), allowed)


def _fields(members: dict[str, Any], name: str) -> dict[str, Any]:
    value = members.get(name)
    if not isinstance(value, dict):
        raise InvalidInputError(name, value, "an object of fields")
    return cast("dict[str, Any]", value)


def _with_extra(asked: WanInput, extra: dict[str, Any]) -> WanInput:
    """The input with more fields, beside those that `custom` let pass."""
    passed = {} if asked.extra is UNSET else asked.extra
    for name in extra:
        if name in passed:
            raise InvalidInputError("extra", name, "names of fields that this input does not have")
    return msgspec.structs.replace(asked, extra={**passed, **extra})


def _key(given: object) -> str | None:
    """NUL would end a key in SQLite's JSON functions; other control characters only look like another key."""
    if given is None or (isinstance(given, str) and given and all(character >= " " for character in given)):
        return given
    raise InvalidInputError("key", given, "text of at least 1 character, without control characters")
