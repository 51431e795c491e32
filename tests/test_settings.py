"""The policies that callers set, the price list, the events: small values, and what they refuse."""

from __future__ import annotations

import copy
import pickle
import re
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wan_async import ConfigurationError, Polling, RateLimit, Retry, Timeout
from wan_async._policy.backoff import BASE, CAP, Backoff
from wan_async.errors import TransportError
from wan_async.events import Repeated, Submitted, Throttled

NO_NUMBER: list[Any] = [
    "1",
    None,
    True,
    False,
    [],
    b"1",
    1j,
    float("nan"),
    float("inf"),
    -float("inf"),
    10**5000,
    -(10**5000),
]
POSITIVE, NOT_NEGATIVE = "a finite number > 0", "a finite number ≥ 0"


def settings_with(name: str, value: Any) -> object:
    kind, field = name.split(".")
    cls: type[msgspec.Struct] = {"RateLimit": RateLimit, "Polling": Polling, "Retry": Retry, "Timeout": Timeout}[kind]
    rest: dict[str, Any] = {"n": 20, "per": 10.0} if kind == "RateLimit" else {}
    return cls(**{**rest, field: value})


REFUSED: list[tuple[str, Any, str]] = [
    *(("RateLimit.n", bad, "an integer ≥ 1") for bad in (*NO_NUMBER[:-2], 0, -1, 20.0, -(10**5000))),
    *(("RateLimit.per", bad, POSITIVE) for bad in (*NO_NUMBER, 0, 0.0, -1, -0.5)),
    *(("RateLimit.share", bad, POSITIVE) for bad in (*NO_NUMBER, 0, 0.0, -1, -0.5)),
    *(("RateLimit.share", bad, "a number > 0 and ≤ 1") for bad in (1.01, 2, 1e300)),
    *(("Polling.first", bad, NOT_NEGATIVE) for bad in (*NO_NUMBER, -1, -1e-9) if bad is not None),
    *(("Polling.interval", bad, POSITIVE) for bad in (*NO_NUMBER, 0, 0.0, -1) if bad is not None),
    *(("Retry.max_elapsed", bad, NOT_NEGATIVE) for bad in (*NO_NUMBER, -1, -0.5)),
    *(("Timeout.total", bad, POSITIVE) for bad in (*NO_NUMBER, 0, 0.0, -1)),
]


@pytest.mark.parametrize(("name", "bad", "allowed"), REFUSED, ids=lambda value: type(value).__name__)
def test_a_bad_setting_is_refused_in_words(name: str, bad: Any, allowed: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        settings_with(name, bad)
    given_words = "<int>" if isinstance(bad, int) and abs(bad) > 10**300 else repr(bad)
    assert str(caught.value) == f"{name}: {given_words} is not allowed; allowed: {allowed}"


@pytest.mark.parametrize(
    ("name", "good"),
    [
        ("RateLimit.n", 1),
        ("RateLimit.n", 10**9),
        ("RateLimit.per", 1),
        ("RateLimit.per", 1e-3),
        ("RateLimit.share", 1),
        ("RateLimit.share", 1e-6),
        ("Polling.first", 2.0),
        ("Polling.interval", 0.001),
        ("Retry.max_elapsed", 0),
        ("Timeout.total", 1e9),
    ],
)
def test_a_good_setting_is_kept(name: str, good: float) -> None:
    made = settings_with(name, good)
    assert getattr(made, name.split(".")[1]) == good
    assert pickle.loads(pickle.dumps(made)) == copy.copy(made) == made
    assert len({made, settings_with(name, good)}) == 1
    with pytest.raises(AttributeError):
        setattr(made, name.split(".")[1], 1)


def test_defaults() -> None:
    assert RateLimit(20, per=10.0).share == 1.0
    assert (Polling().first, Polling().interval) == (None, None)
    assert Polling(first=0, interval=1.0) == Polling(0, 1.0)
    assert Retry().max_elapsed > 0
    assert Timeout().total > 0


def test_a_first_look_at_once_needs_an_interval() -> None:
    with pytest.raises(ConfigurationError, match=re.escape("Polling.interval: None is not allowed")):
        Polling(first=0)


SECONDS = st.floats(0, 1e6)
CHANCES = st.floats(0, 1, exclude_max=True)


@given(max_elapsed=SECONDS, started=SECONDS, chances=st.lists(CHANCES, min_size=1, max_size=60))
def test_backoff_is_bounded_by_elapsed_time(max_elapsed: float, started: float, chances: list[float]) -> None:
    backoff, now, end = Backoff(max_elapsed, started), started, started + max_elapsed
    for attempt, chance in enumerate(chances):
        delay = backoff.delay(now, chance)
        if now >= end:
            assert delay is None
            break
        assert delay is not None
        ceiling = min(CAP, BASE * 2.0**attempt)
        assert delay == min(chance * ceiling, end - now)
        assert 0 <= delay < ceiling
        now += delay


@given(st.integers(0, 40))
def test_backoff_has_full_jitter_below_a_growing_ceiling(attempts: int) -> None:
    ceilings = [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, *[20.0] * 40][: attempts + 1]
    for chance in (0.0, 0.5, 0.999999):
        backoff = Backoff(1e9, 0.0)
        delays = [backoff.delay(0.0, chance) for _ in range(attempts + 1)]
        assert delays == [chance * ceiling for ceiling in ceilings]


def test_without_time_there_is_no_repeat() -> None:
    assert Backoff(0.0, 5.0).delay(5.0, 0.5) is None
    assert Backoff(1.0, 5.0).delay(6.0, 0.5) is None
    assert Backoff(1.0, 5.0).delay(7.0, 0.5) is None
    assert Backoff(10.0, 5.0).delay(14.9, 0.999) == pytest.approx(0.1)


@pytest.mark.parametrize(
    "event",
    [
        Submitted("t", "wan/9"),
        Throttled("/path", None),
        Throttled("/path", 2.5),
        Repeated("/path", TransportError("x"), 0.5),
    ],
)
def test_events_are_values(event: msgspec.Struct) -> None:
    assert repr(pickle.loads(pickle.dumps(event))) == repr(event)
    with pytest.raises(AttributeError):
        setattr(event, event.__struct_fields__[0], "x")
