"""What a journal that many processes share costs: the part of `benchmarks.journal` that needs PostgreSQL.

Measured on a PostgreSQL of its own whose commits are on the disk (`fsync=on`): items a second of 1, 2 and 4 processes
together, and CPU of a process an item, without the server's. "journal": an item's way through the store alone (looked
up, intent, id, outcome, seen), without calls, as the engines beside it. "batch": whole batches over HTTP against one
server for all, with the shared journal and without. Last a batch of which all items but one are known: seconds from its
start until that one is done, and the memory of its process at most.
"""

from __future__ import annotations

import asyncio
import importlib.util
import json
import resource
import subprocess
import sys
import time
from collections.abc import Iterator

import msgspec

from wan_async import Polling, RateLimit, Wan22TextToVideoTurbo, WanClient, WanInput
from wan_async._journal import open_store
from wan_async._journal.store import Acceptance, Asked, Claimed, Ending, Intent
from wan_async._protocol import TaskRecord, TaskState

from ._engines import ENGINES, many
from ._report import Row
from ._server import serving

PROCESSES = (1, 2, 4)
TOGETHER = 50
"""Items that are looked up at once, as a batch does."""
UNLIMITED = RateLimit(1_000_000, per=1.0)
MODEL = "wan/2-2-a14b-text-to-video-turbo"
KNOWN = """
INSERT INTO wan_async_item (batch, position, key, model, input, state, task_id, sent_at, accepted_at, finished_at,
    record, credits, reported, seen)
SELECT (SELECT id FROM wan_async_batch), number, 'key-' || number, %s,
    '{"prompt":"a fox, take ' || number || '"}', 'done', 'task-' || number, now(), now(), now(),
    '{"task_id":"task-' || number || '","model":"' || %s || '","state":"success","urls":["http://127.0.0.1/a.mp4"]}',
    80, true, true
FROM generate_series(0, %s) AS number
"""


async def journal(url: str, count: int) -> None:
    """Items of this process through the store."""
    store = await open_store(f"{url}#benchmark", replay=False, failed=lambda _: None)
    name = f"{time.time_ns()}"

    def asked(number: int) -> Asked:
        return Asked(f"{name}-{number}", MODEL, b'{"prompt":"a fox, take %d"}' % number)

    async def one(number: int) -> None:
        if number % TOGETHER == 0:
            await store.look_up([asked(other) for other in range(number, number + TOGETHER)])
        key, _, content = msgspec.structs.astuple(asked(number))
        claimed = await store.intend(Intent(number, key, MODEL, content, 80.0))
        if not isinstance(claimed, Claimed):
            raise RuntimeError(f"{key} is {claimed}")
        store.accept_nowait(Acceptance(key, claimed.attempt, f"task-{key}"))
        record = TaskRecord(
            task_id=f"task-{key}", model=MODEL, state=TaskState.SUCCESS, urls=("http://127.0.0.1/a.mp4",)
        )
        await store.finish(Ending(key, claimed.attempt, record))
        store.seen_nowait([key])

    await many(one, count)
    await store.aclose()


def inputs(name: str, count: int) -> Iterator[tuple[str, WanInput]]:
    """Inputs with keys."""
    return ((f"{name}-{number}", Wan22TextToVideoTurbo(prompt=f"a fox, take {number}")) for number in range(count))


async def batch(provider: str, where: str | None, count: int, rate: int) -> None:
    """A batch of this process, of inputs of its own."""
    limit = RateLimit(rate, per=1.0) if rate else UNLIMITED
    client = WanClient("k", base_url=provider, limit=limit, query_limit=UNLIMITED, polling=Polling(0.05, interval=0.05))
    items = inputs(f"{time.time_ns()}", count)
    async with client as wan, wan.batch(items, journal=where, replay=False, max_in_flight=1000) as results:
        done = [outcome.ok async for outcome in results]
    if done != [True] * count:
        raise RuntimeError(f"{sum(done)} outcomes of {count}")


async def resumed(provider: str, where: str, count: int) -> dict[str, float]:
    """A batch of which all but the last item are known."""
    wan = WanClient("k", base_url=provider, limit=UNLIMITED, query_limit=UNLIMITED)
    began = time.perf_counter()
    async with wan, wan.batch(inputs("key", count + 1), journal=where, replay=False) as results:
        async for _ in results:
            pass
        first = time.perf_counter() - began
    return {"seconds": first, "MB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}


async def _arm(given: list[str]) -> dict[str, float]:
    """One process: CPU seconds, and when it began and ended."""
    way, url, provider, count, rate = given[0], given[1], given[2], int(given[3]), int(given[4])
    if way == "resumed":
        return await resumed(provider, url, count)
    began, cpu = time.time(), time.process_time()
    if way == "journal":
        await journal(url, count)
    elif way in ENGINES:
        await ENGINES[way][0](url, count)
    else:
        await batch(provider, f"{url}#benchmark" if way == "batch, with" else None, count, rate)
    return {"began": began, "ended": time.time(), "cpu": time.process_time() - cpu}


def _together(way: str, url: str, provider: str, processes: int, count: int, rate: int = 0) -> Row:
    """So many processes at once, of `count` items together."""
    each = count // processes
    command = [
        sys.executable,
        "-m",
        "benchmarks._shared_journal",
        way,
        url,
        provider,
        str(each),
        str(rate // processes),
    ]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(processes)]
    done = [json.loads(process.communicate()[0].splitlines()[-1]) for process in running]
    seconds = max(one["ended"] for one in done) - min(one["began"] for one in done)
    return {
        "way": f"{way}{f', {rate} a second' if rate else ''}",
        "processes": processes,
        "items_per_s": round(each * processes / seconds),
        "cpu_us": round(sum(one["cpu"] for one in done) / (each * processes) * 1e6),
        "seconds": None,
        "MB": None,
    }


def measure(count: int, known: int) -> tuple[list[Row], dict[str, str]]:
    """All rows, and what could not run and why."""
    from tests.databases import PostgresServer

    missing = {name: "not installed" for name in ENGINES if importlib.util.find_spec(name) is None}
    with PostgresServer(fsync=True) as server, serving() as provider:
        url, rows = server.database(), list[Row]()
        asyncio.run(journal(url, 1))  # makes the tables
        for name, (_, prepare) in ENGINES.items():
            if name not in missing:
                asyncio.run(prepare(url))
        for processes in PROCESSES:
            rows.append(_together("journal", url, provider, processes, count))
            rows.extend(
                _together(name, url, provider, processes, max(processes, count // 10))
                for name in ENGINES
                if name not in missing
            )
            for way in ("batch, with", "batch, without"):
                rows.append(_together(way, url, provider, processes, count))
        for way in ("batch, with", "batch, without"):
            rows.append(_together(way, url, provider, 4, min(count, 4000), rate=200))
        rows.append(_of_known(server.database(), provider, known))
    return rows, missing


def _of_known(url: str, provider: str, known: int) -> Row:
    import psycopg

    asyncio.run(journal(url, 0))
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(KNOWN, (MODEL, MODEL, known - 1))
        connection.execute("ANALYZE")
    command = [
        sys.executable,
        "-m",
        "benchmarks._shared_journal",
        "resumed",
        f"{url}#benchmark",
        provider,
        str(known),
        "0",
    ]
    found = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)
    nothing: Row = {"items_per_s": None, "cpu_us": None}
    rounded = {name: round(one, 1) for name, one in found.items()}
    return {"way": f"{known:,} known, resumed", "processes": 1, **nothing, **rounded}


if __name__ == "__main__":
    print(json.dumps(asyncio.run(_arm(sys.argv[1:]))))
