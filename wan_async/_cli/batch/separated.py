"""CSV and TSV in: columns are fields, an empty cell is a field left out."""

from __future__ import annotations

import codecs
import csv
import shlex
from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO

import msgspec

from ..._inputs.checks import did_you_mean
from ...errors import ConfigurationError, InvalidInputError
from ...models import MODELS
from ..fields import fields_named, fields_of, typed
from .files import not_utf8
from .rows import InputLine, InputRow, Reading

_MODEL, _KEY = "model", "key"
_NOTHING: list[str] = []
_DECLARED = "sep="
"""Before the delimiter, in a line that Excel reads and some programs write."""


def read_separated(file: BinaryIO, reading: Reading) -> Iterator[InputRow]:
    """The rows under the first, which names the columns.

    Raises:
        ConfigurationError: the file is not UTF-8, or a column is neither a field nor otherwise known.
    """
    delimiter = "\t" if reading.format == "tsv" else _delimiter(file)
    reader = csv.reader(_text(file), delimiter=delimiter, strict=True)
    try:
        columns = _columns(_head(reader), reading)
    except csv.Error as error:
        raise ConfigurationError(f"the first row cannot be read: {error}") from None
    while True:
        number = reader.line_num + 1
        try:
            cells = next(reader)
            if any(cells):
                yield number, _row(columns, cells, reading)
        except StopIteration:
            return
        except csv.Error as error:
            yield number, InvalidInputError("the row", f"line {number}", f"{reading.format.upper()} ({error})")
        except InvalidInputError as error:
            yield number, error


def _delimiter(file: BinaryIO) -> str:
    """The one that stands in the first line most, or is declared there: some countries' tables have semicolons."""
    first = file.readline().removeprefix(codecs.BOM_UTF8)
    file.seek(0)
    declared = first.strip(b"\r\n").removeprefix(_DECLARED.encode())
    if first.startswith(_DECLARED.encode()) and declared in (b",", b";", b"\t", b"|"):
        return declared.decode()
    return max(",;\t", key=lambda one: first.count(one.encode()))


def _head(reader: Iterator[list[str]]) -> list[str]:
    """The first row that is not blank, nor Excel's line of the delimiter: the names of the columns."""
    return next((cells for cells in reader if any(cells) and cells != [_DECLARED, ""]), _NOTHING)


def _text(file: BinaryIO) -> Iterator[str]:
    """The lines as text; a file object of text would close the file when it is dropped."""
    number = 0
    try:
        for line in file:
            yield line.decode("utf-8" if number else "utf-8-sig")
            number += 1
    except UnicodeDecodeError as error:
        raise not_utf8(error, number + 1) from None


class _Columns(msgspec.Struct, frozen=True):
    """The field of each column, None of one that is not read, "" of one without a name; and where the keys are."""

    fields: list[str | None]
    key: int | None


def _columns(names: Sequence[str], reading: Reading) -> _Columns:
    """The columns of a table, by their names.

    Raises:
        ConfigurationError: a column stands for nothing, twice for the same, or was named and is not there; no model.
    """
    fields = [None if name in reading.ignored else reading.columns.get(name, name.strip()) for name in names]
    at = [at for at, pair in enumerate(zip(names, fields, strict=True)) if reading.key in (pair[0].strip(), *pair)]
    wanted = [*reading.columns, *reading.ignored, *([] if at or reading.key == _KEY else [reading.key])]
    for name in wanted if names else ():
        if name not in names:
            raise ConfigurationError(f"there is no column {name!r}{did_you_mean(name, names)}")
    for name, field in zip(names, fields, strict=True):
        if field and fields.count(field) > 1:
            raise ConfigurationError(f"column {name!r}: the field {field!r} has two columns")
    if names and reading.model is None and _MODEL not in fields:
        raise ConfigurationError(f"there is no model: --model is that of all rows, a column {_MODEL!r} that of each")
    _require_known(names, fields, reading)
    return _Columns(fields, at[0] if at else None)


def _require_known(names: Sequence[str], fields: Sequence[str | None], reading: Reading) -> None:
    """Refuse columns that no row could have a use for; what each row's model has is checked with the row."""
    models = [reading.model] if reading.model is not None and _MODEL not in fields else list(MODELS)
    known = {name for model in models if model in MODELS for name in fields_of(MODELS[model])}
    for name, field in zip(names, fields, strict=True):
        if field and not (field in known or field in (_MODEL, reading.key) or reading.custom):
            quoted = shlex.quote(name)
            what = f"--map FIELD={quoted} says which field it is, --ignore {quoted} that it is none"
            raise ConfigurationError(f"column {name!r} is no field{did_you_mean(field, known)}; {what}")


def _row(columns: _Columns, cells: Sequence[str], reading: Reading) -> InputLine:
    if any(cells[len(columns.fields) :]):
        allowed = f"as many as there are columns, {len(columns.fields)}; a text with the delimiter in it needs quotes"
        raise InvalidInputError("the row", f"{len(cells)} cells", allowed)
    given = {name: cell for name, cell in zip(columns.fields, cells, strict=False) if name is not None and cell != ""}
    if "" in given:
        raise InvalidInputError("the row", given[""], "nothing in a column without a name")
    model = reading.model_of(given.pop(_MODEL, None))
    fields = fields_named(model)
    key = None if columns.key is None or columns.key >= len(cells) else cells[columns.key] or None
    if reading.key not in fields:  # else it is both
        given.pop(reading.key, None)
    values: dict[str, Any] = {name: typed(fields, name, cell) for name, cell in given.items()}
    return reading.asked(model, key, values)
