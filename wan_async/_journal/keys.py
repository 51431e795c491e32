"""Keys for items that come without: made of the content, so that the order of a run's inputs does not matter."""

from __future__ import annotations

import hashlib

# A file that SQLite makes, keeps out of sight and deletes; its first 4 MiB stay in memory: a run may have a million
# contents.
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
    """Makes the keys of one run with a journal: the same contents give the same keys in each run."""

    def __init__(self) -> None:
        import sqlite3  # 7 ms that a batch without a journal does without

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


def content_digest(model: str, content: bytes) -> bytes:
    """16 bytes that stand for a model and its input's wire fields, as canonical JSON."""
    return hashlib.blake2b(model.encode() + b"\0" + content, digest_size=16).digest()


def made_key(digest: bytes, times: int) -> str:
    """The key of the n-th item with that content in a run, counted from 1."""
    return f"{digest.hex()}-{times}"


def positional_key(index: int, content: bytes) -> str:
    """The key of an item without a journal: of its content and its position in the inputs."""
    digest = hashlib.blake2b(content, digest_size=16, person=b"wan_async").hexdigest()
    return f"{digest}-{index}"
