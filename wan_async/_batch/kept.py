"""An outcome's fields as they are kept: as msgspec encodes them, which has no hook for a struct's own types.

A file's path is kept as text, an input with local files as its fields with their paths as text, and text that UTF-8
cannot hold (half a character, a file name that is not UTF-8) as bytes. Read, a field is what it was.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from .._inputs.local_files import files_in, path_to_text
from ..models import WanInput

Struct = TypeVar("Struct", bound=type)


class _Written(dict[str, Any]):
    """An input with local files, as it is encoded."""

    __slots__ = ("input",)

    def __init__(self, task_input: WanInput) -> None:
        super().__init__(msgspec.to_builtins(task_input, enc_hook=path_to_text))
        self.input = task_input

    def __reduce__(self) -> tuple[type, tuple[WanInput]]:
        return _Written, (self.input,)


def _path(kept: str | bytes | None) -> Path | str | None:
    text = os.fsdecode(kept) if isinstance(kept, bytes) else kept
    return text if text is None or "://" in text else Path(text)  # a path's text has no two slashes inside


def _key(kept: str | bytes) -> str:
    return kept.decode(errors="surrogatepass") if isinstance(kept, bytes) else kept


def _input(kept: Any) -> Any:
    return kept.input if isinstance(kept, _Written) else kept


_READ: dict[str, Callable[[Any], Any]] = {"key": _key, "path": _path, "input": _input}
_slots: dict[str, Any] = {}


def given_back(cls: Struct) -> Struct:
    """Have the fields of an outcome read as what they were, not as they are kept."""
    for name, read in _READ.items():
        _slots[name] = getattr(cls, name)
        setattr(cls, name, _reading(_slots[name].__get__, read))
    return cls


def _reading(slot: Callable[[object], Any], read: Callable[[Any], Any]) -> property:
    return property(lambda outcome: read(slot(outcome)))


def keep_encodable(outcome: object) -> None:
    """Keep the fields of a new outcome as they are encoded."""
    key, path = _slots["key"].__get__(outcome), _slots["path"].__get__(outcome)
    task_input = _slots["input"].__get__(outcome)
    if isinstance(key, str) and not key.isascii() and not _is_utf8(key):
        _slots["key"].__set__(outcome, key.encode(errors="surrogatepass"))
    if isinstance(path, (str, Path)):
        _slots["path"].__set__(outcome, str(path) if _is_utf8(str(path)) else os.fsencode(path))
    if isinstance(task_input, WanInput) and files_in(task_input):
        _slots["input"].__set__(outcome, _Written(task_input))


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
