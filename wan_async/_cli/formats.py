"""Rows as files: JSONL, CSV, TSV or Parquet, by the file's name. A file takes its place only when it is whole."""

from __future__ import annotations

import csv
import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeAlias

import click
import msgspec

from ..errors import ConfigurationError

Rows: TypeAlias = Iterable[Mapping[str, Any]]
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
        _writer(path.suffix.lower())(part, columns, counted)
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


class _Counted:
    """Rows, and how many went by."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows
        self.count = 0

    def __iter__(self) -> Iterator[Mapping[str, Any]]:
        for row in self._rows:
            self.count += 1
            yield row


def _writer(ending: str) -> Callable[[Path, Columns, Rows], None]:
    match ending:
        case ".csv":
            return lambda path, columns, rows: _write_separated(path, columns, rows, ",")
        case ".tsv":
            return lambda path, columns, rows: _write_separated(path, columns, rows, "\t")
        case ".parquet":
            return _write_parquet
        case _:
            return _write_lines


def _write_lines(path: Path, columns: Columns, rows: Rows) -> None:
    with path.open("wb") as file:
        for row in rows:
            file.write(_encode({name: row.get(name) for name in columns}) + b"\n")


def _write_separated(path: Path, columns: Columns, rows: Rows, separator: str) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, delimiter=separator)
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


def _arrow() -> tuple[Any, Any]:
    try:
        import pyarrow as pa  # pyright: ignore[reportMissingTypeStubs]
        import pyarrow.parquet as pq  # pyright: ignore[reportMissingTypeStubs]
    except ModuleNotFoundError:
        raise ConfigurationError("pyarrow is not installed: pip install 'wan-async[parquet]'") from None
    return pa, pq
