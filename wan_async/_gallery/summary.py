"""The summary on top of the page: counts, credits, pace, the clips' durations, and the use of the limit.

Pure: entries in, numbers out.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Sequence

import msgspec

from .._journal import Entry, JournalCounts
from .._policy.settings import RateLimit
from .rows import seconds_of

_BARS = 24
"""The histogram's bars at most, without the last for what lies beyond."""

_LEAST = 1.0
"""Seconds that a bar covers at least: the provider gives whole seconds."""

_POINTS = 120
"""Points of the limit's use at most."""

_HOUR = 3600.0


class Histogram(msgspec.Struct, frozen=True):
    """A histogram of the clips' durations.

    Attributes:
        start: where the first bar begins, in seconds.
        step: each bar's width, in seconds.
        counts: clips in each bar; a bar holds what lies at its beginning and not what lies at its end.
        beyond: clips that took as long as the last bar's end, or longer.
    """

    start: float
    step: float
    counts: tuple[int, ...]
    beyond: int


class Usage(msgspec.Struct, frozen=True):
    """The use of the limit on submissions.

    Attributes:
        start: when the first point begins, in Unix seconds.
        step: each point's width in seconds: a multiple of the limit's period.
        calls: submissions in each point, as a mean per period.
        limit: submissions that the limit lets through in a period.
        per: the period, in seconds.
    """

    start: float
    step: float
    calls: tuple[float, ...]
    limit: int
    per: float


class Summary(msgspec.Struct, frozen=True):
    """The numbers on top.

    Attributes:
        counts: the number of items in each state, and the credits spent.
        busy: seconds in which anything was being sent or made; pauses between two runs do not count.
        per_hour: clips made per busy hour; None before there is one.
        durations: None before a clip is made.
        usage: None before anything was sent.
    """

    counts: JournalCounts
    busy: float
    per_hour: float | None
    durations: Histogram | None
    usage: Usage | None


class Tally:
    """Takes entries one by one, in some 40 bytes each, and gives their summary."""

    def __init__(self) -> None:
        self._durations = array("d")
        self._sent = array("d")
        self._ended = array("d")
        self._open = array("d")

    def add(self, entry: Entry) -> None:
        """Count an entry in."""
        seconds = seconds_of(entry)
        if seconds is not None and math.isfinite(seconds):
            self._durations.append(seconds)
        if entry.sent_at is None:
            return
        self._sent.append(entry.sent_at)
        if entry.finished_at is None:
            self._open.append(entry.sent_at)
        else:
            self._ended.extend((entry.sent_at, entry.finished_at))

    def summary(self, counts: JournalCounts, limit: RateLimit) -> Summary:
        """The summary of what was added."""
        busy = busy_seconds(self._spans())
        per_hour = counts.done / busy * _HOUR if counts.done and busy > 0 else None
        return Summary(counts, busy, per_hour, histogram(self._durations), usage(self._sent, limit))

    def _spans(self) -> list[tuple[float, float]]:
        """From sending to the outcome; what has none yet counts to the last moment that the journal knows."""
        last = max([*self._ended[1::2], *self._sent], default=0.0)
        ended = zip(self._ended[::2], self._ended[1::2], strict=True)
        return [*ended, *((start, last) for start in self._open)]


def busy_seconds(spans: Sequence[tuple[float, float]]) -> float:
    """Seconds that the spans cover together."""
    covered, reached = 0.0, -math.inf
    for start, end in sorted(spans):
        covered += max(0.0, end - max(start, reached))
        reached = max(reached, end)
    return covered


def histogram(durations: Sequence[float]) -> Histogram | None:
    """Bars of a round width from the shortest to the 99th percentile; the few beyond do not flatten the others."""
    if not durations:
        return None
    ordered = sorted(durations)
    shortest, most = ordered[0], ordered[math.ceil(len(ordered) * 0.99) - 1]
    step = round_step(max((most - shortest) / (_BARS - 2), _LEAST))
    first = math.floor(shortest / step)
    counts = [0] * (math.floor(most / step) - first + 1)
    beyond = 0
    for seconds in ordered:
        bar = math.floor(seconds / step) - first
        if bar < len(counts):
            counts[bar] += 1
        else:
            beyond += 1
    return Histogram(first * step, step, tuple(counts), beyond)


def round_step(least: float) -> float:
    """The least of 1, 2, 5, 10, 20, … or their tenths, that is not below `least`."""
    power = 10.0 ** math.floor(math.log10(least))
    return next(step for step in (power, 2 * power, 5 * power, 10 * power) if step >= least)


def usage(sent: Sequence[float], limit: RateLimit) -> Usage | None:
    """Submissions over time, as a mean per period of the limit."""
    if not sent:
        return None
    first, last = min(sent), max(sent)
    periods = math.ceil((last - first) / limit.per / _POINTS) or 1
    step = periods * limit.per
    calls = [0] * (math.floor((last - first) / step) + 1)
    for moment in sent:
        calls[math.floor((moment - first) / step)] += 1
    return Usage(first, step, tuple(count / periods for count in calls), limit.n, limit.per)
