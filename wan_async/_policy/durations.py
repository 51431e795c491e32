"""Durations of one kind of task: what is learnt of them, and when that says to poll.

Ages and gaps are seconds. The last samples, each blurred by the distance to its neighbours, make a distribution cut
into cells of equal mass. From it a table is worked out backwards, cell by cell: the next poll that makes
`expected lateness + PRICE · expected polls` least. Beyond what is known, polls go on at a growing, bounded distance.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right, insort
from collections import deque
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .._protocol import TaskRecord

WINDOW = 128
"""Samples kept of a kind: a drift is forgotten after as many tasks."""

CELLS = 56
"""Cells of equal mass: the table costs CELLS² / 2 steps, 0.5 ms, when it is made anew."""

PRICE = 0.006
"""The price of a poll, in lateness as a part of the duration: where durations are spread by 12 %, 4.5 polls a task
find it 3.1 % late (`python -m benchmarks.polling`)."""

_SHORT = 1.0
"""Polls of tasks of this median, in seconds, cost half: there the round trip takes its part of the lateness too."""

MAX_GAP = 300.0
"""No task is left alone for longer, whatever was learnt: durations of 1 to 5 minutes are usual (observed)."""

LATE_PART = 0.1
"""Beyond what was learnt: the part of its age after which a task is polled again."""
LATE_GAP = 30.0
"""… and the longest such distance; the provider's page says 15 to 30 s."""
_LATE_LEAST = 0.05

_BLUR_FEW = 0.25
_BLUR_LEAST = 0.003
_TAIL_POWER = 3
_LEAST = 0.001
_A_DAY = 86_400.0


