"""Files that appear when they are whole: written beside their target, synced, renamed. Everything here blocks.

A cancelled caller leaves its thread running, so a file takes one call at a time, and none after `discard`: else a
descriptor could be closed, and be another file's, while somebody writes to it.

The name beside the target is always the same, so that what a killed process left is written over, and locked, so
that two processes which fetch the same clip do not write into one another's.

Besides a journal, the only proof that a file holds a certain clip is that this client wrote it: `WrittenFiles`.
"""

from __future__ import annotations

import errno
import os
import secrets
import stat
import sys
from contextlib import contextmanager
from hashlib import blake2b
from pathlib import Path
from tempfile import NamedTemporaryFile
from threading import Lock
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Generator

_LONGEST_NAME = 200
"""Bytes of a target's name that stand in the name beside it; file systems take 255."""

REMEMBERED = 10_000
"""Files that are known; those written longest ago are forgotten first."""


class Stamp(NamedTuple):
    """A file, as opposed to another in its place: that has another inode, or a later time."""

    inode: int
    size: int
    modified: int


def stamp_of(target: Path) -> Stamp | None:
    """The stamp of the file at `target`, None where there is none."""
    try:
        return _stamp(target.stat())
    except OSError:
        return None


def _stamp(status: os.stat_result) -> Stamp:
    return Stamp(status.st_ino, status.st_size, status.st_mtime_ns)


def require_replaceable(target: Path) -> None:
    """Refuse a target that no clip may take the place of.

    Raises:
        OSError: something else than a file is there, a file that may not be written, or the folder cannot be read.
    """
    try:
        status = target.stat()
    except FileNotFoundError:
        return
    if not stat.S_ISREG(status.st_mode):
        raise FileExistsError(errno.EEXIST, "Is not a file", str(target))
    if not os.access(target, os.W_OK):
        raise PermissionError(errno.EACCES, "The file that is there may not be written", str(target))


def try_folder(folder: Path) -> None:
    """Write a file into a folder that is made when missing, and remove it; OSError if that is not possible."""
    folder.mkdir(parents=True, exist_ok=True)
    with NamedTemporaryFile(prefix=".wan-async-", suffix=".part", dir=folder, buffering=0) as file:
        file.write(b"1")  # a full disk or a quota shows now


class WholeFile(NamedTuple):
    """A clip that is there."""

    path: Path
    stamp: Stamp


class WrittenFiles:
    """The files of one client, and whose clip each holds for as long as nobody else changes it."""

    def __init__(self) -> None:
        self._known: dict[Path, tuple[str, WholeFile]] = {}

    def add(self, asked: Path, clip: str, whole: WholeFile) -> None:
        """Remember where the clip is that was asked for at a path."""
        self._known.pop(asked, None)
        self._known[asked] = clip, whole
        if len(self._known) > REMEMBERED:
            del self._known[next(iter(self._known))]

    def find(self, asked: Path, clip: str) -> WholeFile | None:
        """The clip asked for at that path, if it is known to be there. Blocks."""
        known, whole = self._known.get(asked, (None, None))
        return whole if whole is not None and known == clip and stamp_of(whole.path) == whole.stamp else None


class PartFile:
    """A file on its way to `target`; the way out is always `discard`. All methods may raise OSError."""

    def __init__(self, target: Path) -> None:
        self._target = self._path = target
        self._fd = -1
        self._turn = Lock()
        self._over = False

    def open(self) -> None:
        """Open it, empty, in a folder that is made when missing."""
        with self._call():
            require_replaceable(self._target)
            self._target.parent.mkdir(parents=True, exist_ok=True)
            self._path, self._fd = _open(self._target)

    def write(self, content: bytes) -> None:
        """Append."""
        left = memoryview(content)
        with self._call():
            while left:
                left = left[os.write(self._fd, left) :]

    def restart(self) -> None:
        """Forget what was written."""
        with self._call():
            os.lseek(self._fd, 0, os.SEEK_SET)
            os.ftruncate(self._fd, 0)

    def finish(self, target: Path | None = None) -> Stamp:
        """Put it in the place of its target, or of another in the same folder, on disk; gives its stamp there."""
        with self._call():
            os.fsync(self._fd)
            stamp = _stamp(os.fstat(self._fd))
            if sys.platform == "win32":  # pragma: no cover - an open file cannot be renamed there
                self._close()
            os.replace(self._path, target or self._target)
            _sync_folder(self._target.parent)
            self._close()
            return stamp

    def discard(self) -> None:
        """Close it; unless it was finished, leave nothing."""
        with self._turn:
            self._over = True
            try:
                if self._fd >= 0:
                    self._path.unlink(missing_ok=True)
            finally:
                self._close()

    @contextmanager
    def _call(self) -> Generator[None]:
        """One call at a time; errors name the target where the system names nothing."""
        with self._turn:
            if self._over:
                raise ValueError("the file was discarded")
            try:
                yield
            except OSError as error:
                if error.filename is None:
                    error.filename = str(self._target)
                raise

    def _close(self) -> None:
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)


def _open(target: Path) -> tuple[Path, int]:
    """The name beside the target, or another one while somebody else writes there."""
    name = target.name
    if len(os.fsencode(name)) > _LONGEST_NAME:
        name = blake2b(os.fsencode(name), digest_size=16).hexdigest()
    usual = target.with_name(f".{name}.part")
    fd = _locked(usual)
    if fd is not None:
        return usual, fd
    other = target.with_name(f".{name}.{secrets.token_hex(4)}.part")
    return other, os.open(other, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _BINARY, 0o666)


_BINARY = getattr(os, "O_BINARY", 0)

if sys.platform == "win32":  # pragma: no cover

    def _locked(path: Path) -> int | None:
        """None: each writes under a name of its own."""
        return None

    def _sync_folder(folder: Path) -> None:
        """A folder cannot be synced there."""
else:
    import fcntl

    def _locked(path: Path) -> int | None:
        """The file, empty and locked; None if somebody else has it, or locks do not work there."""
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW, 0o666)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.path.samestat(os.fstat(fd), os.lstat(path)):  # else it was renamed meanwhile: a whole clip
                os.ftruncate(fd, 0)
                return fd
        except OSError:
            pass
        os.close(fd)
        return None

    def _sync_folder(folder: Path) -> None:
        """Without it a power cut may lose the name of a file whose content is safe."""
        fd = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)
