"""What a batch learns of its journal before it goes on."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import msgspec

from wan_async import Polling
from wan_async._batch import Batch, Ledger, Run
from wan_async._policy.schedules import NEVER
from wan_async._task import kind_of
from wan_async.emulator import Fault

from ..limiters import NoLimit
from .sites import Site
from .support import Provider, collect
from .virtual import FAST, clip

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from wan_async import WanInput


async def first_poll(site: Site, inputs: list[WanInput]) -> float:
    """The age at which a task is polled first by a client that has run the batch again."""
    async with site.client().with_options(polling=Polling()) as wan:
        async with wan.batch(inputs, journal=site.path, replay=False) as results:
            _ = [outcome async for outcome in results]
        planner = wan._runtimes._planner  # pyright: ignore[reportPrivateUsage]
        return planner.schedule(kind_of(inputs[0])).next_poll(NEVER, 0)


async def test_durations_of_earlier_runs_are_known_to_the_next(tmp_path: Path) -> None:
    site, inputs = Site(tmp_path, seconds=0.5), [clip(number) for number in range(12)]
    assert all(outcome.ok for outcome in await site.run(inputs))
    assert 0.4 <= await first_poll(site, inputs) <= 0.6


async def test_tasks_that_failed_teach_nothing(tmp_path: Path) -> None:
    site, inputs = Site(tmp_path, seconds=0.5, faults=[Fault("fail")]), [clip(number) for number in range(3)]
    assert not any(outcome.ok for outcome in await site.run(inputs))
    assert await first_poll(site, inputs) >= 2.0


class Remembers(NoLimit):
    """Is told what was sent in the last minute."""

    memory = 60.0
    told: tuple[float, ...] = ()

    def remember(self, sent_times: Iterable[float]) -> None:
        self.told = tuple(sent_times)


async def test_the_limiter_is_told_what_was_sent_for_as_long_as_it_wants_to_know(tmp_path: Path) -> None:
    """Longer than a window: what was to be sent arrived later."""
    limiter, began = Remembers(), time.time()
    service = msgspec.structs.replace(Provider().service(), limiter=limiter)
    limit = msgspec.structs.replace(FAST, per=0.001)
    for _ in range(2):
        ledger = Ledger(tmp_path / "run.db", service, limit=limit)
        await collect(Batch(Run(service, [clip(1), clip(2)], ledger, max_in_flight=2)))
    assert len(limiter.told) == 2
    assert began <= min(limiter.told) <= max(limiter.told) <= time.time()
