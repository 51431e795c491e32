"""Fork while the journal named is open and somebody waits for it; the child asks, closes, and exits as usual."""

from __future__ import annotations

import asyncio
import os
import sys

from tests.journal.stores import asked, complete, intent
from wan_async._journal import open_store
from wan_async.errors import JournalError


async def tick() -> None:
    """A loop under way has timers; the child, which shares its pipe, may have taken what was to wake it."""
    while True:
        await asyncio.sleep(0.01)


async def main(path: str) -> None:
    ticking = asyncio.create_task(tick())
    store = await open_store(path, replay=True, failed=lambda _: None)
    await complete(store, "a")
    waiting = asyncio.create_task(store.intend(intent("b")))
    await asyncio.sleep(0)
    pid = os.fork()
    if not pid:
        results = await asyncio.gather(waiting, store.look_up([asked("a")]), return_exceptions=True)
        print("child", sorted({type(result).__name__ for result in results}), store.may_send())
        await store.aclose()
        sys.exit(0)
    print("child ended", os.waitpid(pid, 0)[1])
    await waiting
    await complete(store, "c")
    await store.aclose()
    ticking.cancel()
    print("parent went on")


try:
    asyncio.run(main(sys.argv[1]))
except JournalError as error:
    print("parent", error)
