"""Where a batch reads and writes: what was said, the defaults beside it, and what must not be overwritten."""

from __future__ import annotations

import contextlib
import shutil
import sys
import tempfile
from collections.abc import Generator
from pathlib import Path
from typing import BinaryIO

import msgspec

from ..errors import ConfigurationError

STDIN = "-"
_ENDINGS = (".jsonl", ".ndjson", ".json")


class Places(msgspec.Struct, frozen=True):
    """The files of a batch; `journal` is None where none is kept."""

    output: Path
    journal: Path | None


def places(source: str, output: Path | None, journal: Path | None, *, journalled: bool) -> Places:
    """Complete what was said: the output stands beside the input, the journal beside the output.

    Raises:
        ConfigurationError: a file has two parts to play, or an output would be lost.
    """
    if output is None and source == STDIN:
        raise ConfigurationError("--output: missing; the input is no file that it could stand beside")
    output = (_beside(Path(source), ".out.jsonl") if output is None else output).resolve()
    if journalled:
        journal = (_beside(output, ".db") if journal is None else journal).resolve()
    _refuse_clash(source, output, journal)
    _refuse_loss(output, journal)
    return Places(output, journal)


def _beside(path: Path, ending: str) -> Path:
    return path.with_name((path.stem if path.suffix in _ENDINGS else path.name) + ending)


def _refuse_clash(source: str, output: Path, journal: Path | None) -> None:
    named = [path for path in (None if source == STDIN else Path(source).resolve(), output, journal) if path]
    if len(set(named)) < len(named):
        raise ConfigurationError("the input, the output and the journal must be files of their own")


def _refuse_loss(output: Path, journal: Path | None) -> None:
    """An output whose journal is there is written anew from it; any other tells of clips that nothing else tells of."""
    if not output.parent.is_dir() or (output.exists() and not output.is_file()):
        raise ConfigurationError(f"{output}: is not a file in a folder that is there; choose another --output")
    if output.exists() and output.stat().st_size and (journal is None or not journal.exists()):
        kept = "no journal is kept" if journal is None else f"its journal {journal.name} is not"
        raise ConfigurationError(
            f"{output} is there and {kept}: it would be lost, and paid again; delete it or choose another --output"
        )


@contextlib.contextmanager
def opened(source: str) -> Generator[BinaryIO]:
    """The input, as a file that can be read twice: what comes through a pipe is copied to a temporary file."""
    with contextlib.ExitStack() as stack:
        file = sys.stdin.buffer if source == STDIN else stack.enter_context(Path(source).open("rb"))
        if source != STDIN and file.seekable():
            yield file
            return
        copy = stack.enter_context(tempfile.TemporaryFile())
        shutil.copyfileobj(file, copy)
        copy.seek(0)
        yield copy
