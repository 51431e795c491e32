"""The lead: close below the least round trip, never above it."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from wan_async._policy.round_trip import RoundTrip

from ..limits.support import close


def learnt(*seconds: float, under_way: int = 1) -> float:
    trip = RoundTrip()
    for one in seconds:
        trip.add(one, under_way)
    return trip.lead


@given(st.lists(st.floats(0.001, 5), max_size=300), st.integers(1, 80))
def test_it_is_never_more_than_the_least_that_counts(seconds: list[float], under_way: int) -> None:
    lead = learnt(*seconds, under_way=under_way)
    assert 0 <= lead <= min(seconds[min(under_way, 64) :], default=0.0)


def test_the_least_of_many_is_nearly_used_up() -> None:
    chance = random.Random(1)
    least = learnt(*(0.05 + chance.expovariate(1 / 0.016) for _ in range(500)))
    assert 0.049 < least <= 0.0505


def test_connections_being_set_up_do_not_count() -> None:
    assert learnt(*[0.2] * 20, *[0.05] * 7, under_way=20) == 0.0
    assert close([learnt(*[0.01] * 20, *[0.05] * 8, under_way=20)], [0.05])


def test_few_samples_are_not_trusted() -> None:
    assert learnt(*[0.05] * 5) == 0.0
    assert learnt(*[0.05, 0.06] * 5) < 0.05


def test_a_shorter_round_trip_is_followed_at_once_and_a_longer_one_in_time() -> None:
    trip = RoundTrip()
    for seconds, samples in ((0.1, 600), (0.03, 1), (0.1, 100)):
        for _ in range(samples):
            trip.add(seconds, 1)
    assert trip.lead < 0.03
    for _ in range(600):
        trip.add(0.2, 1)
    assert trip.lead > 0.19
