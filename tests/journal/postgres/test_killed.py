"""Several workers on one journal and a provider that counts: nothing is paid twice, nothing is lost."""

from __future__ import annotations

import asyncio
import random
import signal
import sys
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest
import pytest_asyncio

from wan_async.emulator import Emulator

from ...databases import PostgresServer, postgres_server
from .support import Workers, keys

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals, and a server's Unix account")

KILLS = 12


def provider() -> Emulator:
    return Emulator(limit=None, query_limit=None, seconds=(0.4, 0.1), render=False)


@pytest_asyncio.fixture
async def workers(shared_postgres: PostgresServer, tmp_path: Path) -> AsyncGenerator[Workers]:
    counting = provider()
    async with counting.serve() as url:
        some = Workers(counting, url, f"{shared_postgres.database()}#test", tmp_path)
        yield some
        some.close()


async def test_three_workers_killed_at_random_instants_pay_nothing_twice_and_lose_nothing(workers: Workers) -> None:
    dice, count, names = random.Random(7), 300, "abc"
    running = {name: await workers.start(name, count=count) for name in names}
    for _ in range(KILLS):
        await asyncio.sleep(dice.uniform(0.05, 1.0))  # what is killed is a process in real time
        name = dice.choice(names)
        running[name].send_signal(signal.SIGKILL)
        await running[name].wait()
        running[name] = await workers.start(name, count=count)
    await workers.end(*running.values())
    await workers.end(await workers.start("last", count=count))
    assert max(workers.created.values()) == 1, "a prompt was paid twice"
    assert workers.keys("last") == keys(count)
    final = {outcome["key"]: outcome for outcome in workers.handed("last")}
    assert all(outcome["ok"] or outcome["unknown"] for outcome in final.values())
    told = {outcome["task"] for outcome in final.values()}
    paid = {
        f"key-{task.prompt.removeprefix('clip ')}" for id_, task in workers.provider.tasks.items() if id_ not in told
    }
    assert paid <= {key for key, outcome in final.items() if outcome["unknown"]}, "a paid task was forgotten"
    assert sum(outcome["unknown"] for outcome in final.values()) <= 20 * KILLS


async def test_a_budget_is_the_batch_s_and_not_the_worker_s(workers: Workers) -> None:
    both = [
        await workers.start(name, count=40, first=first, max_credits=800.0, quietly=True)
        for name, first in (("a", 0), ("b", 40))
    ]
    for process in both:
        await process.wait()
    assert workers.provider.stats.created == 10
    assert workers.provider.stats.credits_spent <= 800.0


async def test_a_server_killed_in_mid_batch_ends_it_and_the_next_run_goes_on(tmp_path: Path) -> None:
    counting = provider()
    async with postgres_server() as server, counting.serve() as url:
        workers = Workers(counting, url, f"{server.database()}#test", tmp_path)
        running = [await workers.start(name, count=200, quietly=True) for name in "ab"]
        await workers.until_created(40)
        await server.kill()
        async with asyncio.timeout(30):
            assert [await process.wait() for process in running] == [3, 3]
        created = counting.stats.created
        assert await (await workers.start("c", count=200, quietly=True)).wait() == 3
        assert counting.stats.created == created
        await server.start()
        await workers.end(*[await workers.start(name, count=200) for name in "de"])
        assert workers.keys("d") == workers.keys("e") == keys(200)
        assert max(workers.created.values()) == 1
