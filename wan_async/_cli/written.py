"""JSONL out: one line for each outcome, in a file that takes the place of an earlier one only when the run ends."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Self

import msgspec

from .._batch import Outcome
from ..errors import WanError

if TYPE_CHECKING:
    from types import TracebackType

_encode = msgspec.json.Encoder().encode


class Why(msgspec.Struct, frozen=True):
    """An error in a line: the name of its class, and its message."""

    type: str
    message: str


class Row(msgspec.Struct, frozen=True, kw_only=True):
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


def row(outcome: Outcome, line: int | None) -> Row:
    """The output's line for an outcome."""
    record, error = outcome.record, outcome.error
    return Row(
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


class Written:
    """The output under way, in `….part` beside it.

    It takes its place when the `with` block ends by itself or with a `WanError`: all that earlier runs finished is in
    it then. Ended by anything else, or killed, an earlier output stays, and the journal has the rest.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.part = path.with_name(f"{path.name}.part")

    def add(self, line: Row) -> None:
        """Write a line; whoever reads the file sees it at once."""
        self._file.write(_encode(line) + b"\n")
        self._file.flush()

    def __enter__(self) -> Self:
        self._file = self.part.open("wb")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._file:
            if kind is not None and not issubclass(kind, WanError):
                return
            os.fsync(self._file.fileno())  # a rename can reach the disk before what was written
        self.part.replace(self._path)
