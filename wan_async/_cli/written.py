"""Outcomes out: one line each, in a file that takes the place of an earlier one only when the run ends."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import click
import msgspec

from .._batch import Outcome
from ..errors import WanError
from .formats import Columns, write

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


class Why(msgspec.Struct, frozen=True):
    """An error in a line: the name of its class, and its message."""

    type: str | None
    message: str | None


class OutputRow(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the output; the members are those of `Outcome` and its record.

    Attributes:
        line: the item's line in the input; None if it stands there no more.
    """

    key: str
    line: int | None
    ok: bool
    task_id: str | None
    model: str | None
    url: str | None
    urls: tuple[str, ...]
    path: str | None
    credits: float | None
    error: Why | None
    replayed: bool


def row(outcome: Outcome, line: int | None) -> OutputRow:
    """The output's line for an outcome."""
    record, error = outcome.record, outcome.error
    return OutputRow(
        key=outcome.key,
        line=line,
        ok=outcome.ok,
        task_id=outcome.task_id,
        model=None if outcome.input is None else outcome.input.model,
        url=None if record is None else record.url,
        urls=() if record is None else record.urls,
        path=None if outcome.path is None else os.fspath(outcome.path),
        credits=None if record is None else record.credits,
        error=None if error is None else Why(type(error).__name__, str(error)),
        replayed=outcome.replayed,
    )


_decode = msgspec.json.Decoder(OutputRow).decode


class Output:
    """The output under way, as JSONL in `….part` beside it, or on stdout where there is no path.

    It takes its place, in the format of its name, when the `with` block ends by itself or with a `WanError`: all that
    earlier runs finished is in it then. Ended by anything else, or killed, an earlier output stays, and the journal has
    the rest.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self.part = None if path is None else path.with_name(f"{path.name}.part")

    def add(self, line: OutputRow) -> None:
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


def _flattened(part: Path) -> Iterator[dict[str, Any]]:
    """The lines as rows of a table: an error is two columns."""
    with part.open("rb") as file:
        for raw in file:
            line = _decode(raw)
            error = line.error or Why(None, None)
            yield {**msgspec.structs.asdict(line), "error_type": error.type, "error": error.message}
