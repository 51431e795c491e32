"""A model's fields on the command line: their options, made from the struct, and text as values of their types."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, cast

import click
import msgspec
from click.shell_completion import CompletionItem
from msgspec import inspect

from .._inputs.checks import did_you_mean
from ..errors import InvalidInputError
from ..models import MODELS, WanInput, catalogue
from ..models.catalogue import FieldFacts

if TYPE_CHECKING:
    _ParamType: TypeAlias = click.ParamType[Any]
else:  # generic only in newer releases
    _ParamType = click.ParamType

PREFIX = "wan/"
"""Of all models' names; it may be left out."""
_URL = re.compile("https?://", re.IGNORECASE)
_NUMBER = re.compile("([0-9]+)")


class Field(msgspec.Struct, frozen=True):
    """One field of a model, as an option."""

    facts: FieldFacts

    @property
    def name(self) -> str:
        """The field's name, as on the wire."""
        return self.facts.name

    @property
    def option(self) -> str:
        """The option's name: of one that may be repeated, the singular."""
        return "--" + (self.name.removesuffix("s") if self.is_list else self.name).replace("_", "-")

    @property
    def is_list(self) -> bool:
        """True if it takes several values."""
        return isinstance(self.facts.type, inspect.ListType)

    @property
    def is_bool(self) -> bool:
        """True if it is switched on and off."""
        return isinstance(self.facts.type, inspect.BoolType)

    @property
    def choices(self) -> list[str]:
        """The values it may have, as text, where there are few."""
        kind = self.facts.type
        values = dict.fromkeys(map(str, kind.values)) if isinstance(kind, inspect.LiteralType) else ()
        return sorted(values, key=_as_counted)

    @property
    def allowed(self) -> str:
        """The values that it takes, in a word or a range."""
        kind = self.facts.type
        match kind:
            case inspect.LiteralType():
                return "|".join(self.choices)
            case inspect.IntType() | inspect.FloatType():
                low, high = ("" if bound is None else str(bound) for bound in (kind.ge, kind.le))
                return f"{low}..{high}" if low or high else "NUMBER"
            case inspect.BoolType():
                return "true|false"
            case _:
                return "URL|FILE" if self.facts.media else "TEXT"

    def value(self, text: str) -> Any:
        """The text as this field's value; what does not read as its type stays text, and the model refuses it by name.

        Media are links or the names of files still: see `with_files`.
        """
        if self.facts.media:
            return _list(text) if text.lstrip().startswith("[") else text
        match self.facts.type:
            case inspect.IntType() | inspect.BoolType() | inspect.FloatType():
                try:
                    return msgspec.json.decode(text.strip().lower())
                except msgspec.DecodeError:
                    return text
            case inspect.ListType():
                return _list(text)
            case _:
                return text


def _as_counted(text: str) -> list[str | int]:
    """A key by which `"5"` comes before `"10"`."""
    return [int(part) if part.isdigit() else part for part in _NUMBER.split(text)]


def known_model(name: str) -> str:
    """The model of that name on the wire, `wan/` left out or not.

    Raises:
        InvalidInputError: there is none, and what may have been meant.
    """
    for model in (name, PREFIX + name):
        if model in MODELS:
            return model
    raise InvalidInputError("model", name, "one of `wan-async models`" + did_you_mean(PREFIX + name, MODELS))


def complete_model(_: click.Context, __: click.Parameter, incomplete: str) -> list[str]:
    """The models that a shell completes, with `wan/` where that was begun."""
    names = (name.removeprefix(PREFIX) for name in MODELS) if not incomplete.startswith(PREFIX[:1]) else MODELS
    return [name for name in names if name.startswith(incomplete)]


@cache  # asked for each row of a batch's file
def fields_of(cls: type[WanInput]) -> dict[str, Field]:
    """The fields of a model by name, the required ones first."""
    return {name: Field(facts) for name, facts in catalogue.fields_of(cls).items()}


def fields_named(model: str) -> dict[str, Field]:
    """The fields of the model of that name; none where it is not known."""
    return fields_of(MODELS[model]) if model in MODELS else {}


def typed(fields: Mapping[str, Field], name: str, text: str) -> Any:
    """The text as the value of the field of that name; of one that is not known, text."""
    field = fields.get(name)
    if field is None:
        return text
    value: Any = field.value(text)
    return value if isinstance(value, list) or not field.is_list else [value]  # pyright: ignore[reportUnknownVariableType]


def with_files(fields: Mapping[str, Field], given: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """The values with local files of `folder` as paths, where a media field holds text that is no URL.

    Raises:
        InvalidInputError: there is no such file.
    """
    return {
        name: _with_files(name, value, folder) if name in fields and fields[name].facts.media else value
        for name, value in given.items()
    }


def _with_files(name: str, value: Any, folder: Path) -> Any:
    if isinstance(value, list):
        return [_with_files(name, one, folder) for one in cast("list[Any]", value)]
    if not isinstance(value, str) or not value or _URL.match(value):
        return value
    path = folder / value
    if path.is_file():
        return path
    raise InvalidInputError(name, value, "an http(s) URL, or a file that is there")


class FieldType(_ParamType):
    """The type of a field's option: the model itself refuses bad values, in its own words."""

    def __init__(self, field: Field) -> None:
        self._field = field
        self.name = field.allowed

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        return self._field.value(value) if isinstance(value, str) else value

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        if self._field.facts.media:
            return [CompletionItem(incomplete, type="file")]
        return [CompletionItem(one) for one in self._field.choices if one.startswith(incomplete)]


def option(field: Field) -> click.Option:
    """The option of a field; one that was not given is not passed on."""
    names = [field.option, field.name]
    if field.is_bool:
        names[0] = f"{field.option}/--no-{field.option[2:]}"
        return click.Option(names, default=None, help=_help(field))
    if field.is_list and field.option[2:] != field.name.replace("_", "-"):
        names.insert(1, "--" + field.name.replace("_", "-"))
    metavar = f"[{field.allowed}]" if field.choices else field.allowed
    return click.Option(names, type=FieldType(field), multiple=field.is_list, metavar=metavar, help=_help(field))


def _help(field: Field) -> str:
    about, needed = field.facts.about, "  [required]" if field.facts.required else ""
    return about[:1].upper() + about[1:] + needed


def _list(text: str) -> list[Any]:
    """A JSON list, or the text as its only element."""
    try:
        return msgspec.json.decode(text, type=list[Any])
    except msgspec.MsgspecError:
        return [text]
