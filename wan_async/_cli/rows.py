"""Rows of inputs: what a row asks for, and how a file is to be read. Every refusal is an `InvalidInputError`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeAlias

import click
import msgspec
from msgspec import UNSET

from ..errors import ConfigurationError, InvalidInputError
from ..models import MODELS, WanInput, input_from
from .fields import fields_of, known_model, with_files

FORMATS = ("jsonl", "csv", "tsv")


class InputLine(msgspec.Struct, frozen=True):
    """A row's key and input; `key` is None where it gives none."""

    key: str | None
    input: WanInput


InputRow: TypeAlias = tuple[int, InputLine | InvalidInputError]
"""A row's number, as an editor counts lines, and what it asks for or what is wrong with it."""


class Reading(msgspec.Struct, frozen=True):
    """Rules for reading a file of inputs.

    Attributes:
        format: one of `FORMATS`.
        model: the model of rows that name none.
        guessed: nothing told the format.
        columns: of columns that are called otherwise, the field of each.
        ignored: columns that are not read.
        key: the column or member that holds the key.
        custom: let models and fields pass that this version does not know.
        folder: where local files are.
    """

    format: str = "jsonl"
    model: str | None = None
    guessed: bool = False
    columns: Mapping[str, str] = {}
    ignored: frozenset[str] = frozenset()
    key: str = "key"
    custom: bool = False
    folder: Path = Path()

    def asked(
        self, model: object, key: object, fields: dict[str, Any], extra: dict[str, Any] | None = None
    ) -> InputLine:
        """Read a row.

        Raises:
            InvalidInputError: names the first member or field that is refused.
        """
        model = self.model_of(model)
        cls = MODELS.get(model)
        known = fields if cls is None else with_files(fields_of(cls), fields, self.folder)
        asked = input_from(model, known, custom=self.custom)
        return InputLine(_key(key), asked if extra is None else _with_extra(asked, extra))

    def model_of(self, given: object) -> str:
        """The model of a row that names this one, or none.

        Raises:
            InvalidInputError: it names none and there is none for all rows, or one that is not known.
        """
        model = self.model if given in (None, "") else given
        if model is None:
            raise InvalidInputError.missing("model", "--model")
        if not isinstance(model, str):
            raise InvalidInputError("model", model, "text")
        return model if self.custom else known_model(model)


def renamed(pairs: tuple[str, ...]) -> dict[str, str]:
    """`prompt=Title`, as a callback of click: the column `Title` is the field `prompt`."""
    found: dict[str, str] = {}
    for pair in pairs:
        field, sign, column = pair.partition("=")
        if not (field and sign and column):
            raise click.BadParameter(f"{pair!r} is not allowed; allowed: FIELD=COLUMN, such as prompt=Title")
        if column in found:
            raise click.BadParameter(f"column {column!r} cannot be two fields")
        found[column] = field
    return found


def not_utf8(error: UnicodeError, line: int | None = None) -> ConfigurationError:
    """The message on a file that is no UTF-8."""
    where = "" if line is None else f"line {line}: "
    return ConfigurationError(f"{where}the input is not UTF-8 ({error}); save it as UTF-8")


def _with_extra(asked: WanInput, extra: dict[str, Any]) -> WanInput:
    """The input with more fields, beside those that `custom` let pass."""
    passed = {} if asked.extra is UNSET else asked.extra
    for name in extra:
        if name in passed:
            raise InvalidInputError("extra", name, "names of fields that this input does not have")
    return msgspec.structs.replace(asked, extra={**passed, **extra})


def _key(given: object) -> str | None:
    """NUL would end a key in SQLite's JSON functions; other control characters only resemble another key."""
    if given is None or (isinstance(given, str) and given and all(character >= " " for character in given)):
        return given
    raise InvalidInputError("key", given, "text of at least 1 character, without control characters")
