"""What a file is by its content, told by puremagic, which the extra `files` brings."""

from __future__ import annotations

import mimetypes
from typing import TYPE_CHECKING, cast

from ..errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable

HEAD = 8192
"""Bytes of a file's beginning that tell what it is."""

UNKNOWN = "application/octet-stream"

_UNKNOWN_BRANDS = (b"iso5", b"iso6", b"dash")
"""Brands of ISO 14496-12 files that puremagic 1.30 does not know, and 2.2 takes for something else."""

_SUFFIXES = {
    "image/jpeg": ".jpg",
    "image/png": ".png",
    "image/webp": ".webp",
    "video/mp4": ".mp4",
    "video/quicktime": ".mov",
    "video/x-matroska": ".mkv",
}


def media_type(head: bytes) -> str:
    """The type of a file that begins with `head`; `UNKNOWN` if it begins like none that is known.

    Raises:
        ConfigurationError: the extra `files` is not installed.
    """
    identify, unidentified = _puremagic()
    if head[4:8] == b"ftyp" and head[8:12] in _UNKNOWN_BRANDS:
        return "video/mp4"
    try:
        return identify(head[:HEAD], mime=True) or UNKNOWN
    except (unidentified, ValueError):
        return UNKNOWN


def told_type(head: bytes, name: str) -> str:
    """The type as far as it can be told here: by the content with the extra `files`, else by the name."""
    try:
        return media_type(head)
    except ConfigurationError:
        return mimetypes.guess_type(name)[0] or UNKNOWN


def suffix_for(mime_type: str) -> str | None:
    """The suffix of a type's files, None for a type that is no input of a model."""
    return _SUFFIXES.get(mime_type)


def _puremagic() -> tuple[Callable[..., str], type[Exception]]:
    try:
        import puremagic
    except ImportError:
        needed = "local files as inputs need puremagic to look at them"
        raise ConfigurationError(f'{needed}: pip install "wan-async[files]"') from None
    return cast("Callable[..., str]", puremagic.from_string), puremagic.PureError  # pyright: ignore[reportUnknownMemberType]
