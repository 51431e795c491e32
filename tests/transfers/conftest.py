"""A media host and a client, for the tests of downloads."""

from __future__ import annotations

from collections.abc import AsyncGenerator

import pytest_asyncio

from wan_async import WanClient

from .hosts import MediaHost, serving
from .support import client


@pytest_asyncio.fixture
async def host() -> AsyncGenerator[MediaHost]:
    async with serving(MediaHost()) as host:
        yield host


@pytest_asyncio.fixture
async def wan(host: MediaHost) -> AsyncGenerator[WanClient]:
    async with client(host.url) as wan:
        yield wan
