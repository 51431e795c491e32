"""How many submissions are in the air at once, on real connections: half of those that the pool has."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import aiohttp
import pytest

from wan_async import Polling, RateLimit, SessionPool, Wan22TextToVideoTurbo, WanClient
from wan_async._transport.pool import calls_at_once

from ..servers import CREATED, Peer, http, scripted

FAST = RateLimit(1000, per=1.0)
CREATED_BODY = json.dumps(CREATED).encode()


@pytest.mark.parametrize("journalled", [False, True])
@pytest.mark.parametrize("connections", [1, 6])
async def test_half_of_the_connections(connections: int, journalled: bool, tmp_path: Path) -> None:
    held = asyncio.Event()
    at_once = most = 0

    async def hold(peer: Peer) -> None:
        nonlocal at_once, most
        await peer.read()
        at_once += 1
        most = max(most, at_once)
        await held.wait()
        at_once -= 1
        await peer.send(http(200, b'{"code": 402, "msg": "no credits"}'))

    inputs = [Wan22TextToVideoTurbo(prompt=str(number)) for number in range(20)]
    async with scripted(*[hold] * 20) as server, SessionPool(connections=connections) as pool:
        async with WanClient("k", base_url=server.url, pool=pool, limit=FAST) as wan:
            journal = tmp_path / "run.db" if journalled else None
            async with wan.batch(inputs, journal=journal) as results:
                while at_once < max(1, connections // 2):
                    await asyncio.sleep(0.005)
                await asyncio.sleep(0.1)
                results.stop()
                held.set()
        assert most == max(1, connections // 2)


async def test_an_item_that_waits_to_be_sent_again_holds_up_no_other() -> None:
    async def maintenance(peer: Peer) -> None:
        prompt = (await peer.read()).body
        created = b'{"code":200,"data":{"taskId":"%b"}}' % (b"t2" if b'"second"' in prompt else b"t3")
        await peer.send(http(200, b'{"code": 455, "msg": "maintenance"}' if b'"first"' in prompt else created))

    inputs = [Wan22TextToVideoTurbo(prompt=prompt) for prompt in ("first", "second", "third")]
    async with scripted(*[maintenance] * 100) as server, SessionPool(connections=1) as pool:
        wan = WanClient("k", base_url=server.url, pool=pool, limit=FAST, polling=Polling(interval=60.0))
        async with wan, wan.batch(inputs) as results, asyncio.timeout(5):
            while results.stats.submitted < 2:
                await asyncio.sleep(0.005)


async def test_a_session_of_the_callers_own_has_its_own_number() -> None:
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=10)) as session:
        assert calls_at_once(SessionPool(session)) == 5
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:  # any number
        assert calls_at_once(SessionPool(session)) == 32
    assert calls_at_once(SessionPool()) == 32
