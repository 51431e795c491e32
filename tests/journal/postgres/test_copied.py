"""A batch that grows out of its machine and comes back, killed again and again: nothing is paid twice, nothing lost."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
import sys
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest
import pytest_asyncio

from wan_async import Journal
from wan_async.emulator import Emulator
from wan_async.errors import JournalError

from ...databases import PostgresServer
from ..support import start
from .support import Workers, keys

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals, and a server's Unix account")

COUNT = 300
IN_FLIGHT = 20
COPIES = 4


@pytest_asyncio.fixture
async def workers(shared_postgres: PostgresServer, tmp_path: Path) -> AsyncGenerator[Workers]:
    counting = Emulator(limit=None, query_limit=None, seconds=(0.4, 0.1), render=False)
    async with counting.serve() as url:
        some = Workers(counting, url, f"{shared_postgres.database()}#test", tmp_path)
        yield some
        some.close()


async def killed_copy(source: str, target: str, seconds: float) -> None:
    """A copy that is killed after so long, unless it was faster."""
    with start("copied.py", source, target, "never") as program:
        await asyncio.sleep(seconds)  # a process in real time
        program.kill()
        await asyncio.to_thread(program.wait)


def stands_at(source: str, target: str) -> str:
    """Where the batch is gone on with: copied there by now, whatever the kill has left."""
    with contextlib.suppress(JournalError):  # it was copied before
        Journal.copy(source, target)
    with pytest.raises(JournalError, match="was copied to"):
        Journal.copy(source, target)
    return target


@pytest.mark.processes
async def test_it_goes_there_and_back_under_kills(workers: Workers, tmp_path: Path) -> None:
    dice = random.Random(3)
    file, database = os.fspath(tmp_path / "run.db"), workers.journal
    at = file
    for number in range(COPIES):
        names = ["a", "b"] if at == database else ["a"]
        running = [await workers.start(f"{name}{number}", journal=at, count=COUNT) for name in names]
        await workers.until_created(20 * (number + 1))
        for process in running:
            process.send_signal(signal.SIGKILL)
            await process.wait()
        if at == database:
            await asyncio.sleep(3.2)  # their leases end
        to = database if at == file else file
        await killed_copy(at, to, dice.uniform(0.2, 0.8))
        at = stands_at(at, to)
    await workers.end(await workers.start("last", journal=at, count=COUNT))
    assert max(workers.created.values()) == 1, "a prompt was paid twice"
    assert workers.keys("last") == keys(COUNT)
    final = {outcome["key"]: outcome for outcome in workers.handed("last")}
    assert all(outcome["ok"] or outcome["unknown"] for outcome in final.values())
    told = {outcome["task"] for outcome in final.values()}
    forgotten = {task.prompt for id_, task in workers.provider.tasks.items() if id_ not in told}
    unknown = {key.replace("key-", "clip ") for key, outcome in final.items() if outcome["unknown"]}
    assert forgotten <= unknown, "a paid task was forgotten"
    assert len(unknown) <= 2 * IN_FLIGHT * COPIES
