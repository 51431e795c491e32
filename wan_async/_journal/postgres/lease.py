"""A worker's lease, as far as it knows without asking: by clocks that go on while the machine sleeps."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Final, TypeAlias

LEASE: Final = 15.0
"""Seconds for which a worker that says nothing is believed to live; the server's."""

RENEWAL: Final = 3.0
"""Seconds between two renewals."""

SPARE: Final = 6.0
"""Seconds before its end from which on nothing leaves: a POST is on its way in less."""

Moment: TypeAlias = tuple[float, float]


def moment() -> Moment:
    """Now, by two clocks: one goes on in a suspended machine (on Linux), the other is set right after a VM was."""
    if sys.platform == "linux":
        return time.clock_gettime(time.CLOCK_BOOTTIME), time.time()
    return time.monotonic(), time.time()


class Lease:
    """Written by the thread that renews it, asked by the loop before each POST.

    Attributes:
        lapses: how often it was not renewed in time: what was claimed before may be another worker's since.
        hang_up: ends the connection, whatever the thread waits for; None before and after there is one.
        ended: there will be no connection any more.
    """

    def __init__(self) -> None:
        self.hang_up: Callable[[], None] | None = None
        self.ended = False
        self._made = moment()
        self._renewed: Moment | None = None
        self.lapses = 0

    def renewed(self, asked_at: Moment, *, in_time: bool = True) -> None:
        """The server has renewed it, when it was asked or later; `in_time`: it says that it had not ended."""
        if self._renewed is not None and not (in_time and _between(self._renewed, asked_at) < LEASE - SPARE):
            self.lapses += 1  # before it holds again, for the loop's eyes
        self._renewed = asked_at

    def age(self) -> float:
        """Seconds since it was renewed, at most."""
        if self._renewed is None:
            return LEASE
        return _between(self._renewed, moment())

    def silence(self) -> float:
        """Seconds since the server said anything, at most."""
        return _between(self._renewed or self._made, moment())

    def holds(self) -> bool:
        """Whether it holds with time to spare."""
        return 0 <= self.age() < LEASE - SPARE


def _between(earlier: Moment, later: Moment) -> float:
    """Seconds, by the clock that tells more of them."""
    return max(there - here for here, there in zip(earlier, later, strict=True))
