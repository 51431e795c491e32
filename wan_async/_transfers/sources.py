"""Sources of uploads: bytes, a file or a stream, read 64 KiB at a time, so that any size takes the same memory."""

from __future__ import annotations

import errno
import io
import os
from collections.abc import AsyncIterable, AsyncIterator, Callable
from functools import partial
from hashlib import blake2b
from pathlib import Path
from threading import Lock
from typing import IO, Protocol, TypeAlias, TypeVar, TypeVarTuple, Unpack, cast

import anyio.to_thread

from ..errors import InvalidInputError
from .cleanup import surely
from .media import HEAD, UNKNOWN, is_sound_alone, media_type

Args = TypeVarTuple("Args")
T = TypeVar("T")

Piece: TypeAlias = bytes | memoryview

PIECE = 1 << 16
"""Bytes that are handed to the connection at once."""

READ = 1 << 20
"""Bytes that are hashed with one hop into a thread."""


class Source(Protocol):
    """Something to upload, once `inspect` was called.

    Attributes:
        name: its name, "" where it has none.
        size: its bytes, None where that is not known before.
        found: its type by its content, `media.UNKNOWN` where that shows none.
    """

    name: str
    size: int | None
    found: str

    @property
    def repeatable(self) -> bool:
        """True if it can be read once more."""
        ...

    async def inspect(self) -> None:
        """Find its size and its type; InvalidInputError if it cannot be read."""
        ...

    async def digest(self) -> bytes | None:
        """Its hash; of a stream, None until it was read."""
        ...

    async def rewind(self) -> None:
        """Read from the beginning."""
        ...

    async def read(self) -> Piece:
        """The next piece, empty at the end."""
        ...

    async def aclose(self) -> None:
        """Close what is open."""
        ...


class StoredSource:
    """Bytes or a file, which can be read again.

    A cancelled caller leaves its thread running, so the file takes one call at a time, and none after `aclose`.

    Args:
        given: the bytes or the file's path.
        field: the name in an error: an input's field, or `"file"`.
    """

    repeatable = True

    def __init__(self, given: bytes | Path, field: str = "file") -> None:
        self._given = given
        self._field = field
        self._file: IO[bytes] = io.BytesIO()
        self._turn = Lock()
        self._left = 0
        self.name = given.name if isinstance(given, Path) else ""
        self.size: int | None = None
        self.found: str = UNKNOWN

    async def inspect(self) -> None:
        await self._readable(self._open)

    async def digest(self) -> bytes:
        hashed = blake2b(digest_size=32)
        await self.rewind()
        while await self._readable(self._hash_on, hashed.update):
            pass
        return hashed.digest()

    async def rewind(self) -> None:
        self._left = self.size or 0
        await self._readable(self._file.seek, 0)

    async def read(self) -> bytes:
        piece = await self._readable(self._file.read, min(PIECE, self._left))
        if self._left and not piece:
            raise self._refusal("a file that does not shrink while it is read")
        self._left -= len(piece)
        return piece

    async def aclose(self) -> None:
        await surely(self._close)

    def _open(self) -> None:
        if not self._file.closed:  # else the caller has left already
            self._file = _opened(self._given)
            self.found = media_type(self._file.read(HEAD))
            self.size = self._file.seek(0, os.SEEK_END)
            if self.found == "video/mp4" and is_sound_alone(self._file, self.size):
                self.found = "audio/mp4"

    def _close(self) -> None:
        with self._turn:
            self._file.close()

    def _hash_on(self, update: Callable[[bytes], None]) -> bool:
        block = self._file.read(READ)
        update(block)
        return bool(block)

    async def _readable(self, work: Callable[[Unpack[Args]], T], *args: *Args) -> T:
        try:
            return await anyio.to_thread.run_sync(self._alone, partial(work, *args))
        except OSError as error:
            raise self._refusal(f"a file that can be read (this one: {error.strerror})") from error

    def _alone(self, work: Callable[[], T]) -> T:
        with self._turn:
            return work()

    def _refusal(self, allowed: str) -> InvalidInputError:
        return InvalidInputError(self._field, self._given, allowed)


def _opened(given: bytes | Path) -> IO[bytes]:
    if isinstance(given, bytes):
        return io.BytesIO(given)
    if given.exists() and not given.is_file():  # opening a pipe would wait for ever
        raise OSError(errno.EINVAL, "Not a file")
    return given.open("rb")


class StreamSource:
    """A stream of unknown size: it is read once, so it is sent once."""

    name = ""

    def __init__(self, stream: AsyncIterable[bytes]) -> None:
        self._stream: AsyncIterator[bytes] = aiter(stream)
        self._hash = blake2b(digest_size=32)
        self._block = memoryview(b"")
        self._beyond_head = self._over = False
        self.size: int | None = None
        self.found: str = UNKNOWN
        self._head = b""

    @property
    def repeatable(self) -> bool:
        return not self._beyond_head

    async def inspect(self) -> None:
        while len(self._head) < HEAD and not self._over:
            self._head += await self._next()
        self.found = media_type(self._head)

    async def digest(self) -> bytes | None:
        if not self._over:
            return None
        return self._hash.digest() if self._beyond_head else blake2b(self._head, digest_size=32).digest()

    async def rewind(self) -> None:
        self._block = memoryview(self._head)
        self._hash = blake2b(digest_size=32)

    async def read(self) -> memoryview:
        while not self._block and not self._over:
            self._beyond_head = True
            self._block = memoryview(await self._next())
        piece, self._block = self._block[:PIECE], self._block[PIECE:]
        self._hash.update(piece)
        return piece

    async def aclose(self) -> None:
        """The stream is its maker's to close."""

    async def _next(self) -> bytes:
        chunk = await anext(self._stream, None)
        self._over = chunk is None
        return chunk or b""


def source_of(given: object, field: str = "file") -> Source:
    """The source that a caller gave.

    Raises:
        InvalidInputError: it is neither bytes nor a path nor an async iterable.
    """
    if isinstance(given, (bytes, bytearray, memoryview)):
        return StoredSource(bytes(cast("bytes", given)), field)
    if isinstance(given, os.PathLike):
        return StoredSource(Path(cast("os.PathLike[str]", given)), field)
    if isinstance(given, AsyncIterable):
        return StreamSource(cast("AsyncIterable[bytes]", given))
    raise InvalidInputError(
        field, given, "a pathlib.Path (text is taken for an http(s) URL), bytes, or an async iterable of bytes"
    )
