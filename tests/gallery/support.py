"""Journals written straight into their schema, so that times are known and 10,000 rows take a moment."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import msgspec

from wan_async import RateLimit
from wan_async._gallery import ByPath, read_gallery, write_page
from wan_async._journal.sqlite import files
from wan_async._protocol import TaskRecord, TaskState

MODEL = "wan/2-2-a14b-text-to-video-turbo"
START = 1_700_000_000.0
LIMIT = RateLimit(20, per=10.0)


class Item(msgspec.Struct, frozen=True):
    key: str
    prompt: str = "a fox"
    state: str = "done"
    model: str = MODEL
    seconds: float = 60.0
    credits: float = 40.0
    sent: float = START
    path: str | None = None
    reason: str | None = None
    url: str | None = None
    urls: tuple[str, ...] = ()


COLUMNS = (
    "id, position, key, model, input, state, token, task_id, sent_at, accepted_at, finished_at, record, error, path, "
    "credits, reported, run"
)


def journal(path: Path, items: list[Item]) -> Path:
    files.create(str(path))
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("INSERT INTO run (id, opened_at, host, pid) VALUES (1, 0, 'h', 1)")
        insert = f"INSERT INTO item ({COLUMNS}) VALUES ({', '.join('?' * len(COLUMNS.split(',')))})"
        database.executemany(insert, [_row(number, item) for number, item in enumerate(items, 1)])
    return path


def _row(number: int, item: Item) -> tuple[object, ...]:
    ended = item.state in ("done", "failed", "unknown")
    state = TaskState.SUCCESS if item.state == "done" else TaskState.FAIL
    urls = item.urls or (() if item.url is None else (item.url,))
    record = TaskRecord(task_id=f"t{number}", state=state, urls=urls, cost_time=item.seconds, fail_message=item.reason)
    fields = msgspec.json.encode({"prompt": item.prompt, "seed": number}).decode()
    told = msgspec.json.encode(record).decode() if item.state in ("done", "failed") else None
    times = (item.sent, item.sent + 1, item.sent + 1 + item.seconds if ended else None)
    place = (number, number - 1, item.key, item.model, fields, item.state, None, f"t{number}")
    return (*place, *times, told, None, item.path, item.credits, 1, 1)


def page_of(folder: Path, items: list[Item]) -> str:
    """The URL of a static page of these items."""
    path = journal(folder / "run.db", items)
    return write_page(folder / "out", read_gallery(path, ByPath(folder / "out"), limit=LIMIT, newest=20_000)).as_uri()
