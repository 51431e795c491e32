"""Transfers a large file in a process of its own: `python memory_job.py up|down|stream URL PATH` prints its growth."""

from __future__ import annotations

import asyncio
import resource
import sys
from collections.abc import AsyncIterator
from pathlib import Path

from wan_async import WanClient


def most_memory() -> float:
    """MiB that this process had at most."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


async def pieces(path: Path) -> AsyncIterator[bytes]:
    with path.open("rb") as file:
        while piece := file.read(1 << 18):
            yield piece


async def main(way: str, url: str, path: Path) -> None:
    async with WanClient("k", base_url=url, upload_url=url) as wan:
        small = path.with_suffix(".small")
        small.write_bytes(b"small")
        if way == "down":
            await wan.download(f"{url}/small", small.with_suffix(".got"))
        else:
            await wan.upload(small)
        before = most_memory()
        if way == "down":
            await wan.download(f"{url}/large", path)
        else:
            await wan.upload(path if way == "up" else pieces(path))
        print(most_memory() - before)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], Path(sys.argv[3])))
