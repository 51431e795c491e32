"""When a waiting task is looked at next: numbers in, numbers out.

The rules:

- `Polling(first=, interval=)` is that plain schedule.
- `Polling()` learns how long each kind takes (`durations`); until it knows, the provider's page is followed: every
  2 to 3 s for 30 s, then every 5 to 10 s, after 2 minutes every 15 to 30 s. Nothing bounds how long a task may take.
- A look that fails never fails the task: it is repeated at a growing, bounded distance. Only these end the wait: a
  record that stays unknown beyond its first 90 s, and a key refused again and again.
- A callback announces the end: if the record does not tell it yet, two more looks follow soon.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Protocol

from ..errors import AuthenticationError, KeyQuotaError, NotFoundError, RejectedError, WanError
from .durations import MAX_GAP, Durations

if TYPE_CHECKING:
    from collections.abc import Hashable

    from .settings import Polling

NEVER = -math.inf
"""The age at the last look of a task that was not looked at yet."""

GRACE = 90.0
"""Seconds of age for which an unknown record is waited for: "recordInfo is null" for some seconds after createTask."""

REFUSALS = 3
"""An unknown record is asked for so often before it is believed."""

DENIALS = 5
"""A refused key (401, 433) is tolerated so often in a row."""

SOON = (5.0, 1.0, 0.0)
"""Seconds to the next look by how many looks are left because of a callback, less one; the third only where the
callback came in the middle of a look."""

KINDS = 256
"""Kinds remembered; the one not used for longest is forgotten first."""

_GOLDEN = (math.sqrt(5) - 1) / 2  # multiples of it, modulo 1, lie evenly however many there are

RANKS = 64
"""Every so-manieth task of a kind is a scout of the first rank."""

_PAGE = ((5.0, 2.0, 3.0, 16), (30.0, 2.0, 3.0, 8), (120.0, 5.0, 10.0, 4), (math.inf, 15.0, 30.0, 2))
"""Until this age: the least and the most seconds between looks, and how many of RANKS keep to it. Together they see
the first end within 5 % of its age."""
_WAITING_FIRST = 10.0
_WAITING_GROWTH = 2.0

_RETRY_FIRST = 0.5
_RETRY_MOST = 30.0


class Schedule(Protocol):
    """When tasks of one kind are looked at. Their ranks, from 0 to RANKS - 1, keep them apart."""

    @property
    def revision(self) -> int:
        """Goes up when waiting tasks should be planned anew."""
        ...

    def enlist(self) -> int:
        """The rank of one more task."""
        ...

    def next_look(self, seen: float, rank: int) -> float:
        """The age of the next look at a task not done at age `seen` (NEVER: not looked at yet)."""
        ...

    def lateness(self, seen: float, age: float) -> float:
        """How late a look at `age` likely finds a task not done at age `seen`, as a part of what it took.

        `seen` is NEVER where it was not looked at yet.
        """
        ...

    def observe(self, seconds: float) -> None:
        """A task took so long."""
        ...


class Plain:
    """First after `first`, then every `interval` seconds."""

    __slots__ = ("_first", "interval", "revision")

    def __init__(self, first: float, interval: float) -> None:
        self._first = first
        self.interval = interval
        self.revision = 0

    def enlist(self) -> int:
        return 0

    def next_look(self, seen: float, rank: int) -> float:
        return self._first if seen < 0 else seen + self.interval

    def lateness(self, seen: float, age: float) -> float:
        return _lateness_unknown(seen, age)

    def observe(self, seconds: float) -> None:
        """Learns nothing."""


class Advised:
    """For tasks of unknown age: at once, then as the provider's page says."""

    __slots__ = ("revision",)

    def __init__(self) -> None:
        self.revision = 0

    def enlist(self) -> int:
        return 0

    def next_look(self, seen: float, rank: int) -> float:
        return 0.0 if seen < 0 else page(seen, rank)

    def lateness(self, seen: float, age: float) -> float:
        return _lateness_unknown(seen, age)

    def observe(self, seconds: float) -> None:
        """Learns nothing."""


