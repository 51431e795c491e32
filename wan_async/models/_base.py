"""The base of all inputs: frozen structs that are checked where they are written, with fields named as on the wire."""

from __future__ import annotations

from collections.abc import Collection
from typing import Annotated, Any, ClassVar

import msgspec
from msgspec import UNSET, Meta, UnsetType

from .._inputs.checks import check_extra, check_fields, newer_fields
from .._inputs.local_files import path_to_text
from .._inputs.web_models import WebModel
from ..errors import InvalidInputError
from ._tariffs import Tariff

_canonical = msgspec.json.Encoder(order="sorted", enc_hook=path_to_text).encode


class WanInput(WebModel, frozen=True, kw_only=True, repr_omit_defaults=True):
    """The input of a task: the base of all models.

    A field that is left out is not sent, and the provider's default holds. Where a field takes the URL of an image, a
    video or a sound, a `pathlib.Path` may stand: the file is uploaded when the task is submitted. In a journal such an
    input is known by the path's text as it was given, so that a resume neither needs the file nor pays again for it.

    Raises:
        InvalidInputError: a field's value is refused: its name, what was given, what is allowed.
    """

    model: ClassVar[str]
    """The model's name on the wire."""

    tariff: ClassVar[Tariff | None] = None
    """The provider's list price, None where none is known."""

    extra: dict[str, Any] | UnsetType = UNSET
    """Fields that this version does not know, sent beside the others as they are."""

    def __post_init__(self) -> None:
        check_fields(self)
        if self.extra is not UNSET:
            check_extra(self.extra, self._taken())
        self.check_together()

    def check_together(self) -> None:
        """Refuse fields that do not go together; each of them is as it must be."""

    def _taken(self) -> Collection[str]:
        """The names that `extra` may not have: the fields', but for newer ones that are left out."""
        newer = newer_fields(type(self))
        return [name for name in self.__struct_fields__ if name not in newer or getattr(self, name) is not UNSET]

    def wire(self) -> WanInput | dict[str, Any]:
        """The `input` object of createTask, ready to be encoded as JSON."""
        if self.extra is UNSET:
            return self
        fields: dict[str, Any] = msgspec.to_builtins(self, enc_hook=path_to_text)
        del fields["extra"]
        return {**fields, **self.extra}

    def content(self) -> bytes:
        """The input as JSON with sorted fields: equal for equal inputs, whatever the order they were written in."""
        return _canonical(self.wire())


class CustomInput(WanInput, frozen=True):
    """Any other model: its name and its fields, sent as they are."""

    model: Annotated[str, Meta(min_length=1)]  # pyright: ignore[reportIncompatibleVariableOverride]
    """The model's name on the wire."""

    input: dict[str, Any]
    """Its fields, an object of JSON values."""

    price: Annotated[float, Meta(ge=0)] | UnsetType = UNSET
    """The price of one task, in credits, for `max_credits`; not sent."""

    def _taken(self) -> Collection[str]:
        return self.input

    def wire(self) -> dict[str, Any]:
        """The `input` object of createTask: the fields as given, and `extra`."""
        return self.input if self.extra is UNSET else {**self.input, **self.extra}


def given_in(task_input: WanInput, name: str) -> Any:
    """The field's value, an empty tuple where it is left out."""
    value = getattr(task_input, name)
    return () if value is UNSET else value


def at_least_one(task_input: WanInput, *names: str) -> None:
    """Refuse an input that has none of these fields; an empty list is none."""
    if not any(given_in(task_input, name) for name in names):
        raise InvalidInputError.missing(names[0], *names[1:])
