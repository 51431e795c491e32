"""Rows out: a table for people, lines of JSON, or a file in the format of its name, there only when it is whole."""

from __future__ import annotations

import csv
import itertools
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Generic, TypeAlias, TypeVar

import click
import msgspec

from ..errors import ConfigurationError

T = TypeVar("T")

Row: TypeAlias = Mapping[str, Any]
Rows: TypeAlias = Iterable[Row]
Columns: TypeAlias = Mapping[str, type]
"""Names of columns, and what stands in them: `str`, `float`, `int`, `bool`, or `list` of texts; any may be empty."""

ENDINGS = (".jsonl", ".ndjson", ".json", ".csv", ".tsv", ".parquet")
_GROUP = 10_000
"""Rows of a group in Parquet: some megabytes."""
_encode = msgspec.json.Encoder().encode


def check_ending(path: Path, option: str) -> None:
    """Refuse a name of another format, or one whose extra is not installed, before anything is done; none is JSONL.

    Raises:
        ConfigurationError: names the option, and the endings that are allowed.
    """
    if path.suffix and path.suffix.lower() not in ENDINGS:
        endings = ", ".join(ENDINGS)
        raise ConfigurationError(
            f"{option}: {path.name!r} is not allowed; allowed: a name that ends in one of {endings}"
        )
    if path.suffix.lower() == ".parquet":
        _arrow()


def write(path: Path, columns: Columns, rows: Rows) -> int:
    """Write rows in the format of the file's name; how many.

    Raises:
        OSError: the file cannot be written; what stood there before stands there still.
    """
    part = path.with_name(f"{path.name}.new")
    counted = _Counted(rows)
    try:
        _WRITERS.get(path.suffix.lower(), _write_lines)(part, columns, counted)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    return counted.count


def echo(columns: Columns, rows: Rows) -> int:
    """Print rows as JSON lines; how many."""
    counted = _Counted(rows)
    for row in counted:
        click.echo(_encode({name: row.get(name) for name in columns}))
    return counted.count


class _Counted(Generic[T]):
    """Rows, and how many went by."""

    def __init__(self, rows: Iterable[T]) -> None:
        self._rows = rows
        self.count = 0

    def __iter__(self) -> Iterator[T]:
        for row in self._rows:
            self.count += 1
            yield row


def _write_lines(path: Path, columns: Columns, rows: Rows) -> None:
    with path.open("wb") as file:
        for row in rows:
            file.write(_encode({name: row.get(name) for name in columns}) + b"\n")


def _write_separated(delimiter: str, path: Path, columns: Columns, rows: Rows) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, delimiter=delimiter)
        writer.writerow(columns)
        writer.writerows([_cell(row.get(name)) for name in columns] for row in rows)


def _cell(value: object) -> object:
    """A value as a cell: true and false, lists as JSON, nothing for None."""
    if isinstance(value, (bool, list, tuple)):
        return _encode(value).decode()
    return "" if value is None else value


def _write_parquet(path: Path, columns: Columns, rows: Rows) -> None:
    pa, pq = _arrow()
    kinds = {str: pa.string(), float: pa.float64(), int: pa.int64(), bool: pa.bool_(), list: pa.list_(pa.string())}
    schema = pa.schema([(name, kinds[kind]) for name, kind in columns.items()])
    every = iter(rows)
    with pq.ParquetWriter(path, schema) as writer:
        while group := list(itertools.islice(every, _GROUP)):
            writer.write_table(pa.Table.from_pylist([dict(row) for row in group], schema=schema))


_WRITERS: Mapping[str, Callable[[Path, Columns, Rows], None]] = {
    ".csv": partial(_write_separated, ","),
    ".tsv": partial(_write_separated, "\t"),
    ".parquet": _write_parquet,
}


def _arrow() -> tuple[Any, Any]:
    try:
        import pyarrow as pa  # pyright: ignore[reportMissingTypeStubs]
        import pyarrow.parquet as pq  # pyright: ignore[reportMissingTypeStubs]
    except ModuleNotFoundError:
        raise ConfigurationError("pyarrow is not installed: pip install 'wan-async[parquet]'") from None
    return pa, pq


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> int:
    """Print rows under their heads, without the heads on a pipe; how many."""
    if sys.stdout.isatty():
        return _drawn(heads, list(rows))
    counted = _Counted(rows)
    for row in counted:
        click.echo("\t".join(row))
    return counted.count


def _drawn(heads: Sequence[str], rows: list[Sequence[str]]) -> int:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    drawn = Table(box=None, padding=(0, 2, 0, 0))
    for head in heads:
        drawn.add_column(head, overflow="fold")
    for row in rows:
        drawn.add_row(*map(Text, row))
    Console().print(drawn)
    return len(rows)
