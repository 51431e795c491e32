"""A journal's entry as the page shows it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath
from typing import cast
from urllib.parse import urlsplit

import msgspec

from .._journal import Entry, State

_PICTURE = re.compile(r"\.(?:png|jpe?g|webp|gif)$", re.IGNORECASE)


class PageRow(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One item on the page.

    Attributes:
        id: the row's number in the journal.
        key: the item's key.
        model: the model's name on the wire.
        state: where the item stands, as in the journal.
        title: the prompt, or where there is none the names of the media.
        fields: the input as on the wire, without the prompt.
        clip: what the page plays, None where there is nothing.
        picture: True if that is a picture.
        more: further pictures of its task.
        saved: where the clip was saved.
        task: the provider's id of the task.
        seconds: how long the task took.
        credits: what it cost, or may cost.
        reason: why there is no clip, or why it was not downloaded.
        at: when something happened to it last, in Unix seconds; 0.0 for never.
    """

    id: int
    key: str
    model: str
    state: str
    title: str = ""
    fields: Mapping[str, object] = {}
    clip: str | None = None
    picture: bool = False
    more: Sequence[str] = ()
    saved: str | None = None
    task: str | None = None
    seconds: float | None = None
    credits: float | None = None
    reason: str | None = None
    at: float = 0.0


def row_of(entry: Entry, clip: str | None, more: Sequence[str] = ()) -> PageRow:
    """The row of an entry whose clip has this link, and `more` those of further pictures."""
    fields = _fields(entry.input)
    prompt = fields.pop("prompt", None)
    return PageRow(
        id=entry.id,
        key=entry.key,
        model=entry.model,
        state=entry.state.value,
        title=prompt if isinstance(prompt, str) and prompt.strip() else _media(fields),
        fields=fields,
        clip=clip,
        picture=clip is not None and _is_picture(entry, clip),
        more=tuple(more),
        saved=_text(entry.path),
        task=entry.task_id,
        seconds=seconds_of(entry),
        credits=entry.credits,
        reason=_reason(entry),
        at=entry.finished_at or entry.accepted_at or entry.sent_at or 0.0,
    )


def seconds_of(entry: Entry) -> float | None:
    """Seconds that a clip took: by the provider's word, else from acceptance to the outcome; None without a clip."""
    if entry.state is not State.DONE:
        return None
    if entry.record is not None and entry.record.cost_time is not None:
        return entry.record.cost_time
    if entry.accepted_at is None or entry.finished_at is None:
        return None
    return max(0.0, entry.finished_at - entry.accepted_at)


def _is_picture(entry: Entry, clip: str) -> bool:
    """By the name of the file where it was saved: a live page's link has none."""
    return any(map(_PICTURE.search, (entry.path or "", re.split("[?#]", clip)[0])))


def _fields(text: bytes) -> dict[str, object]:
    try:
        fields = msgspec.json.decode(text)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return {}
    return cast("dict[str, object]", fields) if isinstance(fields, dict) else {}


def _media(fields: Mapping[str, object]) -> str:
    """The names of the files that the input links, in its order."""
    links = [value for name, value in fields.items() if name.endswith("_url") and isinstance(value, str)]
    return " · ".join(filter(None, map(_file, links)))


def _file(link: str) -> str:
    try:
        return PurePosixPath(urlsplit(link).path).name
    except ValueError:
        return ""


def _reason(entry: Entry) -> str | None:
    record = entry.record
    if entry.state is not State.DONE and record is not None and record.fail_message:
        return f"{record.fail_message} ({record.fail_code})" if record.fail_code else record.fail_message
    return None if entry.error is None else str(entry.error)


def _text(path: str | None) -> str | None:
    """The path, with what is not text in it spelled out."""
    return None if path is None else path.encode(errors="backslashreplace").decode()
