"""Open the journal named, say so, and hold it until stdin ends; or say why not."""

from __future__ import annotations

import asyncio
import sys

from wan_async._journal import OpenJournal
from wan_async.errors import JournalError


async def main(path: str) -> None:
    try:
        journal = await OpenJournal.open(path)
    except JournalError as error:
        print(error, flush=True)
        return
    assert await journal.intend(0, "held", "m", b"{}", price=1.0)
    print("open", flush=True)
    sys.stdin.read()
    await journal.aclose()


asyncio.run(main(sys.argv[1]))
