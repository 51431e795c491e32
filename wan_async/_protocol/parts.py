"""The parts of an answer: each is read as what it is, and a part that cannot be read is None."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime
from typing import Any, cast

import msgspec

from .tokens import TOKEN, without_token

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
    """A JSON object, given as one, as its text, as the text of that, or alone in a list."""
    if isinstance(value, list):
        value = only[0] if len(only := cast("list[Any]", value)) == 1 else None
    if isinstance(value, str) and value:
        value = _read(value)
        if isinstance(value, str) and value:
            value = _read(value)
    return cast("dict[str, Any]", value) if isinstance(value, dict) else None


def task_of(value: Any) -> dict[str, Any] | None:
    """The fields of a task: an object that has its id, or the only one in it that does."""
    fields = as_object(value)
    if fields is None or ids_of(fields):
        return fields
    objects = [cast("dict[str, Any]", one) for one in fields.values() if isinstance(one, dict)]
    tasks = [one for one in objects if ids_of(one)]
    return tasks[0] if len(tasks) == 1 else fields


def _read(text: str) -> Any:
    try:
        return _decode(text)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return leniently(text)


def leniently(text: bytes | str) -> Any:
    """The value of JSON that the strict reader refuses; None where it cannot be read."""
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
    places = [record.get(name) for name in ("resultJson", *_ELSEWHERE)]
    found = (_links(place, names) for names in (_LINKS, _LINKS_OF_ONE) for place in places)
    return next((links for links in found if links), ()) or _links(record)


_ELSEWHERE = ("response", "result", "output")
_LINKS = ("resultUrls", "resultUrl", "result_urls", "urls", "videoUrls", "videoUrl", "video_url")
_LINKS_OF_ONE = ("videos", "video", "url")
"""Names that are believed where a task has ended and no other holds a link."""


def _links(result: Any, names: tuple[str, ...] = _LINKS) -> tuple[str, ...]:
    fields = as_object(result)
    given = result if fields is None else next((fields[name] for name in names if fields.get(name)), None)
    if isinstance(given, str):
        return tuple([link for link in _listed(given) if _LINK.match(link)])
    listed = cast("list[Any]", given if isinstance(given, list) else [given])
    return tuple([link for one in listed if (link := _link(one))])


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
    shown = request if brackets < DEEPEST else _shallow(request, DEEPEST)  # few cannot nest deep, and cost no copy
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


def milliseconds(value: Any) -> float | None:
    """Unix milliseconds, given as such or as a date with its time, in UTC where it does not say."""
    read = number(value)
    if read is not None or not isinstance(value, str) or len(value) < len("2026-05-03T10:00"):
        return read
    try:
        moment = datetime.fromisoformat(value.strip())
        return number((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)
    except (ValueError, OverflowError):
        return None


def utc(given: float | None) -> datetime | None:
    """The aware time of Unix milliseconds, None for one that a datetime does not know."""
    try:
        return None if given is None else datetime.fromtimestamp(given / 1000, UTC)
    except (ValueError, OverflowError, OSError):
        return None
