"""One run per journal: an advisory lock of the operating system on a file beside it, which a kill releases.

The file names the holder (pid, host, since when) for whoever finds it locked, and says how far the log was written for
whoever finds the holder killed. It is removed on release; so whoever gets the lock checks that the file locked
is still the one that stands there.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import sys
import weakref
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from ...errors import JournalError

if TYPE_CHECKING:
    from collections.abc import Mapping

if sys.platform == "win32":  # pragma: no cover
    import msvcrt

    def _lock(fd: int) -> None:
        """Lock one byte far behind the text, which stays readable for others."""
        os.lseek(fd, 1 << 20, os.SEEK_SET)
        msvcrt.locking(fd, msvcrt.LK_NBLCK, 1)
        os.lseek(fd, 0, os.SEEK_SET)
else:
    import fcntl

    def _lock(fd: int) -> None:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)


_NOTE: Final = 1024
"""The offset of the note, behind the holder."""
_LONGEST: Final = 64
"""Bytes of a note."""


class Lock:
    """The lock of the journal at a path, held from its making to `release`.

    Attributes:
        path: the lock's file.
    """

    def __init__(self, journal: str) -> None:
        """Take the lock; JournalError at once, naming the holder, if another run has it."""
        self.path = f"{journal}-lock"
        self._fd = _take(self.path, journal)
        _held.add(self)

    def note(self, words: str) -> None:
        """Leave a short note for whoever finds the holder killed; on a full disk there is none."""
        with contextlib.suppress(OSError):
            os.lseek(self._fd, _NOTE, os.SEEK_SET)
            os.write(self._fd, words.ljust(_LONGEST).encode())

    def release(self) -> None:
        """Let the next one in; does nothing when called again."""
        fd, self._fd = self._fd, -1
        if fd < 0:
            return
        try:
            if sys.platform != "win32" and _stands_at(fd, self.path):
                os.unlink(self.path)  # while it is locked: nobody else's lock can be at this path
        except OSError:  # a folder that became read-only: what is left there locks nothing
            pass
        finally:
            os.close(fd)

    def forget(self) -> None:
        """In a forked child: close the copy of the lock, which would outlive a killed parent."""
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)


def noted(journal: str) -> str:
    """The note of the last holder of a journal that did not release it; empty where there is none."""
    try:
        with open(f"{journal}-lock", "rb") as file:
            file.seek(_NOTE)
            return file.read(_LONGEST).decode("ascii", "replace").strip()
    except OSError:
        return ""


_held: weakref.WeakSet[Lock] = weakref.WeakSet()


def _forget_all() -> None:
    for lock in list(_held):
        lock.forget()


if sys.platform != "win32":
    os.register_at_fork(after_in_child=_forget_all)


def _take(path: str, journal: str) -> int:
    while True:
        fd = _open(path, journal)
        try:
            _lock(fd)
        except OSError:
            holder = _holder(fd)
            os.close(fd)
            raise JournalError(f"{journal} is in use by {holder}") from None
        try:
            if _stands_at(fd, path):
                _sign(fd)
                return fd
        except OSError as fault:
            os.close(fd)
            raise JournalError(f"{journal} cannot be locked: {path}: {fault.strerror}") from fault
        os.close(fd)  # its holder removed it on release, in the moment between our opening and locking it


def _open(path: str, journal: str) -> int:
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as fault:
        raise JournalError(f"{journal} cannot be locked: {path}: {fault.strerror}") from fault


def _stands_at(fd: int, path: str) -> bool:
    try:
        return os.path.samestat(os.fstat(fd), os.stat(path))
    except FileNotFoundError:
        return False


def _sign(fd: int) -> None:
    """Write who holds it; on a full disk the lock holds without."""
    since = datetime.now(UTC).isoformat(timespec="seconds")
    text = json.dumps({"pid": os.getpid(), "host": socket.gethostname(), "since": since})
    with contextlib.suppress(OSError):
        os.ftruncate(fd, 0)
        os.write(fd, text.encode())


def _holder(fd: int) -> str:
    try:
        holder: Mapping[str, object] = json.loads(os.read(fd, _NOTE).rstrip(b"\0"))
        return f"process {holder['pid']} on {holder['host']} since {holder['since']}"
    except (OSError, ValueError, KeyError, TypeError):
        return "another process"
