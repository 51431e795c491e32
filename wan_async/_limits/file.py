"""The windows of the processes of one machine, in a file: SQLite, which needs no server.

A visit costs some 0.1 ms in a thread of its own, and one process at a time. The time is that of the machine's steady
clock, which begins anew when it starts: what was kept from before is lost then, and counts as a full window.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
import time
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname  # pyright: ignore[reportDeprecated] - of Windows' own module, not of this

import msgspec

from .._docs import documented
from .._policy.shared_window import SharedWindow, Turn, Visit, visited
from ..errors import ConfigurationError
from .storage import StorageAwayError, StoredLimits

_APPLICATION = 0x77614C69
"""`PRAGMA application_id` of our files."""
_VERSION = 1
_PATIENCE = 2.0
"""Seconds that a visit waits for others: one that was stopped in the middle of its own holds them all up."""

_RETRY = 0.005
"""Seconds until what waits for nobody is tried again."""

_TABLE = "CREATE TABLE IF NOT EXISTS window (name TEXT PRIMARY KEY, state BLOB NOT NULL, kept_until REAL NOT NULL)"
_READ = "SELECT state FROM window WHERE name = ?"
_WRITE = "INSERT OR REPLACE INTO window VALUES (?, ?, ?)"
_FORGET = "DELETE FROM window WHERE kept_until < ?"

_encode = msgspec.msgpack.Encoder().encode
_decoder = msgspec.msgpack.Decoder(SharedWindow)


@documented
class FileLimits(StoredLimits, frozen=True):
    """`file:///run/app/wan.limits`: a file for the processes of one machine, made when it is missing.

    Its folder must be there. On a network's file system the locks, and the clock, are not those of one machine.
    """

    def check(self) -> None:
        """Refuse what is no file, and a folder that is not there."""
        parts = urlsplit(self.url)
        if parts.scheme != "file" or parts.netloc not in ("", "localhost") or parts.query or parts.fragment:
            raise ConfigurationError("limit_storage: not allowed; allowed: file:///folder/file, with three slashes")
        path = self.path
        if path.is_dir() or not path.name:
            raise ConfigurationError(f"limit_storage: {path} is a folder; allowed: a file")
        if not path.parent.is_dir():
            raise ConfigurationError(f"limit_storage: the folder of {path} is not there")

    @property
    def path(self) -> Path:
        """The file."""
        return Path(url2pathname(urlsplit(self.url).path))  # pyright: ignore[reportDeprecated]

    def connect(self) -> FileStorage:
        """See `StoredLimits`."""
        return FileStorage(self.path)


class FileStorage:
    """A `LimitStorage` in an SQLite file, used by one thread.

    Args:
        path: the file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="wan-async limits")
        self._file: sqlite3.Connection | None = None
        self._known: os.stat_result | None = None

    async def visit(self, name: str, visit: Visit, keep: float) -> Turn:
        """See `LimitStorage`."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._visit, name, visit, keep)

    async def aclose(self) -> None:
        """See `LimitStorage`."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self._close)
        self._thread.shutdown(wait=False)

    def _visit(self, name: str, visit: Visit, keep: float) -> Turn:
        try:
            file = self._opened()
            with _transaction(file):
                turn = self._visit_in(file, name, visit, keep)
        except (sqlite3.Error, msgspec.MsgspecError, OSError) as error:
            self._close()
            raise self._as_ours(error) from None
        return turn

    def _visit_in(self, file: sqlite3.Connection, name: str, visit: Visit, keep: float) -> Turn:
        now = time.monotonic()
        row = file.execute(_READ, (name,)).fetchone()
        state, turn = visited(_decoder.decode(row[0]) if row else None, now, visit)
        if state is not None:
            if row is None:
                file.execute(_FORGET, (now,))
            file.execute(_WRITE, (name, _encode(state), now + keep))
        return turn

    def _opened(self) -> sqlite3.Connection:
        """The file, opened anew where another stands in its place."""
        if self._file is not None and not self._is_there():
            self._close()
        if self._file is None:
            self._file = file = sqlite3.connect(
                self._path, timeout=_PATIENCE, isolation_level=None, check_same_thread=False
            )
            self._begin(file)
            self._known = self._path.stat()
        return self._file

    def _is_there(self) -> bool:
        try:
            found, known = self._path.stat(), self._known
        except FileNotFoundError:
            return False
        return known is not None and (found.st_dev, found.st_ino) == (known.st_dev, known.st_ino)

    def _begin(self, file: sqlite3.Connection) -> None:
        """Find a file of limits, or make one of a new file; others may be doing so too."""
        if self._is_new(file):
            self._as_wal(file)
            with _transaction(file):
                file.execute(f"PRAGMA application_id = {_APPLICATION}")
                file.execute(f"PRAGMA user_version = {_VERSION}")
                file.execute(_TABLE)
        file.execute("PRAGMA synchronous = NORMAL")

    def _is_new(self, file: sqlite3.Connection) -> bool:
        """Whether nothing is in it; one that is not ours is refused."""
        with _transaction(file, "DEFERRED"):  # all of one moment: another may be making it
            ((application,),) = file.execute("PRAGMA application_id")
            ((version,),) = file.execute("PRAGMA user_version")
            ((tables,),) = file.execute("SELECT count(*) FROM sqlite_master")
        if application not in (0, _APPLICATION) or (not application and tables):
            raise ConfigurationError(f"limit_storage: {self._path} is not a file of limits; it was left untouched")
        if version > _VERSION:
            raise ConfigurationError(f"limit_storage: {self._path} is of a newer version of wan_async")
        return not application or not tables

    def _as_wal(self, file: sqlite3.Connection) -> None:
        """Switch it to a log, for which SQLite waits for nobody who does so too."""
        end = time.monotonic() + _PATIENCE
        while True:
            try:
                file.execute("PRAGMA journal_mode = WAL")
            except sqlite3.OperationalError as error:
                if "locked" not in str(error) or time.monotonic() > end:
                    raise
                time.sleep(_RETRY)
            else:
                return

    def __del__(self) -> None:
        self._close()  # a client that was dropped, or whose loop is gone, did not close it

    def _close(self) -> None:
        if self._file is not None:
            self._file.close()
        self._file = self._known = None

    def _as_ours(self, error: Exception) -> Exception:
        words = str(error)
        if isinstance(error, sqlite3.OperationalError) and "locked" in words:
            return StorageAwayError(f"{self._path} is held by a process that stands still ({words})")
        if isinstance(error, msgspec.MsgspecError) or "malformed" in words or "not a database" in words:
            return ConfigurationError(f"limit_storage: {self._path} is damaged, or not a file of limits: {words}")
        return ConfigurationError(f"limit_storage: {self._path} cannot be used: {words}")


@contextmanager
def _transaction(file: sqlite3.Connection, kind: str = "IMMEDIATE") -> Generator[None]:
    file.execute(f"BEGIN {kind}")
    try:
        yield
        file.execute("COMMIT")
    except BaseException:
        file.rollback()
        raise
