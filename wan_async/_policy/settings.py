"""Settings of callers: small frozen objects, all times in seconds."""

from __future__ import annotations

import sys

import msgspec

from .._docs import documented
from .._words import shown
from ..errors import ConfigurationError


def require_positive(name: str, value: float, *, zero: bool = False) -> None:
    """Refuse what is no finite number > 0, or ≥ 0 with `zero`."""
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not number or not 0 <= value <= sys.float_info.max or (value == 0 and not zero):
        raise _refused(name, value, f"a finite number {'≥' if zero else '>'} 0")


def require_share(name: str, value: float) -> None:
    """Refuse what is no part of a whole: a number > 0 and ≤ 1."""
    require_positive(name, value)
    if value > 1:
        raise _refused(name, value, "a number > 0 and ≤ 1")


def _refused(name: str, value: object, allowed: str) -> ConfigurationError:
    return ConfigurationError(f"{name}: {shown(value)} is not allowed; allowed: {allowed}")


def require_positive_integer(name: str, value: int) -> None:
    """Refuse what is no integer ≥ 1."""
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise _refused(name, value, "an integer ≥ 1")


@documented
class RateLimit(msgspec.Struct, frozen=True):
    """`n` calls in any `per` seconds, the way the provider counts: what exceeds it is rejected, never queued."""

    n: int
    """Calls in a window."""
    per: float
    """The window's length, in seconds."""
    share: float = 1.0
    """The part of the limit that this program may use, 0 < share ≤ 1, where others live on the same account."""

    def __post_init__(self) -> None:
        require_positive_integer("RateLimit.n", self.n)
        require_positive("RateLimit.per", self.per)
        require_share("RateLimit.share", self.share)


@documented
class Polling(msgspec.Struct, frozen=True):
    """The times at which waiting tasks are polled. `Polling()` learns how long each kind of task takes.

    With either given, the schedule is plain: first after `first` (default: `interval`), then every `interval`
    (default: `first`) seconds.
    """

    first: float | None = None
    """Seconds from submission to the first poll; None leaves it to the learnt schedule."""
    interval: float | None = None
    """Seconds between polls after that; None leaves it to the learnt schedule."""

    def __post_init__(self) -> None:
        if self.first is not None:
            require_positive("Polling.first", self.first, zero=True)
        if self.interval is not None:
            require_positive("Polling.interval", self.interval)
        if self.first == 0 and self.interval is None:
            raise _refused("Polling.interval", None, "a finite number > 0, where first=0")


@documented
class Retry(msgspec.Struct, frozen=True):
    """Seconds for which safe calls are repeated: connections never made, 455, reads and downloads; never 429."""

    max_elapsed: float = 120.0
    """Seconds from the first try after which the last error is raised. 0: no repeats."""

    def __post_init__(self) -> None:
        require_positive("Retry.max_elapsed", self.max_elapsed, zero=True)


@documented
class Timeout(msgspec.Struct, frozen=True):
    """Seconds that one HTTP exchange may take; never the wait for a slot or for a task."""

    total: float = 60.0
    """Seconds from sending to the whole answer. createTask takes 0.48 s in the median; a short value turns slow answers
    into submissions of unknown fate."""

    def __post_init__(self) -> None:
        require_positive("Timeout.total", self.total)
