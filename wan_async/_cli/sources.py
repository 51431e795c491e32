"""The input of a batch as a file of UTF-8 that can be read twice, whatever a program has saved."""

from __future__ import annotations

import codecs
import contextlib
import shutil
import sys
import tempfile
from collections.abc import Callable, Generator
from functools import partial
from pathlib import Path
from typing import IO, BinaryIO, cast

from ..errors import ConfigurationError
from .places import STDIN
from .rows import not_utf8

_START = 1 << 16
"""Bytes by which an input is known."""
_MARKS = {
    codecs.BOM_UTF32_LE: "utf-32",  # it begins as that of UTF-16
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
_SIGNS = {
    b"PAR1": "is Parquet (`wan_async.integrations.dataframes` reads it)",
    b"PK\x03\x04": "is a spreadsheet or an archive",
    b"\xd0\xcf\x11\xe0": "is a spreadsheet",
    b"\x1f\x8b": "is compressed",
}


@contextlib.contextmanager
def opened(source: str) -> Generator[BinaryIO]:
    """The input, as a file of UTF-8 that can be read twice.

    What comes through a pipe is copied to a temporary file; so is UTF-16, which PowerShell's `>` writes, and what has
    the line ends of old Macs.

    Raises:
        ConfigurationError: it is not text, or not in an encoding that it names.
    """
    with contextlib.ExitStack() as stack:
        file = sys.stdin.buffer if source == STDIN else stack.enter_context(Path(source).open("rb"))
        if source == STDIN or not file.seekable():
            file = _copied(stack, file)
        start = file.read(_START)
        file.seek(0)
        encoding = next((encoding for mark, encoding in _MARKS.items() if start.startswith(mark)), None)
        if encoding is None:
            _require_text(source, start)
        if encoding is None and b"\r" in start and b"\n" not in start:
            encoding = "utf-8"
        yield file if encoding is None else _transcoded(stack, file, encoding)


def _require_text(source: str, start: bytes) -> None:
    what = next(
        (what for sign, what in _SIGNS.items() if start.startswith(sign)), "is not text" if b"\0" in start else ""
    )
    if what:
        raise ConfigurationError(f"{'stdin' if source == STDIN else source} {what}: save it as CSV or JSONL, in UTF-8")


def _copied(stack: contextlib.ExitStack, file: BinaryIO) -> BinaryIO:
    return _rewound(stack, lambda copy: shutil.copyfileobj(file, copy))


def _transcoded(stack: contextlib.ExitStack, file: BinaryIO, encoding: str) -> BinaryIO:
    def transcode(copy: IO[bytes]) -> None:
        lone_ends = encoding == "utf-8"
        for text in codecs.iterdecode(iter(partial(file.read, _START), b""), encoding):
            copy.write((text.replace("\r", "\n") if lone_ends else text).encode())

    try:
        return _rewound(stack, transcode)
    except UnicodeError as error:
        raise not_utf8(error) from None


def _rewound(stack: contextlib.ExitStack, fill: Callable[[IO[bytes]], None]) -> BinaryIO:
    """A temporary file, filled and at its beginning; it goes with `stack`."""
    copy = stack.enter_context(tempfile.TemporaryFile())  # noqa: SIM115 - it is entered
    fill(copy)
    copy.seek(0)
    return cast("BinaryIO", copy)  # Windows has a wrapper around it
