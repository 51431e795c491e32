"""A journal's entries as rows of a table."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from .._journal import Entry
from .formats import Columns

COLUMNS: Columns = {
    **dict.fromkeys(("key", "state", "model", "input", "task_id", "sent_at", "accepted_at", "finished_at"), str),
    "credits": float,
    "url": str,
    "urls": list,
    **dict.fromkeys(("path", "error_type", "error"), str),
}


def entry_row(entry: Entry) -> dict[str, Any]:
    """An entry as a row of `COLUMNS`; times in ISO 8601, UTC."""
    record, error = entry.record, entry.error
    return {
        "key": entry.key,
        "state": entry.state.value,
        "model": entry.model,
        "input": entry.input.decode(),
        "task_id": entry.task_id,
        "sent_at": _time(entry.sent_at),
        "accepted_at": _time(entry.accepted_at),
        "finished_at": _time(entry.finished_at),
        "credits": entry.credits,
        "url": None if record is None else record.url,
        "urls": None if record is None else list(record.urls),
        "path": entry.path,
        "error_type": None if error is None else type(error).__name__,
        "error": None if error is None else str(error),
    }


def _time(unix_seconds: float | None) -> str | None:
    if unix_seconds is None:
        return None
    return datetime.fromtimestamp(unix_seconds, UTC).isoformat(timespec="seconds")
