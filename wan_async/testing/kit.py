"""The fixtures' work: an emulator that runs beside the test, clients that do not wait, and virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import msgspec
from anyio.from_thread import start_blocking_portal

from .. import _arguments
from .._arguments import LIMIT, QUERY_LIMIT
from .._client import WanClient
from .._policy.settings import Polling, RateLimit
from .._transport.pool import SessionPool
from ..emulator.virtual_time import VirtualTimeLoop
from ..errors import ConfigurationError
from .emulator import KEY, WanEmulator

if TYPE_CHECKING:
    import pytest

    from .._arguments import Settings
    from .._protocol import Answer, Request
    from ..emulator import EmulatorTransport

_SOON = Polling(first=0.01, interval=0.02)
_FREE = RateLimit(10_000, per=1.0)
_VIRTUAL_URL = "http://wan-emulator.test"


@contextmanager
def running(options: Mapping[str, Any], patch: pytest.MonkeyPatch) -> Generator[WanEmulator]:
    """Run an emulator, and lead clients to it.

    Raises:
        ConfigurationError: an option that cannot be used.
    """
    given = dict(options)
    virtual_time = given.pop("virtual_time", False)
    emulator = WanEmulator(**given)
    if virtual_time:
        emulator.url = _VIRTUAL_URL
        _lead(emulator, _in_process(emulator), patch)
        yield emulator
        return
    with (
        start_blocking_portal(name="wan_emulator") as portal,
        portal.wrap_async_context_manager(emulator.serve()) as emulator.url,
    ):
        _lead(emulator, lambda settings: _hurried(emulator, settings), patch)
        yield emulator


def _lead(emulator: WanEmulator, change: Callable[[Settings], Settings], patch: pytest.MonkeyPatch) -> None:
    patch.setenv("APIKLEY_API_KEY", KEY)
    patch.setenv("APIKLEY_BASE_URL", emulator.url)
    patch.setenv("APIKLEY_UPLOAD_URL", emulator.url)
    patch.delenv("WAN_ASYNC_LIMIT_STORAGE", raising=False)

    def changed(settings: Settings) -> Settings:
        return change(settings) if settings.base_url == emulator.url else settings

    patch.setattr(_arguments, "in_tests", changed)


def _hurried(emulator: WanEmulator, settings: Settings) -> Settings:
    """The settings, with those that are the default as a test wants them."""
    return msgspec.structs.replace(
        settings,
        polling=_SOON if settings.polling == Polling() else settings.polling,
        limit=_over(emulator.limit, LIMIT) if settings.limit == LIMIT else settings.limit,
        query_limit=_over(emulator.query_limit, QUERY_LIMIT)
        if settings.query_limit == QUERY_LIMIT
        else settings.query_limit,
    )


def _over(limit: RateLimit | None, default: RateLimit) -> RateLimit:
    """The default in the emulator's window: over its limit, as in production, the client is throttled and learns."""
    return _FREE if limit is None else RateLimit(max(default.n, limit.n), per=limit.per)


@contextmanager
def client() -> Generator[WanClient]:
    """A client for a test: closed at its end in each loop that it was used in."""
    made = WanClient()
    yield made
    for loop in made._runtimes.loops:  # pyright: ignore[reportPrivateUsage]
        if not (loop.is_closed() or loop.is_running()):
            loop.run_until_complete(made.aclose())


# virtual time


@contextmanager
def virtual_loops() -> Generator[None]:
    """Let new event loops run in virtual time."""
    import pytest

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(asyncio.events, "new_event_loop", VirtualTimeLoop)
        patch.setattr(asyncio, "new_event_loop", VirtualTimeLoop)
        yield


def _in_process(emulator: WanEmulator) -> Callable[[Settings], Settings]:
    transport = _InProcess(emulator.transport())

    def changed(settings: Settings) -> Settings:
        return msgspec.structs.replace(settings, pool=transport) if isinstance(settings.pool, SessionPool) else settings

    return changed


class _InProcess:
    """A transport to the emulator in the same loop, which has to run in virtual time."""

    def __init__(self, transport: EmulatorTransport) -> None:
        self._transport = transport

    async def exchange(self, base_url: str, key: str, request: Request, timeout: float) -> Answer:
        if not isinstance(asyncio.get_running_loop(), VirtualTimeLoop):
            raise ConfigurationError(
                "wan(virtual_time=True): the test shares its loop with others; allowed: a loop of its own"
            )
        return await self._transport.exchange(base_url, key, request, timeout)

    async def aclose(self) -> None:
        await self._transport.aclose()
