"""Sharing a window: clients on the same base URL and key, however they were made."""

from __future__ import annotations

import asyncio
import gc

import pytest

from wan_async import RateLimit, Timeout, WanClient
from wan_async._limits.limiter import SlidingWindowLimiter

from .support import CREATED, CREDITS, FOX, FakeTransport

LIMIT = RateLimit(2, per=10.0)


async def sent_at_once(transport: FakeTransport, *clients: WanClient) -> int:
    """The number of three submissions by each client that leave before any has to wait."""
    transport.times.clear()
    waiting = [asyncio.ensure_future(wan.submit(FOX)) for wan in clients for _ in range(3)]
    await asyncio.sleep(1.0)
    sent = len(transport.times)
    for one in waiting:
        one.cancel()
    await asyncio.wait(waiting)
    return sent


pytestmark = pytest.mark.virtual_time


async def test_with_options_shares() -> None:
    transport = FakeTransport(CREATED)
    wan = WanClient("k", pool=transport, limit=LIMIT)
    assert await sent_at_once(transport, wan, wan.with_options(timeout=Timeout(9))) == 2


async def test_another_client_on_the_pool_shares() -> None:
    transport = FakeTransport(CREATED)
    first, second = (WanClient("k", pool=transport, limit=LIMIT, base_url=url) for url in ("http://a", "http://a/"))
    assert await sent_at_once(transport, first, second) == 2


async def test_the_window_outlives_its_clients() -> None:
    """A web backend makes a client per request."""
    transport = FakeTransport(CREATED)
    sent: list[int] = []
    for _ in range(2):
        sent.append(await sent_at_once(transport, WanClient("k", pool=transport, limit=LIMIT)))
        gc.collect()
    assert sent == [2, 0]


async def test_another_key_or_url_has_its_own() -> None:
    transport = FakeTransport(CREATED)
    wan = WanClient("k", pool=transport, limit=LIMIT, base_url="http://a")
    others = wan.with_options(api_key="other"), wan.with_options(base_url="http://b")
    assert await sent_at_once(transport, wan, *others) == 6


async def test_clients_with_pools_of_their_own_share() -> None:
    transports = [FakeTransport(CREATED) for _ in range(3)]
    for transport in transports:
        transport.times = transports[0].times
    clients = [WanClient("k", pool=transport, limit=LIMIT) for transport in transports]
    assert await sent_at_once(transports[0], *clients) == 2


async def test_queries_have_a_window_of_their_own() -> None:
    transport = FakeTransport(CREATED)
    wan = WanClient("k", pool=transport, limit=LIMIT)
    await sent_at_once(transport, wan)
    transport.plays[:] = [CREDITS]
    await asyncio.wait_for(wan.with_options(timeout=Timeout(9)).credits(), 0.1)


class Shared:
    """The limits that hold for a key, of both kinds."""

    def __init__(self) -> None:
        self.pool = FakeTransport(CREATED)

    def client(self, **options: RateLimit) -> WanClient:
        return WanClient("k", pool=self.pool, **options)  # pyright: ignore[reportArgumentType]

    def holds(self, wan: WanClient, name: str) -> RateLimit:
        calls = wan._calls  # pyright: ignore[reportPrivateUsage]
        limiter = calls._submissions if name == "limit" else calls._queries  # pyright: ignore[reportPrivateUsage]
        return limiter.state().limit


DEFAULTS = {"limit": RateLimit(20, per=10.0), "query_limit": RateLimit(10, per=1.0)}
FIVE, SEVEN = RateLimit(5, per=10.0), RateLimit(7, per=10.0)


@pytest.mark.parametrize("name", DEFAULTS)
def test_a_limit_that_is_given_holds_for_all_and_a_default_does_not(name: str) -> None:
    shared = Shared()
    first = shared.client()
    assert shared.holds(first, name) == DEFAULTS[name]
    shared.client(**{name: FIVE})
    assert shared.holds(first, name) == FIVE
    shared.client()
    assert shared.holds(first, name) == FIVE
    shared.client(**{name: SEVEN})
    assert shared.holds(first, name) == SEVEN


@pytest.mark.parametrize("name", DEFAULTS)
def test_a_limit_that_is_given_holds_even_if_it_equals_the_default(name: str) -> None:
    shared = Shared()
    first = shared.client(**{name: FIVE})
    shared.client(**{name: RateLimit(DEFAULTS[name].n, per=DEFAULTS[name].per)})
    assert shared.holds(first, name) == DEFAULTS[name]


@pytest.mark.parametrize("name", DEFAULTS)
def test_a_limit_that_is_inherited_is_not_given_again(name: str) -> None:
    shared = Shared()
    first = shared.client(**{name: FIVE})
    shared.client(**{name: SEVEN})
    first.with_options(timeout=Timeout(9))
    assert shared.holds(first, name) == SEVEN
    first.with_options(**{name: FIVE})  # pyright: ignore[reportArgumentType]
    assert shared.holds(first, name) == FIVE


@pytest.mark.parametrize("name", DEFAULTS)
def test_a_new_key_inherits_the_limit_and_a_known_one_keeps_its_own(name: str) -> None:
    shared = Shared()
    known = shared.client(**{name: SEVEN}).with_options(api_key="known")
    first = shared.client(**{name: FIVE})
    assert shared.holds(first.with_options(api_key="new"), name) == FIVE
    assert shared.holds(first.with_options(api_key="known"), name) == SEVEN
    assert shared.holds(known, name) == SEVEN


def test_giving_the_same_limit_again_keeps_what_was_learnt(monkeypatch: pytest.MonkeyPatch) -> None:
    shared = Shared()
    first = shared.client(limit=FIVE)
    set_again: list[RateLimit] = []

    def set_limit(_: SlidingWindowLimiter, limit: RateLimit) -> None:
        set_again.append(limit)

    monkeypatch.setattr(SlidingWindowLimiter, "set_limit", set_limit)
    shared.client(limit=RateLimit(5, per=10.0))
    assert not set_again
    del first
