"""A provider for the test of stalls, in a process of its own: it must not be what blocks."""

from __future__ import annotations

import asyncio
import sys

from wan_async import RateLimit
from wan_async.emulator import Emulator


async def main() -> None:
    emulator = Emulator(key="k", limit=RateLimit(1000, per=1.0), seconds=0.2)
    async with emulator.serve(port=0) as url:
        print(url, flush=True)
        await asyncio.to_thread(sys.stdin.read)  # until whoever started it ends


if __name__ == "__main__":
    asyncio.run(main())
