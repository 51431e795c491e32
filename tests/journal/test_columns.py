"""A journal's columns as values and back, and what somebody else wrote into them."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from wan_async._journal.columns import COLUMNS, ending_columns, entry_of
from wan_async._journal.entries import State
from wan_async._journal.store import Ending
from wan_async._protocol import TaskRecord
from wan_async.errors import JournalError, SubmissionUnknownError, TaskFailedError, TransportError, WanError

from .support import bad, good

NAMES = COLUMNS.split(", ")
ROW: dict[str, Any] = {
    **dict.fromkeys(NAMES),
    "id": 7,
    "position": 3,
    "key": "k",
    "model": "m",
    "input": '{"prompt":"a fox"}',
    "state": "running",
    "task_id": "t",
    "sent_at": 1.5,
    "accepted_at": 2.5,
    "credits": 40.0,
    "reported": 0,
    "attempt": 2,
    "seen": 1,
}


def row(**columns: Any) -> list[Any]:
    return [*{**ROW, **columns}.values()]


def test_a_row_is_an_entry() -> None:
    entry = entry_of(row())
    assert (entry.id, entry.index, entry.key, entry.model, entry.input) == (7, 3, "k", "m", b'{"prompt":"a fox"}')
    assert (entry.state, entry.task_id, entry.attempt) == (State.RUNNING, "t", 2)
    assert (entry.sent_at, entry.accepted_at, entry.finished_at) == (1.5, 2.5, None)
    assert (entry.reported, entry.seen, entry.credits) == (False, True, 40.0)
    assert (entry.record, entry.error, entry.path) == (None, None, None)


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("position", "first"),
        ("input", "{"),
        ("input", "[]"),
        ("input", '{"prompt":' + "[" * 100_000),
        ("state", "lost"),
        ("sent_at", 1e300),
        ("finished_at", -1e12),
        ("record", "{}"),
        ("record", "not JSON"),
        ("error", "[]"),
        ("path", 1.5),
        ("credits", "many"),
        ("attempt", None),
    ],
)
def test_what_cannot_be_read_names_its_row(column: str, value: object) -> None:
    with pytest.raises(JournalError, match=r"^row 7 of the journal, key 'k', cannot be read: "):
        entry_of(row(**{column: value}))


@pytest.mark.parametrize(
    ("record", "error", "state"),
    [
        (good("t"), None, State.DONE),
        (good("t"), TransportError("the clip's link is gone"), State.DONE),
        (bad("t"), TaskFailedError(bad("t")), State.FAILED),
        (None, TaskFailedError(bad("t")), State.FAILED),
        (None, WanError("refused"), State.FAILED),
        (None, SubmissionUnknownError("reset"), State.UNKNOWN),
    ],
)
def test_an_outcome_comes_back_as_it_was(record: TaskRecord | None, error: WanError | None, state: State) -> None:
    columns = ending_columns(Ending("k", 2, record, error, "clips/k.mp4"))
    expected = error.record if isinstance(error, TaskFailedError) else record
    assert columns.pop("consumed") == (None if expected is None else expected.credits)
    entry = entry_of(row(**columns))
    assert (entry.state, entry.record, entry.path, entry.attempt) == (state, expected, "clips/k.mp4", 2)
    assert (type(entry.error), str(entry.error)) == (type(error), str(error))


def test_a_record_is_kept_without_what_json_cannot_hold() -> None:
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    record = msgspec.structs.replace(good("t"), fail_message="half a fox: \ud83e", request={"input": deep})
    columns = ending_columns(Ending("k", 1, record))
    del columns["consumed"]
    entry = entry_of(row(**columns))
    assert entry.record is not None
    assert (entry.record.task_id, entry.record.urls, entry.record.credits) == ("t", record.urls, record.credits)
    assert entry.record.request is None
    assert (entry.record.fail_message or "").startswith("half a fox: ")
    while deep:  # else it is freed by as many calls as it is deep
        deep = deep.pop()


class Text(str):
    """As numpy and markupsafe have them."""


def test_other_libraries_texts_are_written_as_text() -> None:
    columns = ending_columns(Ending(Text("k"), 1, good("t"), None, Text("clips/k.mp4")))
    assert {type(columns["key"]), type(columns["path"])} == {str}
