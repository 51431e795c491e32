"""Who shares a window: clients on the same pool, base URL and key, however they were made."""

from __future__ import annotations

import asyncio
import gc

import pytest

from wan_async import RateLimit, SessionPool, Timeout, WanClient
from wan_async import _windows as windows
from wan_async._limiter import SlidingWindowLimiter
from wan_async._transport import Transport

from .support import CREATED, CREDITS, FOX, FakeTransport

LIMIT = RateLimit(2, per=10.0)


async def sent_at_once(transport: FakeTransport, *clients: WanClient) -> int:
    """How many of three submissions by each client leave before any has to wait."""
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


async def test_another_key_url_or_pool_has_its_own() -> None:
    transport, elsewhere = FakeTransport(CREATED), FakeTransport(CREATED)
    wan = WanClient("k", pool=transport, limit=LIMIT, base_url="http://a")
    others = wan.with_options(api_key="other"), wan.with_options(base_url="http://b")
    assert await sent_at_once(transport, wan, *others) == 6
    assert await sent_at_once(elsewhere, wan.with_options(pool=elsewhere)) == 2


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
        assert isinstance(limiter, SlidingWindowLimiter)
        return limiter.limit


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


def test_telling_the_same_limit_again_keeps_what_was_learnt(monkeypatch: pytest.MonkeyPatch) -> None:
    shared = Shared()
    first = shared.client(limit=FIVE)
    told: list[RateLimit] = []
    monkeypatch.setattr(SlidingWindowLimiter, "limit", property(lambda _: FIVE, lambda _, limit: told.append(limit)))
    shared.client(limit=RateLimit(5, per=10.0))
    assert not told
    del first


# many tenants


def limiter(table: windows.Windows, pool: Transport, key: str) -> SlidingWindowLimiter:
    settings = WanClient(key, base_url="http://api", limit=LIMIT, pool=pool)._settings  # pyright: ignore[reportPrivateUsage]
    return table.submissions(settings, told=True)


def test_the_windows_of_many_keys_are_bounded_and_those_in_use_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(windows, "KEPT", 10)
    table, pool = windows.Windows(), FakeTransport(CREATED)
    used = limiter(table, pool, "used")
    first = id(limiter(table, pool, "often"))
    for number in range(100):
        limiter(table, pool, f"tenant-{number}")
        assert id(limiter(table, pool, "often")) == first
    assert limiter(table, pool, "used") is used
    gc.collect()
    assert sum(isinstance(thing, SlidingWindowLimiter) for thing in _reachable(table)) == 10


def _reachable(root: object) -> list[object]:
    seen: dict[int, object] = {}
    todo: list[object] = [root]
    while todo:
        thing = todo.pop()
        if id(thing) not in seen and not isinstance(thing, type):
            seen[id(thing)] = thing
            todo += [
                other
                for other in gc.get_referents(thing)
                if type(other).__module__ != "builtins" or isinstance(other, dict)
            ]
    return list(seen.values())


def test_the_windows_of_a_pool_go_with_it() -> None:
    table, pool = windows.Windows(), SessionPool()
    limiter(table, pool, "k")
    del pool
    gc.collect()
    assert not any(isinstance(thing, SlidingWindowLimiter) for thing in _reachable(table))
