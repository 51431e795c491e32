"""Batches with a journal, run after run against one emulator in the same process."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from wan_async import (
    Outcome,
    Polling,
    Retry,
    WanClient,
)
from wan_async._transport.pool import Transport
from wan_async.emulator import Emulator

from .virtual import FAST


class Site:
    """A provider that lives through several runs on one journal."""

    def __init__(self, path: Path, *, max_elapsed: float = 0.5, **options: Any) -> None:
        self.path = path / "run.db"
        self.max_elapsed = max_elapsed
        everything: dict[str, Any] = {"limit": None, "query_limit": None, "seconds": 0.2, **options}
        self.provider = Emulator(**everything)
        self.transport: Transport = self.provider.transport(latency=0.002)

    def client(self) -> WanClient:
        looks = Polling(first=0.15, interval=0.05)
        retry = Retry(max_elapsed=self.max_elapsed)
        return WanClient("k", pool=self.transport, limit=FAST, query_limit=FAST, polling=looks, retry=retry)

    async def run(self, inputs: Iterable[Any], stop_after: int | None = None, **options: Any) -> list[Outcome]:
        outcomes: list[Outcome] = []
        async with self.client() as wan, wan.batch(inputs, journal=self.path, **options) as results:
            async for outcome in results:
                outcomes.append(outcome)
                if len(outcomes) == stop_after:
                    break
        return outcomes

    def created(self) -> Counter[str]:
        return Counter(task.prompt for task in self.provider.tasks.values())

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        database = sqlite3.connect(self.path)
        try:
            return database.execute(sql).fetchall()
        finally:
            database.close()
