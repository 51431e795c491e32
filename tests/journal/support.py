"""What the journal's tests share: a small clip, its records, and programs run as processes of their own."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from wan_async._journal import Entry, OpenJournal, State
from wan_async._protocol import TaskRecord, TaskState

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

MODEL = "wan/2-2-a14b-text-to-video-turbo"
FOX = b'{"prompt":"a fox in the rain"}'
PROGRAMS = Path(__file__).parent / "programs"


def good(task_id: str = "t", cost: float | None = 60.0) -> TaskRecord:
    return TaskRecord(task_id=task_id, state=TaskState.SUCCESS, urls=("http://127.0.0.1/clip.mp4",), credits=cost)


def bad(task_id: str = "t", cost: float | None = 0.0) -> TaskRecord:
    return TaskRecord(task_id=task_id, state=TaskState.FAIL, fail_code="422", fail_message="no", credits=cost)


@asynccontextmanager
async def opened(path: Path) -> AsyncGenerator[OpenJournal]:
    journal = await OpenJournal.open(path)
    try:
        yield journal
    finally:
        await journal.aclose()


class Look(NamedTuple):
    """An item's key and row."""

    key: str
    entry: Entry | None
    same_input: bool


async def look(journal: OpenJournal, key: str | None, model: str = MODEL, content: bytes = FOX) -> Look:
    (known,), entries = await asyncio.gather(
        journal.known([(key, model, content)]), journal.page(tuple(State), limit=1_000_000)
    )
    return Look(known.key, next((entry for entry in entries if entry.key == known.key), None), known.same_input)


async def running(journal: OpenJournal, key: str, task_id: str = "t", price: float = 80.0) -> None:
    assert await journal.intend(0, key, MODEL, FOX, price=price)
    await journal.accepted(key, task_id)


async def done(journal: OpenJournal, key: str, task_id: str = "t") -> None:
    await running(journal, key, task_id)
    assert await journal.finished(key, record=good(task_id))


def start(program: str, *arguments: object) -> subprocess.Popen[str]:
    """Run one of `programs/` with this process's import path."""
    # A killed process would leave half a file for `coverage combine`.
    measured_by_nobody = {name: value for name, value in os.environ.items() if not name.startswith("COV")}
    return subprocess.Popen(
        [sys.executable, str(PROGRAMS / program), *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**measured_by_nobody, "PYTHONPATH": os.pathsep.join(path or os.getcwd() for path in sys.path)},
    )


def output(program: str, *arguments: object) -> str:
    with start(program, *arguments) as process:
        text, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    return text
