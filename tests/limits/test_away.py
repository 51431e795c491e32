"""A server that is killed and comes back: calls wait, go on by themselves, and find a full window."""

from __future__ import annotations

import asyncio
import logging

import pytest

from wan_async import RateLimit

from ..databases import postgres_server, redis_server
from .storages import call, shared

LIMIT = RateLimit(4, per=0.5)


@pytest.mark.parametrize("run", [redis_server, postgres_server])
async def test_it_goes_on_by_itself_when_the_server_is_back(run: object, caplog: pytest.LogCaptureFixture) -> None:
    assert run in {redis_server, postgres_server}
    async with (redis_server if run is redis_server else postgres_server)() as server:
        limiter = shared(server.url, LIMIT)
        limiter.hold()
        await call(limiter)
        await server.kill()
        waiting = [asyncio.create_task(call(limiter)) for _ in range(4)]
        await asyncio.sleep(0.5)
        assert not any(one.done() for one in waiting)
        coming = asyncio.get_running_loop().time()
        await server.start()
        assert min(await asyncio.gather(*waiting)) >= coming + 0.5  # what it held is lost: a full window
        await limiter.release()
    warnings = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert len(warnings) == 2
