"""Fixtures: a provider in a thread of its own, and a client of it."""

from __future__ import annotations

from collections.abc import Generator

import pytest
from anyio.from_thread import start_blocking_portal

from wan_async import Polling, RateLimit
from wan_async.emulator import Emulator
from wan_async.sync import WanClient

FAST = RateLimit(1000, per=1.0)


@pytest.fixture
def emulator() -> Emulator:
    return Emulator(key="k", seconds=0.1, limit=FAST, query_limit=FAST)


@pytest.fixture
def url(emulator: Emulator) -> Generator[str]:
    with start_blocking_portal() as portal, portal.wrap_async_context_manager(emulator.serve()) as url:
        yield url


@pytest.fixture
def wan(url: str) -> Generator[WanClient]:
    polling = Polling(interval=0.05)
    with WanClient("k", base_url=url, upload_url=url, limit=FAST, query_limit=FAST, polling=polling) as wan:
        yield wan
