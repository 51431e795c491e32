"""The parts of an answer: each is read as what it is, and a part that cannot be read is None."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, cast

import msgspec

from .tokens import TOKEN, without_token

if TYPE_CHECKING:
    from collections.abc import Iterable

_decode = msgspec.json.Decoder().decode

DEEPEST = 50
"""Levels of a record's request that are kept: what nests deeper could be read, and not be written or pickled again."""


def id_of(data: dict[str, Any]) -> str | None:
    """The task's id by the first of its names that holds one."""
    return next((task_id for name in _NAMES if (task_id := _id(data.get(name))) is not None), None)


def ids_of(data: dict[str, Any]) -> set[str]:
    """All ids by which a record or an answer knows its task."""
    return {task_id for name in _NAMES if (task_id := _id(data.get(name))) is not None}


_NAMES = ("taskId", "task_id", "recordId")


def _id(value: Any) -> str | None:
    """An id that can be asked for: a damaged one cannot."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    return text if isinstance(text, str) and text and text.isprintable() and "\ufffd" not in text else None


def as_object(value: Any) -> dict[str, Any] | None:
    """A JSON object, given as one, as its text or alone in a list."""
    if isinstance(value, list):
        value = only[0] if len(only := cast("list[Any]", value)) == 1 else None
    if isinstance(value, str) and value:
        value = _read(value)
    return cast("dict[str, Any]", value) if isinstance(value, dict) else None


def _read(text: str) -> Any:
    try:
        return _decode(text)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        pass
    from . import lenient  # with its patterns: 3 ms that importing wan_async does without

    try:
        return lenient.read(text)
    except (ValueError, RecursionError):
        return None


def links_of(record: dict[str, Any], *, ended: bool = False) -> tuple[str, ...]:
    """The links of a record: a list of them under `resultUrls` in its `resultJson`, or as bare text there or instead.

    Args:
        record: its fields.
        ended: it is a success, so that links elsewhere are its too.
    """
    links = _links(record.get("resultJson"))
    if links or not ended:
        return links
    return next((links for name in _ELSEWHERE if (links := _links(record.get(name)))), ()) or _links(record)


def _links(result: Any) -> tuple[str, ...]:
    fields = as_object(result)
    given = result if fields is None else next((fields[name] for name in _LINKS if fields.get(name)), None)
    if isinstance(given, str):
        return tuple([link for link in _listed(given) if _LINK.match(link)])
    listed = cast("list[Any]", given) if isinstance(given, list) else []
    return tuple([link for one in listed if (link := _link(one))])


_ELSEWHERE = ("response", "result", "output")
_LINKS = ("resultUrls", "resultUrl", "result_urls", "urls", "videoUrls", "videoUrl", "video_url")
_LINK = re.compile(r"(?i)https?://[^/\s]")


def _listed(text: str) -> list[str]:
    """The entries of a list that is text: as JSON, or one in each line."""
    read = _read(text)
    if isinstance(read, str):
        return [read]
    if isinstance(read, list):
        return [_link(one) for one in cast("list[Any]", read)]
    return [line.strip() for line in text.splitlines()]


def _link(value: Any) -> str:
    if isinstance(value, dict):
        value = cast("dict[str, Any]", value).get("url")
    return value if isinstance(value, str) else ""


def request_of(param: Any) -> dict[str, Any] | None:
    """The request that was submitted, by a record's `param`: JSON whose `input` is JSON text once more."""
    request = as_object(param)
    if request is None:
        return None
    if isinstance(asked := request.get("input"), str):
        request = {**request, "input": as_object(asked)}
    brackets = param.count("{") + param.count("[") if isinstance(param, str) else DEEPEST
    deep = brackets >= DEEPEST and _is_deep(request, DEEPEST)  # few cannot nest deep, and are counted in no time
    shown = _shallow(request, DEEPEST) if deep else request
    return ShownRequest(shown) if TOKEN in (param if isinstance(param, str) else str(shown)) else shown


class ShownRequest(dict[str, Any]):
    """A request without the token of its callback URL, which is here for adoption alone: no copy has it.

    Attributes:
        callback_url: the whole callback URL, None where there is none.
    """

    __slots__ = ("callback_url",)

    def __init__(self, request: dict[str, Any]) -> None:
        super().__init__(_without_tokens(request))
        url = request.get("callBackUrl")
        self.callback_url = url if isinstance(url, str) else None

    def __reduce__(self) -> tuple[type, tuple[dict[str, Any]]]:
        return dict, (dict(self),)


def _without_tokens(part: Any) -> Any:
    """A part of a request without tokens."""
    match part:
        case str():
            return without_token(part)
        case list():
            return [_without_tokens(inner) for inner in cast("list[Any]", part)]
        case dict():
            return {name: _without_tokens(inner) for name, inner in cast("dict[str, Any]", part).items()}
        case _:
            return part


def _is_deep(part: Any, room: int) -> bool:
    inside = cast("Iterable[Any]", part.values() if type(part) is dict else part)
    return any((room == 1 or _is_deep(inner, room - 1)) for inner in inside if type(inner) in (dict, list))


def _shallow(part: Any, room: int) -> Any:
    """A part of a request, with null for what nests deeper than `room`."""
    if not isinstance(part, (dict, list)):
        return part
    if room == 0:
        return None
    if isinstance(part, list):
        return [_shallow(inner, room - 1) for inner in cast("list[Any]", part)]
    return {name: _shallow(inner, room - 1) for name, inner in cast("dict[str, Any]", part).items()}


def as_text(value: Any) -> str | None:
    """Text, also of a number; None for what says nothing."""
    if isinstance(value, (bool, dict, list)) or value is None:
        return None
    text = without_token(value if type(value) is str else str(value))
    return text if text and not text.isspace() else None


def number(value: Any) -> float | None:
    """A finite number ≥ 0: none of a record's numbers can be below."""
    if value is None or isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        read = float(value)
    except (ValueError, OverflowError):
        return None
    return read if 0 <= read < math.inf else None


def when(value: Any) -> datetime | None:
    """An aware time of Unix milliseconds."""
    milliseconds = number(value)
    try:
        return None if milliseconds is None else datetime.fromtimestamp(milliseconds / 1000, UTC)
    except (ValueError, OverflowError, OSError):
        return None
