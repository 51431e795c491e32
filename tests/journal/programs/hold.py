"""Open the journal named, say so, and hold it until stdin ends; or say why not."""

from __future__ import annotations

import asyncio
import sys

from wan_async._journal import open_store
from wan_async._journal.store import Claimed, Intent
from wan_async.errors import JournalError


async def main(path: str) -> None:
    try:
        store = await open_store(path, replay=True, failed=print)
    except JournalError as error:
        print(error, flush=True)
        return
    assert await store.intend(Intent(0, "held", "m", b"{}", 1.0)) == Claimed(1)
    print("open", flush=True)
    sys.stdin.read()
    await store.aclose()


asyncio.run(main(sys.argv[1]))
