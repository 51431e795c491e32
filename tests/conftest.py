"""What all tests share: hypothesis profiles, and virtual time for those that ask for it."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Mapping

import pytest
from hypothesis import HealthCheck, settings

from wan_async.emulator.virtual_time import VirtualTimeLoop

_SLOW_MACHINE = [HealthCheck.too_slow]
settings.register_profile("ci", deadline=None, max_examples=100, suppress_health_check=_SLOW_MACHINE)
settings.register_profile("quick", deadline=None, max_examples=20, suppress_health_check=_SLOW_MACHINE)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))


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
