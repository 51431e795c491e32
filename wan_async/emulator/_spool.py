"""Streams to disk, so that a large file is never held in memory."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterable
from pathlib import Path
from typing import IO


class Spool:
    """Takes a stream into a new file.

    Args:
        folder: where.
        largest: bytes after which the rest is counted but not kept.
    """

    def __init__(self, folder: Path, largest: int) -> None:
        self._path = folder / secrets.token_hex(8)
        self._largest = largest

    async def take(self, chunks: AsyncIterable[bytes]) -> tuple[Path, int]:
        """Write the stream; gives the file and how many bytes came. What breaks off leaves nothing."""
        file = await asyncio.to_thread(self._path.open, "wb")
        try:
            return self._path, await self._write(file, chunks)
        except BaseException:
            self._path.unlink(missing_ok=True)
            raise
        finally:
            file.close()

    async def _write(self, file: IO[bytes], chunks: AsyncIterable[bytes]) -> int:
        size = 0
        async for chunk in chunks:
            size += len(chunk)
            if size <= self._largest:
                await asyncio.to_thread(file.write, chunk)
        return size
