"""One limiter per account and purpose: found by all, in any thread, and forgotten when it is idle."""

from __future__ import annotations

import asyncio
import gc
import threading
import weakref

import pytest

from wan_async import RateLimit
from wan_async._limits import registry
from wan_async._limits.account import account
from wan_async._limits.limiter import SlidingWindowLimiter
from wan_async._limits.registry import LimiterRegistry

LIMIT = RateLimit(2, per=0.05)


class User:
    """Whoever uses a limiter."""


def named(limiters: LimiterRegistry, name: str, user: object, limit: RateLimit = LIMIT) -> SlidingWindowLimiter:
    limiter = limiters.limiter(name, "submissions", limit, given=True, user=user)
    assert isinstance(limiter, SlidingWindowLimiter)
    return limiter


async def use(limiter: SlidingWindowLimiter) -> None:
    limiter.counted_nowait(await limiter.acquire())


@pytest.mark.parametrize(
    "url", ["https://api.host", "https://API.Host/", "https://api.host:443", "HTTPS://api.host:443/"]
)
def test_ways_of_writing_a_base_url_are_one_account(url: str) -> None:
    assert account(url, "k") == account("https://api.host", "k")


def test_other_hosts_ports_schemes_paths_and_keys_are_others() -> None:
    places = ["https://api.host", "http://api.host", "https://api.host:444", "https://api.host/v2", "https://host"]
    assert len({account(url, key) for url in places for key in ("k", "l")}) == 10


def test_international_names_are_one_in_either_spelling() -> None:
    assert account("https://b\u00fccher.example", "k") == account("https://xn--bcher-kva.example", "k")


def test_the_name_reveals_no_key() -> None:
    assert "secret" not in account("https://host", "secret")


def test_threads_that_ask_at_once_are_given_one() -> None:
    limiters, found = LimiterRegistry(), list[SlidingWindowLimiter]()
    users = [User() for _ in range(8)]
    for trial in range(50):
        found.clear()
        start = threading.Barrier(8)

        def ask(user: object, start: threading.Barrier = start, name: str = str(trial)) -> None:
            start.wait()
            found.append(named(limiters, name, user))

        threads = [threading.Thread(target=ask, args=(user,)) for user in users]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len({id(limiter) for limiter in found}) == 1


def test_purposes_have_their_own() -> None:
    limiters, user = LimiterRegistry(), User()
    queries = limiters.limiter("a", "queries", LIMIT, given=False, user=user)
    assert queries is not named(limiters, "a", user)


def test_a_window_in_use_is_remembered_when_its_user_is_gone_and_an_idle_one_is_not() -> None:
    limiters, user = LimiterRegistry(), User()
    limiter = named(limiters, "a", user)
    asyncio.run(use(limiter))
    gone = weakref.ref(limiter)
    del user, limiter
    gc.collect()
    assert named(limiters, "a", User()) is gone()
    asyncio.run(asyncio.sleep(0.06))
    for other in range(3):
        named(limiters, f"other-{other}", User())
        gc.collect()
    assert gone() is None


def test_what_was_learnt_is_not_forgotten() -> None:
    limiters = LimiterRegistry()

    async def rejected(limiter: SlidingWindowLimiter) -> None:
        for _ in range(3):
            limiter.rejected_nowait(await limiter.acquire())

    asyncio.run(rejected(named(limiters, "a", User())))
    gc.collect()
    asyncio.run(asyncio.sleep(0.2))
    for other in range(3):
        named(limiters, f"other-{other}", User())
        gc.collect()
    assert named(limiters, "a", User()).state().learnt == 1


def test_the_windows_of_many_keys_are_bounded_and_those_in_use_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "KEPT", 10)
    limiters, user = LimiterRegistry(), User()
    used = named(limiters, "used", user)
    alive: weakref.WeakSet[SlidingWindowLimiter] = weakref.WeakSet()
    for number in range(100):
        limiter = named(limiters, f"tenant-{number}", User(), RateLimit(1, per=60))
        asyncio.run(use(limiter))
        alive.add(limiter)
        del limiter
    gc.collect()
    assert named(limiters, "used", user) is used
    gc.collect()
    assert len(alive) <= 10
