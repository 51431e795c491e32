"""Rows of inputs: how a file is to be read, and what each row asks for. Here JSONL; `separated` reads CSV and TSV.

Every refusal of a row is an `InvalidInputError`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO, TypeAlias, cast

import click
import msgspec
from msgspec import UNSET

from ...errors import InvalidInputError
from ...models import MODELS, WanInput, input_from
from ..fields import complete_model, fields_named, fields_of, known_model, with_files
from ..options import given, kept, together
from .files import STDIN

_FORMATS = ("jsonl", "csv", "tsv")
_NAMED = (".jsonl", ".ndjson", ".csv", ".tsv")
"""Endings that name the format."""
LONGEST = 1 << 20
"""Bytes of a line, its end included: a prompt has 5000 characters, so what is longer is no list of inputs."""
_BOM = b"\xef\xbb\xbf"
_MEMBERS = ("model", "input", "key", "extra")
_decode: Callable[[bytes], Any] = msgspec.json.Decoder().decode

reading_options = together(
    kept("--model", metavar="MODEL", help="The model of rows that name none.", shell_complete=complete_model),
    kept("--map", "pairs", metavar="FIELD=COLUMN", multiple=True, help="The column of a field, if its name differs."),
    kept("--key", metavar="COLUMN", default="key", show_default=True, help="The column of the keys."),
    kept("--ignore", metavar="COLUMN", multiple=True, help="A column that is not read."),
    kept("--format", type=click.Choice(_FORMATS), help="[default: by INPUT's name, else jsonl]"),
    kept("--custom", is_flag=True, help="Let models and fields pass that this version does not know."),
)
"""Rules for reading INPUT: `reading_of` puts them together."""


class InputLine(msgspec.Struct, frozen=True):
    """A row's key and input; `key` is None where it gives none."""

    key: str | None
    input: WanInput


InputRow: TypeAlias = tuple[int, InputLine | InvalidInputError]
"""A row's number, as an editor counts lines, and what it asks for or what is wrong with it."""


class Reading(msgspec.Struct, frozen=True):
    """Rules for reading a file of inputs.

    Attributes:
        format: jsonl, csv or tsv.
        model: the model of rows that name none.
        guessed: nothing named the format.
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


def reading_of(source: str) -> Reading:
    """The rules for reading INPUT, by the options that were given and by its name."""
    ending = Path(source).suffix.lower()
    model: str | None = given("model")
    return Reading(
        format=given("format") or (ending[1:] if ending[1:] in _FORMATS else "jsonl"),
        guessed=given("format") is None and ending not in _NAMED,
        model=model if model is None or given("custom") else known_model(model),
        columns=_renamed(given("pairs") or ()),
        ignored=frozenset(given("ignore") or ()),
        key=given("key"),
        custom=bool(given("custom")),
        folder=Path() if source == STDIN else Path(source).resolve().parent,
    )


def _renamed(pairs: tuple[str, ...]) -> dict[str, str]:
    """`prompt=Title`: the column `Title` is the field `prompt`."""
    found: dict[str, str] = {}
    for pair in pairs:
        field, sign, column = pair.partition("=")
        if not (field and sign and column):
            raise click.BadParameter(f"{pair!r} is not allowed; allowed: FIELD=COLUMN, such as prompt=Title")
        if column in found:
            raise click.BadParameter(f"column {column!r} cannot be two fields")
        found[column] = field
    return found


def rows(file: BinaryIO, reading: Reading) -> Iterator[InputRow]:
    """The rows that are not blank, from the beginning.

    Raises:
        ConfigurationError: the file as a whole cannot be read: its letters, or the names of its columns.
    """
    file.seek(0)
    if reading.format == "jsonl":
        return _read_lines(file, reading)
    from .separated import read_separated  # for tables alone

    return read_separated(file, reading)


def _read_lines(file: BinaryIO, reading: Reading) -> Iterator[InputRow]:
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
    extra = None if members.get("extra") is None else _members(members, "extra")
    return reading.asked(members.get("model"), members.get(reading.key), _members(members, "input"), extra)


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


def _members(line: dict[str, Any], name: str) -> dict[str, Any]:
    value = line.get(name)
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
    """NUL would end a key in SQLite's JSON functions; other control characters only resemble another key."""
    if given is None or (isinstance(given, str) and given and all(character >= " " for character in given)):
        return given
    raise InvalidInputError("key", given, "text of at least 1 character, without control characters")
