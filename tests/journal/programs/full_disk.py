"""Write until the disk, here a limit on the size of files, is full; print what was told as written.

`full_disk.py journal bytes`
"""

from __future__ import annotations

import asyncio
import resource
import sys

from wan_async._journal import open_store
from wan_async._journal.store import Claimed, Intent, JournalStore
from wan_async.errors import JournalError


async def write_until_full(store: JournalStore, numbers: range) -> None:
    for number in numbers:
        content = b'{"prompt":"' + b"x" * 300 + b'"}'
        assert isinstance(await store.intend(Intent(number, f"k{number}", "m", content)), Claimed)
        print("written", f"k{number}")


async def main(path: str) -> None:
    store = await open_store(path, replay=True, failed=print)
    ranges = [range(start, start + 10_000) for start in range(0, 80_000, 10_000)]
    writers = [asyncio.create_task(write_until_full(store, numbers)) for numbers in ranges]
    ends = await asyncio.gather(*writers, return_exceptions=True)
    print("errors", sorted({type(end).__name__ for end in ends}))
    print("broken", ends[0])
    try:
        await store.report(["k0"])
    except JournalError as error:
        print("again", error)
    await store.aclose()


resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), resource.RLIM_INFINITY))
try:
    asyncio.run(main(sys.argv[1]))
except JournalError as error:
    print("refused", error)
