"""Tasks as lines."""

from __future__ import annotations

import msgspec

from .._protocol import TaskRecord

IN_JSON = f"A line of JSON each: {', '.join(TaskRecord.__struct_fields__)}."
"""The help of `--json` where records are printed."""


def as_json(record: TaskRecord) -> str:
    """The record as one line of JSON."""
    return msgspec.json.encode(record).decode()


def in_words(record: TaskRecord) -> str:
    """The record in words: its id, state, and what is known of its end."""
    parts = [record.task_id, record.state.value]
    if record.url is not None:
        parts.append(record.url)
    if record.fail_code or record.fail_message:
        parts.append(": ".join(part for part in (record.fail_code, record.fail_message) if part))
    if record.cost_time is not None:
        parts.append(f"{record.cost_time:g} s")
    if record.credits is not None:
        parts.append(f"{record.credits:g} credits")
    return "  ".join(parts)
