"""Calls that reach the provider, and replies that leave it, as values: no sockets, no event loop."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Literal, TypeAlias

import msgspec

from ._clips import ClipSpec

ReplyBody: TypeAlias = bytes | Path | ClipSpec
"""A file's content: held in memory, on disk, or a clip that is still to be made."""

Sent: TypeAlias = Literal["all", "part", "nothing"]

_JSON: Mapping[str, str] = MappingProxyType({"Content-Type": "application/json"})
_encode = msgspec.json.Encoder().encode


class Upload(msgspec.Struct, frozen=True):
    """A file that came in, by whatever way.

    Attributes:
        content: in memory or on disk; None if it could not be had.
        size: its bytes.
        form: the other fields of the form: `uploadPath`, `fileName`.
        mime_type: the type that came with it, if any.
        file_name: the name that came with it, if any.
    """

    content: bytes | Path | None
    size: int
    form: Mapping[str, str]
    mime_type: str | None = None
    file_name: str | None = None


class Call(msgspec.Struct, frozen=True):
    """One HTTP request: `path` is decoded and without the query, header names are in lower case.

    A body that is a file, streamed or fetched, comes as `upload`.
    """

    method: str
    path: str
    query: Mapping[str, str] = {}
    headers: Mapping[str, str] = {}
    body: bytes = b""
    upload: Upload | None = None


class Media(msgspec.Struct, frozen=True):
    """A file to be served.

    Attributes:
        source: its content.
        etag: changes with the content; in quotes, as in the header.
        ranges: whether parts of it are served.
    """

    source: ReplyBody
    etag: str
    ranges: bool = True


class Reply(msgspec.Struct, frozen=True):
    """One HTTP answer, and how it is delivered.

    Attributes:
        body: the whole body, unless `media` stands in its place.
        delay: seconds before the first byte leaves.
        sent: what gets out before the connection is closed; "nothing": no answer at all.
        part: with `sent="part"`, how many bytes of the body get out; None: half of them.
        arrived: False if the request is to be dropped before anything of it counts.
    """

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = _JSON
    media: Media | None = None
    delay: float = 0.0
    sent: Sent = "all"
    part: int | None = None
    arrived: bool = True


class Refusal(Exception):
    """The service's verdict on a call, in an envelope."""

    def __init__(self, code: int, message: str, status: int = 200) -> None:
        super().__init__(code, message, status)
        self.code = code
        self.message = message
        self.status = status

    @property
    def reply(self) -> Reply:
        """The verdict as an answer."""
        return envelope(self.code, self.message, status=self.status)


def envelope(code: int, message: str, data: object = None, *, status: int = 200) -> Reply:
    """An answer as the service gives it: errors too come with HTTP 200."""
    return Reply(status, _encode({"code": code, "msg": message, "data": data}))


def success(data: object) -> Reply:
    """The envelope of a call that worked."""
    return envelope(200, "success", data)
