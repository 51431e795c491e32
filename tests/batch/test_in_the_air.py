"""Stops and cancellations around a POST: what was sent is waited for, what was not is not left as in the air."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from wan_async import (
    MaintenanceError,
    TransportError,
    WanError,
)
from wan_async._protocol import Answer, Request
from wan_async._transport.pool import Transport
from wan_async.emulator import Fault

from .sites import Site
from .virtual import clip

STATES = "select state, count(*) from item group by state order by state"
ALL_SLOTS_TAKEN = [("running", 25), ("sending", 48)]


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (Fault("drop_before", call="createTask"), TransportError),
        (Fault("refuse", call="createTask", code=455), MaintenanceError),
    ],
)
async def test_what_could_not_be_sent_since_nobody_was_reached_is_sent_by_the_next_run(
    tmp_path: Path, fault: Fault, error: type[WanError]
) -> None:
    site = Site(tmp_path, faults=[fault])
    inputs = [clip(number) for number in range(100)]
    with pytest.raises(error):
        await site.run(inputs)
    assert site.rows("select distinct state from item") == [("queued",)]
    site.provider.faults = ()
    again = await site.run(inputs)
    assert [outcome.ok and not outcome.replayed for outcome in again] == [True] * 100
    assert set(site.created().values()) == {1}


async def test_a_throttled_submission_is_not_left_as_in_the_air(tmp_path: Path) -> None:
    site = Site(tmp_path, faults=[Fault("refuse", call="createTask", code=429)])
    task = asyncio.create_task(site.run([clip("a")]))
    while site.provider.stats.faults < 3:
        await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert site.rows("select state from item") == [("queued",)]
    site.provider.faults = ()
    assert [outcome.ok for outcome in await site.run([clip("a")])] == [True]


async def test_leaving_waits_for_answers_under_way_so_that_their_ids_are_kept(tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.transport = site.provider.transport(latency=0.3)
    task = asyncio.create_task(site.run([clip(number) for number in range(20)]))
    while site.provider.stats.created < 20:
        await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert site.rows("select state, count(*) from item group by state") == [("running", 20)]


class Held:
    """A provider that answers 25 submissions, which the limiter lets go first, and no more before `go` is set."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._left = 25
        self.go = asyncio.Event()

    async def exchange(self, base_url: str, key: str, request: Request, timeout: float) -> Answer:
        if request.method == "POST":
            self._left -= 1
            if self._left < 0:
                await self.go.wait()
        return await self._transport.exchange(base_url, key, request, timeout)

    async def aclose(self) -> None:
        await self._transport.aclose()


async def test_what_waits_for_its_turn_is_not_sent_after_a_stop_and_not_left_as_in_the_air(tmp_path: Path) -> None:
    site = Site(tmp_path)
    quick = site.transport
    site.transport = held = Held(quick)
    inputs = [clip(number) for number in range(100)]
    async with site.client() as wan, wan.batch(inputs, journal=site.path) as results:
        while site.rows(STATES) != ALL_SLOTS_TAKEN:
            await asyncio.sleep(0.01)
        results.stop()
        held.go.set()
        assert len([outcome async for outcome in results]) == 25 + 32
    assert site.rows("select state, count(*) from item group by state") == [("done", 57), ("queued", 16)]
    site.transport = quick
    again = await site.run(inputs, replay=False)
    assert (len(again), all(outcome.ok for outcome in again), site.provider.stats.created) == (43, True, 100)


async def test_what_waits_for_its_turn_is_not_left_as_in_the_air_by_a_second_cancellation(tmp_path: Path) -> None:
    site = Site(tmp_path, seconds=60.0)
    await site.run([])
    site.transport = Held(site.transport)
    task = asyncio.create_task(site.run([clip(number) for number in range(100)]))
    while site.rows(STATES) != ALL_SLOTS_TAKEN:
        await asyncio.sleep(0.01)
    task.cancel()
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    states = site.rows("select state, count(*) from item group by state")
    assert states == [("queued", 16), ("running", 25), ("sending", 32)]
