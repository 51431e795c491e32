"""Many callbacks at once, against as many who wait. `WAN_TEST_BURST=10000` is the full size."""

from __future__ import annotations

import asyncio
import os
import tracemalloc

from wan_async import Polling

from .support import body, callbacks_at, client, clip, provider, signed

BURST = int(os.environ.get("WAN_TEST_BURST", "1000"))


async def test_a_burst_wakes_everybody_soon() -> None:
    """In process, so that it measures us and not the sockets of a loopback."""
    emulator = provider(seconds=600)
    callbacks = callbacks_at(1)
    loop = asyncio.get_running_loop()
    measured = bool(os.environ.get("WAN_TEST_MEMORY"))
    async with client("https://p.example", callbacks, pool=emulator.transport(), polling=Polling(first=600)) as wan:
        tasks = await asyncio.gather(*(wan.submit(clip(number)) for number in range(BURST)))
        waiting = [asyncio.create_task(task.wait()) for task in tasks]
        await asyncio.sleep(0.1)
        for task in emulator.tasks.values():
            task.ends = 0.0
        if measured:
            tracemalloc.start()
        begun = loop.time()
        for task in tasks:
            assert (await callbacks.receive(signed(task.id), body(task.id))).status == 200
        received = loop.time() - begun
        records = await asyncio.wait_for(asyncio.gather(*waiting), 60)
        woken = loop.time() - begun
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert len(records) == BURST
    assert emulator.stats.polls == BURST
    each = most / BURST
    print(f"{BURST} received in {received:.2f} s, the last woken after {woken:.2f} s, {each:.0f} bytes each")
    assert woken < 15 * BURST / 1000
