"""Local files that stand in an input where a media URL goes: found, replaced by URLs, and written as text; pure.

As text, in a journal, a file is `file:` and the path as it was given, percent-encoded. Its content plays no part: the
same path is the same input, even when the file has changed or is gone, so that a resume pays for nothing again.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast
from urllib.parse import quote, unquote_to_bytes

import msgspec
from msgspec import inspect

if TYPE_CHECKING:
    from .models import WanInput

Input = TypeVar("Input", bound="WanInput")

_SCHEME = "file:"


class LocalFile(msgspec.Struct, frozen=True):
    """A file in an input: the field's name, such as `"image_urls[0]"`, the path, and `"image"` or `"video"`."""

    field: str
    path: Path
    kind: str


def files_in(task_input: WanInput) -> list[LocalFile]:
    """The local files of an input, in the order of its fields."""
    found: list[LocalFile] = []
    for name, kind in _media_fields(type(task_input)).items():
        value = getattr(task_input, name)
        if isinstance(value, Path):
            found.append(LocalFile(name, value, kind))
        elif isinstance(value, tuple):
            values = enumerate(cast("tuple[object, ...]", value))
            found += [LocalFile(f"{name}[{at}]", one, kind) for at, one in values if isinstance(one, Path)]
    return found


def with_urls(task_input: Input, urls: Mapping[Path, str]) -> Input:
    """The input with each local file replaced by its URL."""
    fields = {name: getattr(task_input, name) for name in _media_fields(type(task_input))}
    return msgspec.structs.replace(task_input, **_each(fields, lambda one: urls[one] if isinstance(one, Path) else one))


def path_to_text(value: object) -> str:
    """A path as text; what msgspec asks of an `enc_hook`."""
    if not isinstance(value, Path):
        raise NotImplementedError(f"{type(value).__name__} cannot be encoded")
    return _SCHEME + quote(os.fsencode(value))


def with_paths(cls: type[WanInput] | None, fields: dict[str, Any]) -> dict[str, Any]:
    """The fields as a journal has them, with the media fields' files as paths again."""
    media = {} if cls is None else {name: fields[name] for name in _media_fields(cls) if name in fields}
    return {**fields, **_each(media, _path_from_text)}


def _path_from_text(value: object) -> object:
    if isinstance(value, str) and value.startswith(_SCHEME):
        return Path(os.fsdecode(unquote_to_bytes(value.removeprefix(_SCHEME))))
    return value


def _each(fields: Mapping[str, Any], change: Callable[[Any], Any]) -> dict[str, Any]:
    """The fields with their values changed, those in lists one by one."""
    return {
        name: [change(one) for one in cast("list[Any]", value)] if isinstance(value, (list, tuple)) else change(value)
        for name, value in fields.items()
    }


@cache
def _media_fields(cls: type[WanInput]) -> dict[str, str]:
    """The fields that take media, and of what kind."""
    fields = cast("inspect.StructType", inspect.type_info(cls)).fields
    kinds = {field.name: _kind(field.type) for field in fields}
    return {name: kind for name, kind in kinds.items() if kind is not None}


def _kind(node: inspect.Type) -> str | None:
    match node:
        case inspect.Metadata(extra={"media": str() as kind}):
            return kind
        case inspect.Metadata(type=inner):
            return _kind(inner)
        case inspect.ListType(item_type=item):
            return _kind(item)
        case _:
            return None