class Learnt:
    """What the durations of this kind say; until the first is known a few scouts follow the page for all.

    The others wait for what the scouts find, so that a thousand tasks submitted at once do not spend the query limit on
    learning the same thing; their looks, at trebling ages, only make sure that no scout's fate decides theirs.
    """

    __slots__ = ("_durations", "_enlisted", "revision")

    def __init__(self) -> None:
        self.revision = 0
        self._durations = Durations()
        self._enlisted = -1

    def enlist(self) -> int:
        self._enlisted = (self._enlisted + 1) % RANKS
        return self._enlisted

    def next_look(self, seen: float, rank: int) -> float:
        seen = 0.0 if seen < 0.0 else seen  # `max` takes three times as long
        return self._durations.next_look(seen) if self._durations.count else page(seen, rank)

    def lateness(self, seen: float, age: float) -> float:
        if not self._durations.count:
            return _lateness_unknown(seen, age)
        return self._durations.lateness(seen, age)

    def observe(self, seconds: float) -> None:
        self._durations.observe(seconds)
        self.revision = self._durations.revision


def page(seen: float, rank: int) -> float:
    """The age of the next look where nothing is learnt, for a task of this rank last seen undone at age `seen`."""
    least, most, scouts = next(stage[1:] for stage in _PAGE if seen < stage[0])
    if rank < scouts:
        return seen + least + (most - least) * (rank * _GOLDEN % 1)
    return seen + min(max(_WAITING_GROWTH * seen, _WAITING_FIRST), MAX_GAP)


def _lateness_unknown(seen: float, age: float) -> float:
    """Where nothing is known, each doubling of the age is as likely to bring the end as the last."""
    gap = 1 - max(seen, 0.0) / age if age > 0 else 0.0
    return 0.25 * gap * gap  # done with a chance of gap / 2, in the middle of it


class Planner:
    """The schedules of a client: one per kind, in bounded number."""

    def __init__(self, polling: Polling) -> None:
        self._plain = _plain(polling)
        self._unaged = Advised() if self._plain is None else Plain(0.0, self._plain.interval)
        self._kinds: dict[Hashable, Learnt] = {}

    def schedule(self, kind: Hashable) -> Schedule:
        """The schedule that tasks of this kind share."""
        if self._plain is not None:
            return self._plain
        found = self._kinds.pop(kind, None) or Learnt()
        self._kinds[kind] = found
        if len(self._kinds) > KINDS:
            del self._kinds[next(iter(self._kinds))]
        return found

    def unaged(self) -> Schedule:
        """The schedule of a task of unknown age: now, then as if it were new; nothing is learnt of it."""
        return self._unaged


def _plain(polling: Polling) -> Plain | None:
    """The schedule that was asked for; where one of the two is given it stands in for the other."""
    first, interval = polling.first, polling.interval
    if first is None:
        return None if interval is None else Plain(interval, interval)
    return Plain(first, first if interval is None else interval)


def retry_age(error: WanError, failures: int, age: float) -> float:
    """The age at which a look that failed so often in a row is repeated: 0.5, 1, 2, … 30 s later.

    For an unknown record one look falls on the end of its grace.
    """
    later = age + min(_RETRY_FIRST * 2 ** min(failures - 1, 10), _RETRY_MOST)
    return GRACE if is_refusal(error) and age < GRACE < later else later


def ends_wait(error: WanError, failures: int, denials: int, age: float) -> bool:
    """True if a task of this age, whose looks failed so often in a row, is to be given up with this error."""
    if is_denial(error):
        return denials > DENIALS
    return is_refusal(error) and failures >= REFUSALS and age >= GRACE


def is_denial(error: WanError) -> bool:
    """The key is not accepted (401) or its quota is used up (433)."""
    return isinstance(error, (AuthenticationError, KeyQuotaError))


def is_refusal(error: WanError) -> bool:
    """There is no such task (404), or it is "null", or not accepted (422)."""
    return isinstance(error, (NotFoundError, RejectedError))
