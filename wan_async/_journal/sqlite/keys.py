"""Counts of each content in a run, in a temporary file and not in memory: a run may have a million."""

from __future__ import annotations

import sqlite3

from ..keys import content_digest, made_key

# A file that SQLite makes, keeps out of sight and deletes; its first 4 MiB stay in memory.
_DDL = """
PRAGMA journal_mode = OFF;
PRAGMA synchronous = OFF;
PRAGMA cache_size = -4096;
CREATE TABLE content (digest BLOB PRIMARY KEY, times INTEGER NOT NULL) WITHOUT ROWID;
BEGIN;
"""
_COUNT = "INSERT INTO content VALUES (?, 1) ON CONFLICT (digest) DO UPDATE SET times = times + 1"
_TIMES = "SELECT times FROM content WHERE digest = ?"


class KeyMaker:
    """Makes the keys of one run: the same contents give the same keys in each run."""

    def __init__(self) -> None:
        self._database = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        self._database.executescript(_DDL)

    def make(self, model: str, content: bytes) -> str:
        """The key of the next item with that content."""
        digest = content_digest(model, content)
        self._database.execute(_COUNT, (digest,))
        (times,) = self._database.execute(_TIMES, (digest,)).fetchone()
        return made_key(digest, times)

    def close(self) -> None:
        """Delete what was counted."""
        self._database.close()
