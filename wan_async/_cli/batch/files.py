"""The files of a batch: its input as UTF-8 that can be read twice, its output and its journal; none is overwritten."""

from __future__ import annotations

import codecs
import contextlib
import sys
import tempfile
from collections.abc import Generator, Iterator
from functools import partial
from pathlib import Path
from typing import BinaryIO, cast

import msgspec

from ..._journal import Journal
from ...errors import ConfigurationError, JournalError
from ..options import is_url
from ..output import ENDINGS, check_ending

STDIN = STDOUT = "-"
_ENDINGS = (*ENDINGS, ".db")
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
            file = _copied(stack, _chunks(file))
        start = file.read(_START)
        file.seek(0)
        encoding = _other_encoding(source, start)
        yield file if encoding is None else _copied(stack, _transcoded(file, encoding))


def _other_encoding(source: str, start: bytes) -> str | None:
    """The encoding of what has to be written anew; None for UTF-8 with the line ends of today."""
    for mark, encoding in _MARKS.items():
        if start.startswith(mark):
            return encoding
    what = [what for sign, what in _SIGNS.items() if start.startswith(sign)]
    if what or b"\0" in start:
        name = "stdin" if source == STDIN else source
        raise ConfigurationError(f"{name} {(*what, 'is not text')[0]}: save it as CSV or JSONL, in UTF-8")
    return "utf-8" if b"\r" in start and b"\n" not in start else None


def _transcoded(file: BinaryIO, encoding: str) -> Iterator[bytes]:
    try:
        for text in codecs.iterdecode(_chunks(file), encoding):
            yield (text.replace("\r", "\n") if encoding == "utf-8" else text).encode()
    except UnicodeError as error:
        raise not_utf8(error) from None


def _chunks(file: BinaryIO) -> Iterator[bytes]:
    return iter(partial(file.read, _START), b"")


def _copied(stack: contextlib.ExitStack, chunks: Iterator[bytes]) -> BinaryIO:
    """A temporary file of these, at its beginning; it goes with `stack`."""
    copy = stack.enter_context(tempfile.TemporaryFile())  # noqa: SIM115 - it is entered
    copy.writelines(chunks)
    copy.seek(0)
    return cast("BinaryIO", copy)  # Windows has a wrapper around it


def not_utf8(error: UnicodeError, line: int | None = None) -> ConfigurationError:
    """The message on a file that is no UTF-8."""
    where = "" if line is None else f"line {line}: "
    return ConfigurationError(f"{where}the input is not UTF-8 ({error}); save it as UTF-8")


class Places(msgspec.Struct, frozen=True):
    """A batch's output (None: stdout) and its journal (None: it has none; text: a database's URL)."""

    output: Path | None
    journal: Path | str | None

    @property
    def is_resumed(self) -> bool:
        """True if there may be a journal of an earlier run."""
        return isinstance(self.journal, str) or (self.journal is not None and self.journal.exists())

    def charged(self, otherwise: float = 0.0) -> float:
        """The credits that were or may have been charged in all runs, as the journal has them: the same everywhere."""
        if self.journal is not None:
            with contextlib.suppress(JournalError), Journal.open_readonly(self.journal) as journal:
                return journal.counts().credits
        return otherwise


def places(source: str, output: str | None, journal: str | None, *, journalled: bool) -> Places:
    """Complete what was said: the output stands beside the input, the journal beside the output.

    Raises:
        ConfigurationError: a file has two parts to play, an output would be lost, or there is nothing to stand beside.
    """
    if source == STDIN and output is None:
        raise ConfigurationError("--output: missing; the input is no file that it could stand beside")
    beside = _beside(Path(source), ".out.jsonl") if output in (None, STDOUT) else Path(output or "")
    kept = _journal(source, beside, output, journal) if journalled else None
    found = Places(None if output == STDOUT else beside.resolve(), kept)
    _refuse_clash(source, found)
    _refuse_loss(found)
    return found


def namesakes(source: str, output: str | None) -> list[Path]:
    """Files that would have the same default journal: called as OUTPUT, which is not there yet, or else as INPUT.

    The name may have another ending, or be that of an output that is not whole.
    """
    given = Path(source if output in (None, STDOUT) else output or "")
    if str(given) == STDIN or (output not in (None, STDOUT) and given.exists()):
        return []
    stem = given.stem if given.suffix in _ENDINGS else given.name
    names = [f"{stem}{ending}{part}" for ending in ("", *ENDINGS) for part in ("", ".part")]
    beside = (given.with_name(name) for name in names if name not in (given.name, f"{given.name}.part"))
    return [path for path in beside if path.is_file()]


def _journal(source: str, beside: Path, output: str | None, journal: str | None) -> Path | str:
    if journal is not None:
        return journal if is_url(journal) else Path(journal).resolve()
    if source == STDIN and output == STDOUT:
        raise ConfigurationError("--journal: missing; there is no file that it could stand beside (--no-journal: none)")
    return _beside(beside.resolve(), ".db")


def _beside(path: Path, ending: str) -> Path:
    return path.with_name((path.stem if path.suffix in _ENDINGS else path.name) + ending)


def _refuse_clash(source: str, found: Places) -> None:
    files = (None if source == STDIN else Path(source).resolve(), found.output, found.journal)
    named = [path for path in files if isinstance(path, Path)]
    if len(set(named)) < len(named):
        raise ConfigurationError("the input, the output and the journal must be files of their own")


def _refuse_loss(found: Places) -> None:
    """An output whose journal is there is written anew from it; any other may be the only list of its clips."""
    output, journal = found.output, found.journal
    if output is None:
        return
    check_ending(output, "--output")
    if not output.parent.is_dir() or (output.exists() and not output.is_file()):
        raise ConfigurationError(f"{output}: is not a file in a folder that is there; choose another --output")
    if output.exists() and output.stat().st_size and not found.is_resumed:
        why = "no journal is kept" if journal is None else f"its journal {Path(journal).name} is not"
        raise ConfigurationError(
            f"{output} is there and {why}: it would be lost, and paid again; delete it or choose another --output"
        )


def require_journal(files: Places, option: str) -> None:
    """Refuse an option that goes on from an earlier run where there is none."""
    if not files.is_resumed:
        raise ConfigurationError(f"{option}: there is no journal of an earlier run ({files.journal})")
