"""The rivals of a shared journal: procrastinate's defer-and-work, and DBOS' workflows of steps, on PostgreSQL.

Each item is what an engine has to write for a paid call that must survive a kill: procrastinate defers a job and works
it; DBOS starts a workflow of two steps, the call and its outcome. Neither makes a call.
"""

from __future__ import annotations

import asyncio
import importlib
import os
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

AT_ONCE = 200
"""Items under way in a process."""

Work = Callable[[str, int], Awaitable[None]]


async def many(one: Callable[[int], Awaitable[object]], count: int) -> None:
    """So many items, `AT_ONCE` at a time."""
    numbers = iter(range(count))

    async def caller() -> None:
        for number in numbers:
            await one(number)

    await asyncio.gather(*(caller() for _ in range(AT_ONCE)))


async def procrastinate(url: str, count: int) -> None:
    """Jobs, deferred one by one and worked in the same process, each process on a queue of its own."""
    library: Any = importlib.import_module("procrastinate")
    connector = library.PsycopgConnector(conninfo=url, max_size=16)
    app, queue = library.App(connector=connector), f"queue-{os.getpid()}"

    @app.task(queue=queue)
    async def clip(number: int) -> None:
        """Nothing: what is measured is what the engine writes."""

    async with app.open_async():
        await many(lambda number: clip.defer_async(number=number), count)
        await app.run_worker_async(
            queues=[queue], concurrency=AT_ONCE, wait=False, install_signal_handlers=False, listen_notify=False
        )


async def prepare_procrastinate(url: str) -> None:
    """Its tables."""
    library: Any = importlib.import_module("procrastinate")
    app = library.App(connector=library.PsycopgConnector(conninfo=url))
    async with app.open_async():
        await app.schema_manager.apply_schema_async()


def _dbos(url: str) -> Any:
    library: Any = importlib.import_module("dbos")
    config = {
        "name": "benchmark",
        "system_database_url": url.replace("postgresql://", "postgresql+psycopg://"),
        "executor_id": str(os.getpid()),
        "sys_db_pool_size": 16,
        "log_level": "ERROR",
    }
    return library.DBOS, library.DBOS(config=config)


async def dbos(url: str, count: int) -> None:
    """Workflows of two steps."""
    kind, made = _dbos(url)

    @kind.step()
    async def submitted(number: int) -> str:
        return f"task-{number}"

    @kind.step()
    async def ended(task_id: str) -> str:
        return task_id

    @kind.workflow()
    async def clip(number: int) -> str:
        return await ended(await submitted(number))

    kind.launch()
    try:
        await many(clip, count)
    finally:
        kind.destroy()
    del made


async def prepare_dbos(url: str) -> None:
    """Its tables."""
    kind, _ = _dbos(url)
    kind.launch()
    kind.destroy()


ENGINES: dict[str, tuple[Work, Callable[[str], Coroutine[Any, Any, None]]]] = {
    "procrastinate": (procrastinate, prepare_procrastinate),
    "dbos": (dbos, prepare_dbos),
}
"""By their packages' names: an item's work, and what is made before."""
