"""Write until the disk, here a limit on the size of files, is full; print what was told as written.

`full_disk.py journal bytes`
"""

from __future__ import annotations

import asyncio
import resource
import sys

from wan_async._journal import OpenJournal
from wan_async.errors import JournalError


async def write_until_full(journal: OpenJournal, numbers: range) -> None:
    for number in numbers:
        await journal.intend(number, f"k{number}", "m", b'{"prompt":"' + b"x" * 300 + b'"}', price=80.0)
        print("written", f"k{number}")


async def main(path: str) -> None:
    journal = await OpenJournal.open(path)
    ranges = [range(start, start + 10_000) for start in range(0, 80_000, 10_000)]
    writers = [asyncio.create_task(write_until_full(journal, numbers)) for numbers in ranges]
    ends = await asyncio.gather(*writers, return_exceptions=True)
    print("errors", sorted({type(end).__name__ for end in ends}))
    assert journal.broken is not None
    print("broken", journal.broken)
    commits = journal.commits
    try:
        await journal.withdraw("k0")
    except JournalError as error:
        print("again", error)
    assert journal.commits == commits
    await journal.aclose()


resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), resource.RLIM_INFINITY))
try:
    asyncio.run(main(sys.argv[1]))
except JournalError as error:
    print("refused", error)
