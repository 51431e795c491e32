"""The pytest plugin. It is loaded wherever the package is installed, so it imports nothing until a test asks for it."""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from wan_async._client import WanClient
    from wan_async.sync import WanClient as SyncWanClient
    from wan_async.testing import WanEmulator

__all__ = ["wan_client", "wan_emulator", "wan_sync_client"]

_MARKER = (
    "wan(**options): arguments of wan_async.emulator.Emulator for the fixture wan_emulator, such as limit, seconds and "
    "faults; virtual_time=True runs the test in a loop whose clock jumps"
)


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker."""
    config.addinivalue_line("markers", _MARKER)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None]:
    """Give a test in virtual time such loops, whoever makes them: pytest-asyncio, anyio's plugin or `asyncio.run`."""
    if item.get_closest_marker("wan") is None or not _options(item).get("virtual_time") or _shares_its_loop(item):
        yield
        return
    from wan_async.testing.kit import virtual_loops

    with virtual_loops():
        yield


@pytest.fixture
def wan_emulator(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Generator[WanEmulator]:
    """The provider, as `@pytest.mark.wan(…)` says; `WanClient()` finds it by the environment."""
    from wan_async.testing.kit import running

    with running(_options(request.node), monkeypatch) as emulator:
        yield emulator


@pytest.fixture
def wan_client(wan_emulator: WanEmulator) -> Generator[WanClient]:
    """A client of the provider, closed when the test is over."""
    from wan_async.testing.kit import client

    with client() as made:
        yield made


@pytest.fixture
def wan_sync_client(wan_emulator: WanEmulator) -> Generator[SyncWanClient]:
    """A client without `await` of the provider, closed when the test is over; not for virtual time."""
    from wan_async.sync import WanClient

    with WanClient() as made:
        yield made


def _shares_its_loop(item: pytest.Item) -> bool:
    """True if pytest-asyncio runs the test in a loop that others run in too: that one must not jump."""
    marker = item.get_closest_marker("asyncio")
    if marker is None:
        return False
    try:
        default = item.config.getini("asyncio_default_test_loop_scope")
    except (KeyError, ValueError):  # an older one
        default = "function"
    return (marker.kwargs.get("loop_scope") or default) != "function"


def _options(item: pytest.Item) -> dict[str, object]:
    """The options of all markers, the closest first."""
    options: dict[str, object] = {}
    for marker in item.iter_markers("wan"):
        if marker.args:
            raise pytest.UsageError(f"@pytest.mark.wan: {marker.args!r} is not allowed; allowed: options by name")
        options = {**marker.kwargs, **options}
    return options
