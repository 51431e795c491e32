"""The schedules by which waiting tasks are polled: numbers in, numbers out.

The rules:

- `Polling(first=, interval=)` is that plain schedule.
- `Polling()` learns how long each kind takes (`durations`); until it knows, the provider's advice is followed: every
  2 to 3 s for 30 s, then every 5 to 10 s, after 2 minutes every 15 to 30 s. Nothing bounds how long a task may take.
- A poll that fails is repeated, see `patience`.
- A callback announces the end: one poll confirms it, see `waiting_task`. A safety net finds what is not called back.
"""

from __future__ import annotations

import math

from .durations import MAX_GAP, Durations

NEVER = -math.inf
"""The age at the last poll of a task that was not polled yet."""

_GOLDEN = (math.sqrt(5) - 1) / 2  # multiples of it, modulo 1, lie evenly however many there are

RANKS = 64
"""Tasks of a kind to each scout of the first rank."""

_ADVICE = ((5.0, 2.0, 3.0, 16), (30.0, 2.0, 3.0, 8), (120.0, 5.0, 10.0, 4), (math.inf, 15.0, 30.0, 2))
"""Until this age: the least and the most seconds between polls, and how many of RANKS keep to it. Together they see
the first end within 5 % of its age."""
RARELY = 120.0
"""Seconds between polls of tasks that are called back: tasks take 56 to 785 s (observed)."""
OVERDUE_PART, OVERDUE = 1.25, 10.0
"""A task that is called back is overdue beyond this multiple of the latest that was learnt, and these seconds."""
SCOUTED, SCOUTS = 15.0, 2
"""Ages, where nothing is learnt, from which on the first of RANKS are polled at doubling ages."""
MISSED = 2
"""Ends in a row without a callback, after which nobody expects callbacks of this kind any more."""

_WAITING_FIRST = 10.0
_WAITING_GROWTH = 2.0


class Schedule:
    """The times at which tasks of one kind are polled; this one learns nothing, and is the base of those that do.

    The ranks of tasks, from 0 to RANKS - 1, keep them apart.

    Attributes:
        revision: goes up when waiting tasks should be planned anew.
        latest: the longest that a task took of those that were learnt of; 0 where there are none.
    """

    revision: int
    latest: float

    def __init__(self) -> None:
        self.revision = 0
        self.latest = 0.0

    def enlist(self) -> int:
        """The rank of one more task."""
        return 0

    def next_poll(self, undone: float, rank: int) -> float:
        """The age of the next poll of a task undone at age `undone` (NEVER: not polled yet)."""
        raise NotImplementedError

    def lateness(self, undone: float, age: float) -> float:
        """The likely lateness of a poll at `age`, of a task undone at `undone`: a part of what it took.

        `undone` is NEVER where it was not polled yet.
        """
        return _lateness_unknown(undone, age)

    def observe(self, seconds: float) -> None:
        """Learn that a task took so long."""

    def called_back(self) -> None:
        """Note that a task's callback came."""

    def missed(self) -> None:
        """Note that a task was found done by a poll that no callback had asked for."""


class Plain(Schedule):
    """First after `first`, then every `interval` seconds."""

    def __init__(self, first: float, interval: float) -> None:
        super().__init__()
        self._first = first
        self.interval = interval

    def next_poll(self, undone: float, rank: int) -> float:
        return self._first if undone < 0 else undone + self.interval


class Advised(Schedule):
    """For tasks of unknown age: at once, then as the provider advises."""

    def next_poll(self, undone: float, rank: int) -> float:
        return 0.0 if undone < 0 else advised(undone, rank)


class Learnt(Schedule):
    """Times by the durations of this kind; until the first is known a few scouts follow the advice for all.

    The others wait for what the scouts find, so that a thousand tasks submitted at once do not spend the query limit on
    learning the same thing; their polls, at trebling ages, only make sure that no scout's fate decides theirs.
    """

    def __init__(self) -> None:
        super().__init__()
        self._durations = Durations()
        self._enlisted = -1

    def enlist(self) -> int:
        self._enlisted = (self._enlisted + 1) % RANKS
        return self._enlisted

    def next_poll(self, undone: float, rank: int) -> float:
        undone = 0.0 if undone < 0.0 else undone  # `max` takes three times as long
        return self._durations.next_poll(undone) if self._durations.count else advised(undone, rank)

    def lateness(self, undone: float, age: float) -> float:
        if not self._durations.count:
            return _lateness_unknown(undone, age)
        return self._durations.lateness(undone, age)

    def observe(self, seconds: float) -> None:
        self._durations.observe(seconds)
        self.revision = self._durations.revision
        self.latest = self._durations.latest


class SafetyNet(Schedule):
    """For tasks whose end is called back: polls that find what a lost callback hides.

    They are rare: every two minutes, and once when a task takes longer than all that were learnt of. Where nothing is
    learnt, a few scouts are polled sooner. When tasks end and none of the kind is called back the receiver is gone:
    they are polled as without callbacks until one comes again.

    Args:
        without: the schedule without callbacks.
    """

    def __init__(self, without: Schedule) -> None:
        super().__init__()
        self._without = without
        self._missed = MISSED - 1  # none was called back yet

    def enlist(self) -> int:
        return self._without.enlist()

    def next_poll(self, undone: float, rank: int) -> float:
        if self._missed >= MISSED:
            return self._without.next_poll(undone, rank)
        undone = max(undone, 0.0)
        return min(self._sooner(undone, rank), undone + RARELY)

    def _sooner(self, undone: float, rank: int) -> float:
        """The age at which a task is overdue, or a scout is polled; then twice the age each time."""
        if self._without.latest:
            sooner = self._without.latest * OVERDUE_PART + OVERDUE
        else:
            sooner = SCOUTED if rank < SCOUTS else math.inf
        return sooner if undone < sooner else 2 * undone

    def lateness(self, undone: float, age: float) -> float:
        return self._without.lateness(undone, age)

    def observe(self, seconds: float) -> None:
        before = self._without.revision
        self._without.observe(seconds)
        self.revision += self._without.revision - before

    def called_back(self) -> None:
        self._note(0)

    def missed(self) -> None:
        self._note(min(self._missed + 1, MISSED))

    def _note(self, missed: int) -> None:
        if (missed < MISSED) != (self._missed < MISSED):
            self.revision += 1
        self._missed = missed


def advised(undone: float, rank: int) -> float:
    """The age of the next poll where nothing is learnt, for a task of this rank last found undone at age `undone`."""
    least, most, scouts = next(stage[1:] for stage in _ADVICE if undone < stage[0])
    if rank < scouts:
        return undone + least + (most - least) * (rank * _GOLDEN % 1)
    return undone + min(max(_WAITING_GROWTH * undone, _WAITING_FIRST), MAX_GAP)


def _lateness_unknown(undone: float, age: float) -> float:
    """The lateness where nothing is known: each doubling of the age is as likely to bring the end as the last."""
    gap = 1 - max(undone, 0.0) / age if age > 0 else 0.0
    return 0.25 * gap * gap  # done with a chance of gap / 2, in the middle of it
