"""JSONL out, its place, and what is summed up."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from wan_async import (
    ConfigurationError,
    SubmissionUnknownError,
    TaskFailedError,
    TaskTimeoutError,
    TransportError,
    Wan22TextToVideoTurbo,
)
from wan_async._batch import Outcome
from wan_async._cli.batch import BatchOptions, BatchRun
from wan_async._cli.batch.check import keeping
from wan_async._cli.batch.files import Places, opened, places
from wan_async._cli.batch.outcomes import OutcomeCounts, Output, row
from wan_async._cli.batch.rows import Reading
from wan_async._cli.exits import Exit
from wan_async._protocol import TaskRecord, TaskState

from .batch_program import MODEL, asks, rows, write

URL = "http://127.0.0.1/clip.mp4"
GOOD = TaskRecord(task_id="t", state=TaskState.SUCCESS, urls=(URL, f"{URL}?2"), credits=40.5)
BAD = TaskRecord(task_id="t", state=TaskState.FAIL, fail_code="422", fail_message="no", credits=0.0)
FOX = Wan22TextToVideoTurbo(prompt="fox")
MADE = Outcome(index=0, key="k", input=FOX, task_id="t", record=GOOD, path=Path("clips/k.mp4"), replayed=True)
FAILED = Outcome(index=1, key="l", input=FOX, task_id="t", record=BAD, error=TaskFailedError(BAD))
UNKNOWN = Outcome(index=2, key="m", input=FOX, error=SubmissionUnknownError("cut"))
UNFETCHED = Outcome(index=3, key="n", input=FOX, task_id="t", record=GOOD, error=TransportError("no line"))
NO_INPUT = Outcome(index=4, key="o", input=None)


# lines


def test_a_line_tells_all_that_is_known(tmp_path: Path) -> None:
    with Output(tmp_path / "out.jsonl") as written:
        written.add(row(MADE, 7))
        written.add(row(FAILED, None))
        written.add(row(NO_INPUT, None))
    made, failed, no_input = rows(tmp_path / "out.jsonl")
    assert made == {
        "key": "k",
        "line": 7,
        "ok": True,
        "task_id": "t",
        "model": MODEL,
        "url": URL,
        "urls": [URL, f"{URL}?2"],
        "path": "clips/k.mp4",
        "credits": 40.5,
        "error": None,
        "replayed": True,
    }
    assert failed["error"] == {"type": "TaskFailedError", "message": "task t failed [422]: no"}
    assert (failed["ok"], failed["line"], failed["url"], failed["urls"]) == (False, None, None, [])
    assert no_input["model"] is None


def test_each_line_is_there_at_once_and_the_earlier_output_until_the_end(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    path.write_text("earlier\n")
    part = tmp_path / "out.jsonl.part"
    with Output(path) as written:
        written.add(row(MADE, 1))
        assert len(rows(part)) == 1
        written.add(row(FAILED, 2))
        assert len(rows(part)) == 2
        assert path.read_text() == "earlier\n"
    assert [line["key"] for line in rows(path)] == ["k", "l"]
    assert not part.exists()


def test_an_error_of_the_batch_ends_it_too(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    with pytest.raises(TransportError), Output(path) as written:
        written.add(row(MADE, 1))
        raise TransportError("no line")
    assert len(rows(path)) == 1


@pytest.mark.parametrize("end", [KeyboardInterrupt, OSError])
def test_anything_else_leaves_the_earlier_output(tmp_path: Path, end: type[BaseException]) -> None:
    path = tmp_path / "out.jsonl"
    path.write_text("earlier\n")
    with pytest.raises(end), Output(path) as written:
        written.add(row(MADE, 1))
        raise end
    assert path.read_text() == "earlier\n"


# places


@pytest.mark.parametrize(
    ("name", "output", "journal"),
    [
        ("clips.jsonl", "clips.out.jsonl", "clips.out.db"),
        ("clips.v2.ndjson", "clips.v2.out.jsonl", "clips.v2.out.db"),
        ("clips.v2", "clips.v2.out.jsonl", "clips.v2.out.db"),
    ],
)
def test_the_output_stands_beside_the_input_and_the_journal_beside_the_output(
    tmp_path: Path, name: str, output: str, journal: str
) -> None:
    found = places(str(tmp_path / name), None, None, journalled=True)
    assert found == Places(tmp_path / output, tmp_path / journal)


def test_what_was_said_holds(tmp_path: Path) -> None:
    out, run = tmp_path / "out", tmp_path / "run.db"
    assert places("-", str(out), None, journalled=True) == Places(out, tmp_path / "out.db")
    assert places("-", str(out), str(run), journalled=True) == Places(out, run)
    assert places("-", str(out), None, journalled=False) == Places(out, None)


def test_stdin_needs_an_output() -> None:
    with pytest.raises(ConfigurationError, match="--output"):
        places("-", None, None, journalled=True)


def test_one_file_has_one_part(tmp_path: Path) -> None:
    source, out = tmp_path / "a.jsonl", tmp_path / "out"
    for output, journal in ((source, None), (out, source), (out, out), (tmp_path / "x" / ".." / "a.jsonl", None)):
        with pytest.raises(ConfigurationError, match="files of their own"):
            places(str(source), str(output), None if journal is None else str(journal), journalled=True)


def test_an_output_is_only_written_anew_from_its_journal(tmp_path: Path) -> None:
    source, out, journal = str(tmp_path / "a.jsonl"), tmp_path / "a.out.jsonl", tmp_path / "a.out.db"
    out.write_text("")
    places(source, None, None, journalled=False)  # it is empty
    out.write_text("paid\n")
    for journalled in (True, False):
        with pytest.raises(ConfigurationError, match="would be lost"):
            places(source, None, None, journalled=journalled)
    journal.touch()
    assert places(source, None, None, journalled=True).output == out


@pytest.mark.parametrize("output", ["/dev/null", "no-such-folder/out.jsonl", "."])
def test_an_output_is_a_file_in_a_folder(tmp_path: Path, output: str) -> None:
    with pytest.raises(ConfigurationError, match="--output"):
        places("-", str(tmp_path / output), None, journalled=True)


def test_an_input_is_read_where_it_is(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", asks("a"))
    with opened(str(path)) as file:
        assert file.read() == path.read_bytes()
        assert file.name == str(path)


# the sum


def test_the_sum_counts_each_outcome_once() -> None:
    tally = OutcomeCounts(5)
    for line, outcome in enumerate([MADE, FAILED, UNKNOWN], 1):
        tally.count(outcome, line)
    assert str(tally) == "1 made, 1 failed, 1 unknown, 2 not done yet"
    tally.count(UNFETCHED, None)
    assert str(tally) == "2 made, 1 failed, 1 unknown, 1 not downloaded, 2 not done yet"
    assert (tally.given, tally.left) == (4, 2)
    late = Outcome(index=0, key="late", input=None, task_id="t", error=TaskTimeoutError("t"))
    tally.count(late, 4)
    assert str(tally) == "2 made, 1 failed, 1 unknown, 1 not downloaded, 2 not done yet"
    tally.count(late, None)  # of an earlier run's line
    assert (tally.failed, tally.left) == (1, 3)


@pytest.mark.parametrize(
    ("outcomes", "lines", "code"),
    [
        ([MADE], 1, Exit.OK),
        ([], 0, Exit.OK),
        ([MADE], 2, Exit.SOME_FAILED),
        ([MADE, FAILED], 2, Exit.SOME_FAILED),
        ([UNFETCHED], 1, Exit.SOME_FAILED),
        ([Outcome(index=0, key="late", input=None, error=TaskTimeoutError("t"))], 1, Exit.SOME_FAILED),
        ([UNKNOWN, FAILED], 2, Exit.UNKNOWN),
    ],
)
def test_the_exit_code_tells_the_worst(outcomes: list[Outcome], lines: int, code: Exit) -> None:
    tally = OutcomeCounts(lines)
    for line, outcome in enumerate(outcomes, 1):
        tally.count(outcome, line)
    assert tally.exit() is code


def test_without_a_journal_there_is_no_rest(tmp_path: Path) -> None:
    options: BatchOptions = {
        "download_to": None,
        "max_in_flight": 1,
        "max_credits": None,
        "max_wait": None,
        "resubmit_unknown": False,
    }
    with keeping() as checked:
        kept, lost = (
            BatchRun(io.BytesIO(), checked, 0, Reading(), Places(tmp_path / "out", journal), options)
            for journal in (tmp_path / "run.db", None)
        )
        assert kept.rest == f"run the same again to go on from {tmp_path / 'run.db'}"
        assert lost.rest == "no journal is kept: what runs is lost"
