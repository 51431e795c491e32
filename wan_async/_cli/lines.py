"""JSONL in: the lines of a file, and what one of them asks for. Every refusal is an `InvalidInputError`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, BinaryIO, cast

import msgspec

from ..errors import InvalidInputError
from .fields import fields_named
from .rows import InputLine, InputRow, Reading

LONGEST = 1 << 20
"""Bytes of a line, its end included: a prompt has 5000 characters, so what is longer is no list of inputs."""

_BOM = b"\xef\xbb\xbf"
_MEMBERS = ("model", "input", "key", "extra")
_decode: Callable[[bytes], Any] = msgspec.json.Decoder().decode


def read_lines(file: BinaryIO, reading: Reading) -> Iterator[InputRow]:
    """The lines that are not blank, each with what it asks for."""
    for number, raw in numbered(file):
        try:
            yield number, read_line(raw, reading)
        except InvalidInputError as error:
            yield number, error


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


def read_line(raw: bytes, reading: Reading) -> InputLine:
    """Read one line.

    Args:
        raw: its bytes.
        reading: how; where it names a model, the fields may stand in the line itself, without `input`.

    Raises:
        InvalidInputError: names the first member or field that is refused.
    """
    members = _object(raw)
    if reading.model is not None and "input" not in members:
        return _flat(members, reading)
    for name, value in members.items():
        if name not in _MEMBERS and name != reading.key:
            allowed = f"the members {', '.join(_MEMBERS)}; with --model also fields, instead of input"
            raise InvalidInputError(name, value, allowed)
    extra = None if members.get("extra") is None else _fields(members, "extra")
    return reading.asked(members.get("model"), members.get(reading.key), _fields(members, "input"), extra)


def _flat(members: dict[str, Any], reading: Reading) -> InputLine:
    """A line whose members are the fields themselves, as the columns of a table are."""
    wanted = {name: value for name, value in members.items() if name not in reading.ignored and value is not None}
    fields = {reading.columns.get(name, name): value for name, value in wanted.items()}
    key = wanted.get(reading.key, fields.get(reading.key))
    model = reading.model_of(fields.pop("model", None))
    if reading.key not in fields_named(model):  # else it is both
        fields.pop(reading.key, None)
    return reading.asked(model, key, fields)


def _object(raw: bytes) -> dict[str, Any]:
    if len(raw) > LONGEST:
        raise _refused(raw, f"at most {LONGEST} bytes")
    try:
        members = _decode(raw)
    except UnicodeDecodeError as error:
        raise _refused(raw, f"UTF-8 ({error}); save the file as UTF-8") from None
    except (msgspec.DecodeError, RecursionError) as error:
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
