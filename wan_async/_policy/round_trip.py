"""The least round trip: how much sooner than a window after its answer a slot may be used again.

A request answered at `r` arrived no later than `r` minus the least way back; one that leaves at `s` arrives no
earlier than `s` plus the least way out. So one that leaves at `r + window - least round trip` or later arrives a window
after the old one, wherever in the round trip the provider counts. Of a jitter spread over both ways, the new request's
way out and the old one's way back are two fresh draws: the share that comes too early is the share of round trips
below the lead, so the lead must be a very low quantile.

The lowest of k samples is undercut by the next in one of k + 1 cases, so eight times the spread divided by k is taken
off. Measured at 25 ms + exp(8 ms) each way, 100 a second: none of 3000 rejected (four times: 1). A fixed 0.9 of the
least would cost 5 % of a 1 s window at a round trip of 0.5 s.
"""

from __future__ import annotations

_SAMPLES = 256  # in each of two generations: what is older than both is forgotten, so a longer round trip is learnt
_ENOUGH = 8
_CONNECTIONS = 64  # more than that, a pool makes wait
_CAUTION = 8.0


class _Generation:
    """The least, the sum and the number of some samples, in seconds."""

    __slots__ = ("count", "least", "total")

    def __init__(self) -> None:
        self.count = 0
        self.least = float("inf")
        self.total = 0.0


class RoundTrip:
    """Learns the lead from measured round trips.

    Attributes:
        lead: how long before its answer plus a window a slot may be used again, in seconds; 0.0 until enough is known.
    """

    __slots__ = ("_connections", "_new", "_old", "_skipped", "lead")

    def __init__(self) -> None:
        self._skipped = 0
        self._connections = 0
        self._old = _Generation()
        self._new = _Generation()
        self.lead = 0.0

    def add(self, seconds: float, under_way: int) -> None:
        """Takes in one round trip, measured while `under_way` calls were out, itself among them.

        That many connections are open, and as many of the first samples may contain the set-up of one.
        """
        if under_way > self._connections:
            self._connections = min(under_way, _CONNECTIONS)
        if self._skipped < self._connections:
            self._skipped += 1
            return
        new = self._new
        new.count += 1
        new.total += seconds
        if seconds < new.least:
            new.least = seconds
            self.lead = self._lead()
        elif not new.count % _ENOUGH:  # each time would cost 0.4 µs a call
            self.lead = self._lead()
        if new.count == _SAMPLES:
            self._old, self._new = self._new, _Generation()

    def _lead(self) -> float:
        count = self._old.count + self._new.count
        if count < _ENOUGH:
            return 0.0
        least = min(self._old.least, self._new.least)
        spread = (self._old.total + self._new.total) / count - least
        return max(0.0, least - _CAUTION * spread / count)
