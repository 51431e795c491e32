"""What a clip costs the servers, for `benchmarks.plan`: permits of accounts of one process each, and writes."""

from __future__ import annotations

import asyncio
import time

import psycopg

from wan_async._policy.settings import RateLimit

from . import _shared_journal
from ._shared_ways import Ours, Trips, counted
from ._storages import Place, places
from .plan import PER_ACCOUNT, QUERIES, WINDOW, Costs

ACCOUNTS = 50
STRETCH = 2 * WINDOW
ITEMS = 5_000
POLLS = 4.5


async def _at_once() -> bool:
    return True


async def _account(place: Place, number: int) -> None:
    """Its submissions as fast as its limit allows, and its queries, as many as these need."""
    storage = counted(place.url)
    submissions = Ours(place.url, f"account {number}", RateLimit(PER_ACCOUNT, per=float(WINDOW)), storage)
    queries = Ours(place.url, f"queries {number}", RateLimit(int(QUERIES), per=1.0), storage)

    async def submit() -> None:
        while True:
            await submissions(_at_once)

    async def poll() -> None:
        while True:
            await queries(_at_once)
            await asyncio.sleep(WINDOW / PER_ACCOUNT / POLLS)

    await asyncio.gather(submit(), poll())


async def _limits(place: Place) -> tuple[float, float, float]:
    """Visits of a permit, and CPU in µs: of the server a visit, of this process a permit."""
    accounts = [asyncio.create_task(_account(place, number)) for number in range(ACCOUNTS)]
    await asyncio.sleep(WINDOW)
    trips, server, ours = Trips.count, place.cpu(), time.process_time()
    await asyncio.sleep(STRETCH)
    permits = (1 + POLLS) * ACCOUNTS * PER_ACCOUNT * STRETCH / WINDOW
    trips, server, ours = Trips.count - trips, place.cpu() - server, time.process_time() - ours
    for account in accounts:
        account.cancel()
    await asyncio.wait(accounts, timeout=2.0)
    return trips / permits, 1e6 * server / trips, 1e6 * ours / permits


async def _journal(place: Place) -> tuple[float, float]:
    """CPU of the server, in µs, and bytes on its disk, an item."""

    def size() -> int:
        with psycopg.connect(place.url) as connection:
            row = connection.execute("SELECT pg_database_size(current_database())").fetchone()
        assert row is not None
        return row[0]

    await _shared_journal.journal(place.url, 100)
    before, cpu = size(), place.cpu()
    await _shared_journal.journal(place.url, ITEMS)
    return 1e6 * (place.cpu() - cpu) / ITEMS, (size() - before) / ITEMS


async def measured() -> Costs:
    """All of it."""
    with places(("redis", "postgresql")) as found:
        by_kind = {place.kind: place for place in found}
        visits, visit, permit = await _limits(by_kind["redis"])
        item, size = await _journal(by_kind["postgresql"])
    return Costs(visits, visit, item, size, permit)
