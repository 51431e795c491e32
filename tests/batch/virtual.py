"""Batches in virtual time, against the emulator in the same process."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from wan_async import (
    BatchStats,
    Outcome,
    RateLimit,
    Retry,
    Wan22TextToVideoTurbo,
    WanClient,
    WanInput,
)
from wan_async.emulator import Emulator

FAST = RateLimit(1000, per=1.0)


def clip(prompt: object) -> WanInput:
    return Wan22TextToVideoTurbo(prompt=str(prompt), resolution="480p")


def clips(count: int) -> Iterator[WanInput]:
    return (clip(number) for number in range(count))


def emulator(**options: Any) -> Emulator:
    everything: dict[str, Any] = {"limit": None, "query_limit": None, "seconds": 30.0, **options}
    return Emulator(**everything)


def client(provider: Emulator, *, limit: RateLimit = FAST, query_limit: RateLimit = FAST, key: str = "k") -> WanClient:
    transport = provider.transport(latency=0.02)
    return WanClient(key, pool=transport, limit=limit, query_limit=query_limit, retry=Retry(max_elapsed=60))


async def collect(wan: WanClient, inputs: Any, **options: Any) -> tuple[list[Outcome], BatchStats]:
    outcomes: list[Outcome] = []
    async with wan, wan.batch(inputs, **options) as results:
        async for outcome in results:
            outcomes.append(outcome)
    return outcomes, results.stats
