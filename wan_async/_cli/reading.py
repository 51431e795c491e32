"""A file of inputs, whatever its format, as rows."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from .lines import read_lines
from .rows import FORMATS, InputRow, Reading
from .separated import read_separated


def rows(file: BinaryIO, reading: Reading) -> Iterator[InputRow]:
    """The rows that are not blank, from the beginning.

    Raises:
        ConfigurationError: the file as a whole cannot be read: its letters, or the names of its columns.
    """
    file.seek(0)
    return read_lines(file, reading) if reading.format == "jsonl" else read_separated(file, reading)


def is_named(source: str) -> bool:
    """Whether the file's name tells its format."""
    return Path(source).suffix.lower() in (".jsonl", ".ndjson", ".csv", ".tsv")


def format_of(source: str, asked: str | None) -> str:
    """The format of a file: as asked, else by its name."""
    ending = Path(source).suffix.lower().removeprefix(".")
    return asked or (ending if ending in FORMATS else "jsonl")
