"""Outcomes out: a line each, in a file that takes the place of an earlier one only when the run ends, and their sum."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import click
import msgspec

from ..._batch import Outcome
from ...errors import SubmissionUnknownError, TaskTimeoutError, WanError
from ..exits import Exit
from ..output import Columns, Row, write

if TYPE_CHECKING:
    from types import TracebackType

_TABLES = (".csv", ".tsv", ".parquet")
_COLUMNS: Columns = {
    "key": str,
    "line": int,
    "ok": bool,
    "task_id": str,
    "model": str,
    "url": str,
    "urls": list,
    "path": str,
    "credits": float,
    "error_type": str,
    "error": str,
    "replayed": bool,
}
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(dict[str, Any]).decode


def row(outcome: Outcome, line: int | None) -> Row:
    """The output's line for an outcome; `line` is its item's in the input, None if it stands there no more."""
    record, error = outcome.record, outcome.error
    return {
        "key": outcome.key,
        "line": line,
        "ok": outcome.ok,
        "task_id": outcome.task_id,
        "model": None if outcome.input is None else outcome.input.model,
        "url": None if record is None else record.url,
        "urls": () if record is None else record.urls,
        "path": None if outcome.path is None else os.fspath(outcome.path),
        "credits": None if record is None else record.credits,
        "error": None if error is None else {"type": type(error).__name__, "message": str(error)},
        "replayed": outcome.replayed,
    }


class Output:
    """The output under way, as JSONL in `….part` beside it, or on stdout where there is no path.

    It takes its place, in the format of its name, when the `with` block ends by itself or with a `WanError`: all that
    earlier runs finished is in it then. Ended by anything else, or killed, an earlier output stays, and the journal has
    the rest.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self.part = None if path is None else path.with_name(f"{path.name}.part")

    def add(self, line: Row) -> None:
        """Write a line; whoever reads the file sees it at once."""
        if self._file is None:
            click.echo(_encode(line))
            return
        self._file.write(_encode(line) + b"\n")
        self._file.flush()

    def __enter__(self) -> Self:
        self._file = None if self.part is None else self.part.open("wb")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is None or self._path is None or self.part is None:
            return
        with self._file:
            if kind is not None and not issubclass(kind, WanError):
                return
            os.fsync(self._file.fileno())  # a rename can reach the disk before what was written
        if self._path.suffix.lower() in _TABLES:
            write(self._path, _COLUMNS, _flattened(self.part))
            self.part.unlink()
        else:
            self.part.replace(self._path)


def _flattened(part: Path) -> Iterator[Row]:
    """The lines as rows of a table: an error is two columns."""
    with part.open("rb") as file:
        for raw in file:
            line = _decode(raw)
            error = line["error"] or {"type": None, "message": None}
            yield {**line, "error_type": error["type"], "error": error["message"]}


class OutcomeCounts:
    """Counts outcomes.

    Args:
        lines: lines of the input.
    """

    def __init__(self, lines: int) -> None:
        self._lines = lines
        self._others_left = 0
        self.ended = self.given = self.made = self.failed = self.unknown = self.unfetched = 0

    def count(self, outcome: Outcome, line: int | None) -> None:
        """Count an outcome, and the line it belongs to."""
        self.given += 1
        if isinstance(outcome.error, TaskTimeoutError):  # it still runs, and the next run has its outcome
            self._others_left += line is None
            return
        self.ended += line is not None
        if outcome.ok:
            self.made += 1
            self.unfetched += outcome.error is not None
        elif isinstance(outcome.error, SubmissionUnknownError):
            self.unknown += 1
        else:
            self.failed += 1

    @property
    def left(self) -> int:
        """Lines that have no outcome yet, and what earlier runs' lines left that still runs."""
        return self._lines - self.ended + self._others_left

    def counts(self) -> dict[str, float]:
        """The counts by name."""
        return {
            "made": self.made,
            "failed": self.failed,
            "unknown": self.unknown,
            "not_downloaded": self.unfetched,
            "left": self.left,
        }

    def __str__(self) -> str:
        parts = [f"{self.made:,} made", f"{self.failed:,} failed", f"{self.unknown:,} unknown"]
        parts += [f"{self.unfetched:,} not downloaded"] if self.unfetched else []
        parts += [f"{self.left:,} not done yet"] if self.left else []
        return ", ".join(parts)

    def exit(self) -> Exit:
        """The exit code of a run that was not interrupted."""
        if self.unknown:
            return Exit.UNKNOWN
        return Exit.SOME_FAILED if self.failed or self.unfetched or self.left else Exit.OK
