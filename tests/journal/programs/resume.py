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

from wan_async._journal import OpenJournal, State

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


async def looks(journal: OpenJournal, numbers: Iterator[int]) -> None:
    for number in numbers:
        (known,) = await journal.known([(None, "m", content(number))])
        assert known.there
        assert known.same_input


async def replayed(journal: OpenJournal) -> int:
    number = last = 0
    while page := await journal.page([State.DONE, State.FAILED], last, earlier=True):
        number += len(page)
        last = page[-1].id
    return number


def mebibytes() -> float:
    """The most memory had so far. `getrusage` would tell the parent's, from before the exec."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


async def main() -> None:
    await (await OpenJournal.open(PATH)).aclose()
    fill()
    before = mebibytes()
    start = time.perf_counter()
    journal = await OpenJournal.open(PATH)
    assert await journal.spent() == ROWS * 60.0
    numbers = iter(range(ROWS))
    await looks(journal, iter([next(numbers)]))
    first = time.perf_counter() - start
    await asyncio.gather(*[looks(journal, numbers) for _ in range(100)])
    assert await replayed(journal) == ROWS
    assert await journal.intend(ROWS, "new", "m", b"{}", price=60.0)
    await journal.aclose()
    print(json.dumps({"first look": first, "all": time.perf_counter() - start, "grown": mebibytes() - before}))


asyncio.run(main())
