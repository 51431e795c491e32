"""The provider's count and its clock, which the library's own limits are tried against."""

from __future__ import annotations

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from wan_async import RateLimit
from wan_async.emulator._accounts import SlidingWindow
from wan_async.emulator._clock import Clock
from wan_async.emulator.virtual_time import VirtualTimeLoop

LIMIT = RateLimit(3, per=10.0)


@given(st.lists(st.sampled_from([0.0, 0.5, 1.0, 2.5, 5.0]), max_size=60))
def test_no_window_holds_more_than_the_limit(pauses: list[float]) -> None:
    window, now, accepted = SlidingWindow(), 0.0, list[float]()
    for pause in pauses:
        now += pause
        room = window.has_room(now, LIMIT)
        assert room is (sum(at > now - LIMIT.per for at in accepted) < LIMIT.n)
        if room:
            window.add(now)
            accepted.append(now)


def test_without_a_limit_there_is_always_room() -> None:
    window = SlidingWindow()
    for _ in range(100):
        assert window.has_room(0.0, None)
        window.add(0.0)


def test_time_never_goes_back_from_loop_to_loop() -> None:
    clock = Clock(epoch=1000.0)

    async def wait(seconds: float) -> float:
        begun = clock.now()
        await asyncio.sleep(seconds)
        assert clock.now() - begun >= seconds - 0.01
        return clock.now()

    with asyncio.Runner(loop_factory=VirtualTimeLoop) as virtual:
        first = virtual.run(wait(3600.0))
    assert clock.now() == first  # outside of a loop: that of the last call
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as virtual:
        assert virtual.run(wait(1.0)) >= first + 0.99
    assert clock.unix(first) >= 1000.0 + 3599.0
