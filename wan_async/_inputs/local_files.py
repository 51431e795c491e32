"""Local files that stand in an input where a media URL goes: found, replaced by URLs, and written as text; pure.

As text, in a journal, a file is `file:` and the path as it was given, percent-encoded. Its content plays no part: the
same path is the same input, even when the file has changed or is gone, so that a resume pays for nothing again.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any, TypeVar, cast
from urllib.parse import quote, unquote_to_bytes

import msgspec
from msgspec import inspect

Input = TypeVar("Input", bound=msgspec.Struct)

_SCHEME = "file:"


class MediaKind(msgspec.Struct, frozen=True):
    """A kind of media that a field takes.

    Attributes:
        types: by content, as MIME types.
        largest: bytes of a file.
    """

    types: tuple[str, ...]
    largest: int = 10 << 20


KINDS = {
    "image": MediaKind(("image/jpeg", "image/png", "image/webp")),
    "video": MediaKind(("video/mp4", "video/quicktime", "video/x-matroska")),
    "edited": MediaKind(("video/mp4", "video/quicktime"), 100 << 20),
    "audio": MediaKind(
        ("audio/mpeg", "audio/wav", "audio/ogg", "audio/mp4", "audio/flac", "audio/aac", "audio/x-ms-wma"),
    ),
    "voice": MediaKind(("audio/wav", "audio/mpeg"), 15 << 20),
}
"""Kinds by their name in a field's `Meta(extra={"media": …})`. Image and video are of the five models' pages (doc); of
KIE's, August 2026, are those of `audio_url`, of 2.7's `reference_voice` ("voice") and of its videoedit ("edited").
"""


class LocalFile(msgspec.Struct, frozen=True):
    """A file in an input: the field's name, such as `"image_urls[0]"`, the path, and the kind of media."""

    field: str
    path: Path
    kind: MediaKind


def files_in(task_input: msgspec.Struct) -> list[LocalFile]:
    """The local files of an input, in the order of its fields."""
    found: list[LocalFile] = []
    for name, kind in media_fields(type(task_input)).items():
        value = getattr(task_input, name)
        if isinstance(value, Path):
            found.append(LocalFile(name, value, kind))
        elif isinstance(value, tuple):
            values = enumerate(cast("tuple[object, ...]", value))
            found += [LocalFile(f"{name}[{at}]", one, kind) for at, one in values if isinstance(one, Path)]
    return found


def with_urls(task_input: Input, urls: Mapping[Path, str]) -> Input:
    """The input with each local file replaced by its URL."""
    fields = {name: getattr(task_input, name) for name in media_fields(type(task_input))}
    return msgspec.structs.replace(task_input, **_each(fields, lambda one: urls[one] if isinstance(one, Path) else one))


def path_to_text(value: object) -> str:
    """A path as text; what msgspec asks of an `enc_hook`."""
    if not isinstance(value, Path):
        raise NotImplementedError(f"{type(value).__name__} cannot be encoded")
    return _SCHEME + quote(os.fsencode(value))


def with_paths(cls: type[msgspec.Struct] | None, fields: dict[str, Any]) -> dict[str, Any]:
    """The fields as a journal has them, with the media fields' files as paths again."""
    media = {} if cls is None else {name: fields[name] for name in media_fields(cls) if name in fields}
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
def media_fields(cls: type[msgspec.Struct]) -> dict[str, MediaKind]:
    """The fields that take media, with its kind."""
    fields = cast("inspect.StructType", inspect.type_info(cls)).fields
    kinds = {field.name: _kind(field.type) for field in fields}
    return {name: kind for name, kind in kinds.items() if kind is not None}


def _kind(node: inspect.Type) -> MediaKind | None:
    match node:
        case inspect.Metadata(extra={"media": str() as kind}):
            return KINDS[kind]
        case inspect.Metadata(type=inner):
            return _kind(inner)
        case inspect.ListType(item_type=item):
            return _kind(item)
        case _:
            return None
