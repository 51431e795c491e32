"""Where the tests of the seam keep a journal: each kind of store promises the same."""

from __future__ import annotations

import shutil
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, LiteralString

from wan_async._journal import Entry, Journal, State, open_store
from wan_async._journal.opening import Replay
from wan_async._journal.store import Acceptance, Asked, Claimed, Ending, Fresh, Intent, JournalStore, Written
from wan_async._protocol import TaskRecord
from wan_async.errors import WanError

from .support import FOX, MODEL, good

ALL = tuple(State)


class Place(ABC):
    """Where a journal is, and what became of writes that nobody waited for."""

    shared = False

    def __init__(self) -> None:
        self.faults: list[Exception] = []

    @property
    @abstractmethod
    def where(self) -> str: ...

    async def open(self, replay: Replay = True, *, fetches: bool = False) -> JournalStore:
        return await open_store(self.where, replay=replay, failed=self.faults.append, fetches=fetches)

    @asynccontextmanager
    async def opened(self, replay: Replay = True, *, fetches: bool = False) -> AsyncGenerator[JournalStore]:
        store = await self.open(replay, fetches=fetches)
        try:
            yield store
        finally:
            await store.aclose()

    def entries(self, *states: State) -> dict[str, Entry]:
        """What stands there, by key."""
        with Journal.open_readonly(self.where) as journal:
            return {entry.key: entry for entry in journal.entries(*states)}

    @abstractmethod
    async def crash(self) -> None:
        """From here on, what is there is what a kill of whoever has it open would leave."""


class FilePlace(Place):
    """A journal in a file."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.folder = folder
        self.lives = 0

    @property
    def where(self) -> str:
        return str(self.folder / f"{self.lives}.db")

    async def crash(self) -> None:
        old = self.where
        self.lives += 1
        for suffix in ("", "-wal"):
            shutil.copy(f"{old}{suffix}", f"{self.where}{suffix}")


class PostgresPlace(Place):
    """A journal in a database of its own."""

    shared = True

    def __init__(self, database: str) -> None:
        super().__init__()
        self.database = database
        self.batch = "batch"

    @property
    def where(self) -> str:
        return f"{self.database}#{self.batch}"

    def sql(self, statement: LiteralString, *values: object) -> list[tuple[Any, ...]]:
        """As somebody with psql."""
        import psycopg

        with psycopg.connect(self.database, autocommit=True) as connection:
            cursor = connection.execute(statement, values)
            return cursor.fetchall() if cursor.description else []

    async def crash(self) -> None:
        """The connections of all workers break, and their leases have ended."""
        self.sql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'wan_async' AND "
            "datname = current_database()"
        )
        self.sql("UPDATE wan_async_worker SET expires_at = clock_timestamp()")


def intent(key: str, content: bytes = FOX, *, price: float | None = 80.0, token: str | None = None) -> Intent:
    return Intent(0, key, MODEL, content, price, token)


def asked(key: str, content: bytes = FOX) -> Asked:
    return Asked(key, MODEL, content)


async def claim(store: JournalStore, key: str, *, price: float = 80.0, token: str | None = None) -> int:
    claimed = await store.intend(intent(key, price=price, token=token))
    assert isinstance(claimed, Claimed)
    return claimed.attempt


async def run(store: JournalStore, key: str, task_id: str = "t", *, price: float = 80.0) -> int:
    attempt = await claim(store, key, price=price)
    store.accept_nowait(Acceptance(key, attempt, task_id))
    return attempt


async def end(
    store: JournalStore,
    key: str,
    record: TaskRecord | None = None,
    error: WanError | None = None,
    *,
    attempt: int = 1,
    path: str | None = None,
) -> Written:
    return await store.finish(Ending(key, attempt, record, error, path))


async def complete(store: JournalStore, key: str, task_id: str = "t") -> None:
    attempt = await run(store, key, task_id)
    assert await end(store, key, good(task_id), attempt=attempt) is Written.ON_DISK


async def made_key(store: JournalStore, content: bytes, model: str = MODEL) -> str:
    """The key that the store makes for an item that comes without."""
    (found,) = await store.look_up([Asked("", model, content)])
    assert isinstance(found, Fresh)
    return found.key


async def entries(store: JournalStore, *states: State) -> dict[str, Entry]:
    """What earlier runs left in these states, or all, by key."""
    return {entry.key: entry for entry in await store.page(states or ALL, limit=1_000_000)}
