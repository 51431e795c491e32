"""What all tests share: hypothesis profiles, virtual time for those that ask for it, and servers that nobody kills."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Generator, Mapping

import pytest
from hypothesis import HealthCheck, settings

from wan_async._limits.registry import LimiterRegistry
from wan_async.emulator.virtual_time import VirtualTimeLoop

from .databases import PostgresServer, RedisServer

_SLOW_MACHINE = [HealthCheck.too_slow]
settings.register_profile("ci", deadline=None, max_examples=100, suppress_health_check=_SLOW_MACHINE)
settings.register_profile("quick", deadline=None, max_examples=20, suppress_health_check=_SLOW_MACHINE)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))


@pytest.fixture(autouse=True)
def no_window_of_another_test(monkeypatch: pytest.MonkeyPatch) -> None:
    """Clients on one base URL and key share windows, also those of two tests."""
    monkeypatch.setattr("wan_async._client._registry", LimiterRegistry())


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers", "virtual_time: the test's event loop jumps to the next timer instead of sleeping"
    )


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    if item.get_closest_marker("virtual_time") is not None:
        return {"virtual": VirtualTimeLoop}
    return {"asyncio": asyncio.new_event_loop}


@pytest.fixture(scope="session")
def shared_redis() -> Generator[RedisServer]:
    """One server for all tests: each takes names of its own."""
    with RedisServer() as server:
        yield server


@pytest.fixture(scope="session")
def shared_postgres() -> Generator[PostgresServer]:
    """One server for all tests: each takes a `database()` of its own."""
    with PostgresServer() as server:
        yield server
