"""The files of a batch: those that were given, the defaults beside them, and what must not be overwritten."""

from __future__ import annotations

from pathlib import Path

import msgspec

from ..errors import ConfigurationError
from .formats import ENDINGS, check_ending
from .parameters import is_url

STDIN = STDOUT = "-"
_ENDINGS = (*ENDINGS, ".db")


class Places(msgspec.Struct, frozen=True):
    """A batch's output (None: stdout) and its journal (None: it has none; text: a database's URL)."""

    output: Path | None
    journal: Path | str | None

    @property
    def found_at(self) -> str:
        """The words on where its outcomes can be read."""
        return "" if self.output is None else f"; see {self.output}"


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
    kept = isinstance(journal, str) or (journal is not None and journal.exists())
    if output.exists() and output.stat().st_size and not kept:
        why = "no journal is kept" if journal is None else f"its journal {Path(journal).name} is not"
        raise ConfigurationError(
            f"{output} is there and {why}: it would be lost, and paid again; delete it or choose another --output"
        )
