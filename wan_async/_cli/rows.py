"""Rows of inputs: what a row asks for, and how a file is to be read. Every refusal is an `InvalidInputError`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeAlias, cast

import click
import msgspec
from msgspec import UNSET

from ..errors import ConfigurationError, InvalidInputError
from ..models import MODELS, WanInput, input_from
from .fields import fields_of, with_files

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
        columns: of columns that are called otherwise, the field of each.
        ignored: columns that are not read.
        key: the column or member that holds the key.
        custom: let models and fields pass that this version does not know.
        folder: where local files are.
    """

    format: str = "jsonl"
    model: str | None = None
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
        model = self.model if model in (None, "") else model
        cls = MODELS.get(model) if isinstance(model, str) else None
        known = fields if cls is None else with_files(fields_of(cls), fields, self.folder)
        asked = input_from(cast("str", model), known, custom=self.custom)
        return InputLine(_key(key), asked if extra is None else _with_extra(asked, extra))


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


def not_utf8(error: UnicodeError) -> ConfigurationError:
    """The message on a file that is no UTF-8."""
    return ConfigurationError(f"the input is not UTF-8 ({error}); save it as UTF-8")


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
