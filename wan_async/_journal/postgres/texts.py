"""Text as PostgreSQL can hold it."""

from __future__ import annotations

import os
from urllib.parse import quote, unquote_to_bytes


def unfit(*texts: str | None) -> str | None:
    """Why PostgreSQL's text cannot hold one of them."""
    for text in texts:
        if text is None:
            continue
        if "\0" in text:
            return f"{text!r} holds a NUL, which PostgreSQL's text cannot"
        try:
            text.encode()
        except UnicodeEncodeError as fault:
            return str(fault)
    return None


def path_to_text(path: str | bytes | None) -> str | None:
    """A path as PostgreSQL's text can hold it; one that begins so itself is quoted too."""
    if isinstance(path, bytes) or (path is not None and path.startswith("file:")):
        return f"file:{quote(path)}"
    return path


def path_from_text(text: str | None) -> str | None:
    """The path that `path_to_text` was given."""
    if text is None or not text.startswith("file:"):
        return text
    return os.fsdecode(unquote_to_bytes(text.removeprefix("file:")))
