"""CSV and TSV in: columns are fields, an empty cell is a field left out."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO

from .._inputs.checks import did_you_mean
from ..errors import ConfigurationError, InvalidInputError
from ..models import MODELS
from .fields import fields_of, typed
from .rows import InputLine, InputRow, Reading, not_utf8

_MODEL = "model"
_NOTHING: list[str] = []


def read_separated(file: BinaryIO, reading: Reading) -> Iterator[InputRow]:
    """The rows under the first, which names the columns.

    Raises:
        ConfigurationError: the file is not UTF-8, or a column is neither a field nor otherwise known.
    """
    delimiter = "\t" if reading.format == "tsv" else _delimiter(file)
    reader = csv.reader(_text(file), delimiter=delimiter, strict=True)
    try:
        columns = _columns(next(reader, _NOTHING), reading)
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
    """The one that stands in the first line most: some countries' tables have semicolons."""
    first = file.readline()
    file.seek(0)
    return max(",;\t", key=lambda one: first.count(one.encode()))


def _text(file: BinaryIO) -> Iterator[str]:
    """The lines as text; a file object of text would close the file when it is dropped."""
    try:
        for at, line in enumerate(file):
            yield line.decode("utf-8" if at else "utf-8-sig")
    except UnicodeDecodeError as error:
        raise not_utf8(error) from None


def _columns(names: Sequence[str], reading: Reading) -> list[str | None]:
    """The field of each column; None of one that is not read.

    Raises:
        ConfigurationError: a column stands for nothing, twice for the same, or was named and is not there.
    """
    for name in (*reading.columns, *reading.ignored):
        if name not in names:
            raise ConfigurationError(f"there is no column {name!r}{did_you_mean(name, names)}")
    fields = [None if name in reading.ignored else reading.columns.get(name, name.strip()) for name in names]
    for name, field in zip(names, fields, strict=True):
        if field is not None and fields.count(field) > 1:
            raise ConfigurationError(f"column {name!r}: the field {field!r} has two columns")
    _require_known(names, fields, reading)
    return fields


def _require_known(names: Sequence[str], fields: Sequence[str | None], reading: Reading) -> None:
    """Refuse columns that no row could have a use for; what each row's model has is checked with the row."""
    models = [reading.model] if reading.model is not None and _MODEL not in fields else list(MODELS)
    known = {name for model in models if model in MODELS for name in fields_of(MODELS[model])}
    for name, field in zip(names, fields, strict=True):
        if not (field is None or field in known or field in (_MODEL, reading.key) or reading.custom):
            what = f"--map FIELD={name} says which field it is, --ignore {name} that it is none"
            raise ConfigurationError(f"column {name!r} is no field{did_you_mean(field, known)}; {what}")


def _row(columns: Sequence[str | None], cells: Sequence[str], reading: Reading) -> InputLine:
    if len(cells) > len(columns):
        raise InvalidInputError("the row", f"{len(cells)} cells", f"as many as there are columns, {len(columns)}")
    given = {name: cell for name, cell in zip(columns, cells, strict=False) if name is not None and cell != ""}
    model, key = given.pop(_MODEL, reading.model), given.pop(reading.key, None)
    fields = fields_of(MODELS[model]) if model is not None and model in MODELS else {}
    values: dict[str, Any] = {name: typed(fields, name, cell, reading.folder) for name, cell in given.items()}
    return reading.asked(model, key, values)
