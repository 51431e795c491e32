"""A journalled batch with callbacks, `python batch_job.py EMULATOR PORT JOURNAL`: prints the ids of what is done.

It receives at that port itself, or hears of callbacks from another process over BUS_URL, on CHANNEL.
"""

from __future__ import annotations

import asyncio
import os
import sys
from contextlib import AsyncExitStack

from wan_async import Callbacks, RateLimit, Wan22TextToVideoTurbo, WanClient
from wan_async._callbacks.bus import CallbackBus
from wan_async.integrations.receiver import receiving


def bus_at(url: str) -> CallbackBus:
    from wan_async.integrations.postgres import PostgresBus
    from wan_async.integrations.redis import RedisBus

    make = RedisBus if url.startswith("redis") else PostgresBus
    return make(url, channel=os.environ["CHANNEL"])


async def main(url: str, port: int, journal: str, bus_url: str) -> None:
    callbacks = Callbacks(f"http://127.0.0.1:{port}/wan", "hook-key", bus=bus_at(bus_url) if bus_url else None)
    fast = RateLimit(1000, per=1.0)
    inputs = (Wan22TextToVideoTurbo(prompt=f"clip {number:05}.") for number in range(5))
    wan = WanClient("k", base_url=url, limit=fast, query_limit=fast, callbacks=callbacks)
    async with AsyncExitStack() as stack:
        if not bus_url:  # else another process receives
            await stack.enter_async_context(receiving(callbacks, port, path="/wan"))
        await stack.enter_async_context(wan)
        async for outcome in await stack.enter_async_context(wan.batch(inputs, journal=journal)):
            print(outcome.task_id if outcome.ok else outcome.error, flush=True)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), sys.argv[3], os.environ.get("BUS_URL", "")))