class Durations:
    """The durations of one kind of task, and the table of polls made of them.

    Attributes:
        count: samples taken in.
        revision: goes up when the table has changed so much that waiting tasks should be planned anew.
    """

    __slots__ = (
        "_best",
        "_cells",
        "_due",
        "_published",
        "_published_at",
        "_recent",
        "_slopes",
        "_sorted",
        "_tail",
        "_weights",
        "count",
        "revision",
    )

    def __init__(self) -> None:
        self.count = 0
        self.revision = 0
        self._recent: deque[float] = deque()
        self._sorted: list[float] = []
        self._cells: list[float] = []
        self._tail = 1.0
        self._weights: list[float] = []
        self._best: list[float] = []
        self._slopes: list[float] = []
        self._due = 0
        self._published = 0.0
        self._published_at = 0

    @property
    def latest(self) -> float:
        """The longest of the samples kept, 0 if there are none."""
        return self._sorted[-1] if self._sorted else 0.0

    def observe(self, seconds: float) -> None:
        """Add one duration; the oldest of more than WINDOW is dropped. What is no duration is ignored."""
        if not 0 <= seconds < math.inf:
            return
        seconds = max(seconds, _LEAST)
        self.count += 1
        self._recent.append(seconds)
        insort(self._sorted, seconds)
        if len(self._recent) > WINDOW:
            del self._sorted[bisect_left(self._sorted, self._recent.popleft())]
        if self.count >= self._due:
            self._learn()

    def next_poll(self, undone: float) -> float:
        """The age of the next poll of a task that was undone at age `undone`; greater than `undone`.

        Once the first tasks of its kind are done at that age it is not left alone for longer than it was waited for:
        what was learnt of two humps does not say where exactly the first one ends.
        """
        cells = self._cells
        cell = bisect_left(cells, undone)
        if cell == len(cells):
            return undone + _late_gap(undone)
        poll = self._best[cell] + self._slopes[cell] * (undone - cells[cell])
        if cell > 0 and poll > 2 * undone:
            poll = 2 * undone
        return poll if poll < undone + MAX_GAP else undone + MAX_GAP

    def lateness(self, undone: float, age: float) -> float:
        """The likely lateness of a poll at `age`, of a task undone at `undone`: a part of its duration; to a cell."""
        cells, last = self._cells, len(self._cells) - 1
        from_, to = bisect_left(cells, undone), bisect_right(cells, age) - 1
        if from_ > last:
            return _tail_lateness(age / undone)
        if to < from_:
            return 0.0
        mass = (1 - self._tail) / last
        late = age * (self._weights[to] - self._weights[from_]) - (to - from_) * mass
        if to == last:
            late += self._tail * _tail_lateness(age / cells[last])
        return late / (1 - from_ * mass)

    def _learn(self) -> None:
        self._due = self.count + max(1, len(self._recent) // 8)
        self._cells = _cells(self._sorted)
        self._tail = 1 / (len(self._recent) + 2)
        self._weights = _weights(self._cells, self._tail)
        self._best = _best_polls(self._cells, self._weights, self._tail)
        self._slopes = _slopes(self._cells, self._best)
        first = self._best[0]
        if self.count >= 2 * self._published_at or abs(first - self._published) > LATE_PART * self._published:
            self.revision += 1
            self._published, self._published_at = first, self.count


def _late_gap(undone: float) -> float:
    """Seconds to the next poll of a task older than all that was learnt."""
    return min(max(LATE_PART * undone, _LATE_LEAST), LATE_GAP)


def _tail_lateness(times: float) -> float:
    """The likely lateness of a poll at `times` the age of a task that is older than all that was learnt."""
    return (_TAIL_POWER * times - _TAIL_POWER - 1 + times**-_TAIL_POWER) / (_TAIL_POWER + 1)


def _cells(samples: list[float]) -> list[float]:
    """Bounds of CELLS cells of equal mass, strictly growing, of samples given in order."""
    count = len(samples)
    reach = max(1, round(count**0.5 / 2))
    few = max(_BLUR_LEAST, _BLUR_FEW / count)
    points: list[float] = []
    for index, middle in enumerate(samples):
        near = min(samples[min(index + reach, count - 1)] - middle, middle - samples[max(index - reach, 0)])
        blur = max(few * middle, near)
        points += (max(middle + step * blur, middle / 2) for step in (-1.0, -0.5, 0.0, 0.5, 1.0))
    points.sort()
    last = len(points) - 1
    bounds = [_between(points, last * cell / CELLS) for cell in range(CELLS + 1)]
    return _growing(bounds)


def _between(points: list[float], place: float) -> float:
    below = min(int(place), len(points) - 2)
    return points[below] + (points[below + 1] - points[below]) * (place - below)


def _growing(bounds: list[float]) -> list[float]:
    """The bounds, each at least a millionth above the one before."""
    for index in range(1, len(bounds)):
        bounds[index] = max(bounds[index], bounds[index - 1] * 1.000001)
    return bounds


def _weights(cells: list[float], tail: float) -> list[float]:
    """Up to each bound: mass by age, so that lateness counts as a part of the duration."""
    mass = (1 - tail) / (len(cells) - 1)
    return list(accumulate((2 * mass / (below + above) for below, above in pairwise(cells)), initial=0.0))


def _slopes(cells: list[float], best: list[float]) -> list[float]:
    """The slopes by which the best poll moves with the age below each bound."""
    steps = zip(pairwise(cells), pairwise(best), strict=True)
    return [0.0, *((best2 - best1) / (cell2 - cell1) for (cell1, cell2), (best1, best2) in steps)]


def _best_polls(cells: list[float], weights: list[float], tail: float) -> list[float]:
    """For each bound: the best next poll of a task undone there."""
    last = len(cells) - 1
    mass = (1 - tail) / last
    price = PRICE * cells[last // 2] / (cells[last // 2] + _SHORT)
    costs = [0.0] * last + [tail * (2 * price + LATE_PART / 2)]
    best = [0.0] * last + [cells[last] + _late_gap(cells[last])]
    for here in range(last - 1, -1, -1):
        done = weights[here]
        cost, there = min(
            (cells[there] * (weights[there] - done) - (there - here) * mass + costs[there], there)
            for there in range(here + 1, last + 1)
        )
        costs[here] = price * (1 - here * mass) + cost
        best[here] = cells[there]
    return best


def measured(record: TaskRecord, undone: float, found: float) -> float | None:
    """Seconds that a task took, last found undone at age `undone` and done at age `found`; None: too vague to say.

    Of what the provider says, the first that agrees with what was found counts (`costTime` is seconds, though the
    pages say milliseconds); else the middle, where the two polls are near enough to say something.
    """
    slack = 1.0 + 0.05 * found
    earliest = max(undone, 0.0)
    for seconds in (stamped(record), record.cost_time):
        if seconds is not None and earliest - slack <= seconds <= found + slack:
            return min(max(seconds, earliest), found)
    return (undone + found) / 2 if undone >= found / 2 else None


def stamped(record: TaskRecord) -> float | None:
    """Seconds that a task took by the provider's two times; None where they do not say."""
    if record.created_at is None or record.completed_at is None:
        return None
    seconds = (record.completed_at - record.created_at).total_seconds()
    return seconds if 0 < seconds < _A_DAY else None
