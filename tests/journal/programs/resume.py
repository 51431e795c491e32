"""Make a journal of many finished rows and resume it: `resume.py journal rows` prints seconds and MiB as JSON."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import sys
import time
from contextlib import closing
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING

from wan_async._journal import State, open_store
from wan_async._journal.store import Asked, Claimed, Intent, JournalStore, Known

if TYPE_CHECKING:
    from collections.abc import Iterator

PATH, ROWS = sys.argv[1], int(sys.argv[2])
RECORD = '{"task_id":"t","state":"success","urls":["http://127.0.0.1/clip.mp4"],"credits":60.0}'


def content(number: int) -> bytes:
    return b'{"prompt":"' + b"x" * 300 + b'","seed":%d}' % number


def rows() -> Iterator[tuple[int, str, str, str]]:
    for number in range(ROWS):
        key = blake2b(b"m\0" + content(number), digest_size=16).hexdigest() + "-1"
        yield number, key, content(number).decode(), RECORD


def fill() -> None:
    insert = """
    INSERT INTO item (position, key, model, input, state, record, credits, reported, run)
    VALUES (?, ?, 'm', ?, 'done', ?, 60.0, 1, 1)
    """
    with closing(sqlite3.connect(PATH)) as database, database:
        database.executemany(insert, rows())


async def look_up(store: JournalStore, numbers: range) -> None:
    known = await store.look_up([Asked("", "m", content(number)) for number in numbers])
    assert all(isinstance(one, Known) for one in known)


async def replayed(store: JournalStore) -> int:
    number = last = 0
    while page := await store.page([State.DONE, State.FAILED], last):
        number += len(page)
        last = page[-1].id
    return number


def mebibytes() -> float:
    """The most memory had so far. `getrusage` would tell the parent's, from before the exec."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


async def main() -> None:
    await (await open_store(PATH, replay=True, failed=print)).aclose()
    fill()
    before = mebibytes()
    start = time.perf_counter()
    store = await open_store(PATH, replay=True, failed=print)
    assert await store.spent() == ROWS * 60.0
    assert await store.wait_again(time.time() - 14 * 86_400) == 0
    await look_up(store, range(1))
    first = time.perf_counter() - start
    for number in range(1, ROWS, 512):
        await look_up(store, range(number, min(number + 512, ROWS)))
    assert await replayed(store) == ROWS
    assert await store.intend(Intent(ROWS, "new", "m", b"{}", 60.0)) == Claimed(1)
    await store.aclose()
    print(json.dumps({"first look": first, "all": time.perf_counter() - start, "grown": mebibytes() - before}))


asyncio.run(main())
