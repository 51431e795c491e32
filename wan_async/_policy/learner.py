"""One visitor of a shared window as it learns: what it saw changes the lessons, which all visitors share.

Lessons are changed rarely: by a rejection, by a probe, by a call that ends doubts. Who changes them does so from the
version that it knows; where another was faster, the same is done again from the newer one.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

import msgspec

from .lessons import BRAKE, Lessons
from .round_trip import RoundTrip
from .settings import RateLimit
from .shared_window import Turn
from .window import RESERVE

_FLIGHT = 0.1
"""The part of a window whose calls are one sample of the round trip: those of a burst are slow together."""
_NEARER = 0.95
"""A lead that is less than this part of the known one replaces it."""


class Change(msgspec.Struct, frozen=True):
    """Lessons that are to replace those of the version that is known.

    Attributes:
        lessons: these, and their text.
        brake: nobody goes before, by the storage's clock.
        total: calls that counted, from now on; below 0: as before.
    """

    lessons: Lessons
    text: str
    brake: float = -math.inf
    total: int = -1


class Learner:
    """The lessons as one visitor knows them, and its wishes for changes.

    Args:
        limit: what is known of the limit.
        given: somebody gave it, so that it replaces what the others have.

    Attributes:
        version: of the lessons that are known; 0 before the first visit.
        lessons: these.
    """

    def __init__(self, limit: RateLimit, *, given: bool) -> None:
        self.version = 0
        self.lessons = _unproven(limit)
        self._trips = RoundTrip()
        self._flight_ends = -math.inf
        self._fastest = math.inf
        self._former = 0.0  # the lead by which slots were freed that are free within a window
        self._former_until = math.inf
        self._steps: list[Callable[[Lessons], float | None]] = []
        self._given = self._asserted = limit if given else None
        self._total = 0

    @property
    def reuse(self) -> float:
        """Seconds from an answer until its slot is free again."""
        return self.lessons.per * (1 + RESERVE) - self.lessons.lead

    @property
    def early(self) -> float:
        """Seconds by which slots are free before this visitor's calls may use them, whose own way is shorter."""
        return max(0.0, max(self.lessons.lead, self._former) - self._trips.lead)

    @property
    def first_brake(self) -> float:
        """Seconds for which nobody goes after a rejection until it is known what it means; a probe's brakes nobody."""
        lessons = self.lessons
        return 0.0 if lessons.learnt.value > lessons.learnt.known else BRAKE * lessons.per

    @property
    def has_news(self) -> bool:
        """True if the lessons may have to be changed."""
        return self.version > 0 and (bool(self._steps) or self._asserted is not None)

    def set_limit(self, limit: RateLimit) -> None:
        """Another limit is given."""
        self._given = self._asserted = limit

    def counted(self, permit: float, seconds: float) -> None:
        """A call was answered after so many seconds."""
        if permit >= self._flight_ends:
            if self._fastest < math.inf:
                self._trips.add(self._fastest, 1)
            self._flight_ends, self._fastest = permit + _FLIGHT * self.lessons.per, math.inf
        self._fastest = min(self._fastest, seconds)
        lessons, lead = self.lessons, self._trips.lead
        if lead and not 0 < lessons.lead <= lead / _NEARER:
            self._steps.append(lambda lessons: _bring_nearer(lessons, lead))
        if (lessons.strikes and permit > lessons.struck) or permit >= lessons.learnt.refilled:
            self._steps.append(lambda lessons: lessons.confirm(permit))

    def rejected(self, permits: list[float], turn: Turn) -> None:
        """Calls were refused as too much; `turn` answers the visit that reported them."""
        full = turn.first >= 0 and turn.room - turn.calls <= 1
        oldest = turn.now + turn.first if full else None
        for others, permit in enumerate(permits, 1 - len(permits)):  # those refused later were under way then
            count = turn.calls - others
            self._steps.append(partial(_reject, permit=permit, now=turn.now, count=count, oldest=oldest))

    def filled(self, permit: float) -> None:
        """The window is full with the call of this permit."""
        learnt = self.lessons.learnt
        if learnt.value < learnt.ceiling or learnt.value > learnt.known:
            self._steps.append(lambda lessons: lessons.fill(permit))

    def change(self) -> Change | None:
        """The change that is to be made now."""
        if not self.has_news:
            return None
        if self._asserted is not None and self._asserted != self.lessons.limit:
            lessons = _unproven(self._asserted)
            return Change(lessons, lessons.to_text(), total=0)
        self._asserted = None
        lessons = self.lessons.copy()
        lessons.earn(self._total)
        before = lessons.copy()
        brakes = [brake for step in self._steps if (brake := step(lessons)) is not None]
        if lessons == before:
            self._steps.clear()
            return None
        return Change(lessons, lessons.to_text(), max(brakes, default=-math.inf))

    def hear(self, turn: Turn, change: Change | None) -> None:
        """Take in the answer to a visit that asked for that change."""
        self._total = turn.total
        if turn.now > self._former_until:
            self._former = 0.0
        if turn.lessons:
            before, self.lessons = self.lessons.lead, Lessons.from_text(turn.lessons)
            if self.lessons.lead < before:
                self._former, self._former_until = max(before, self._former), turn.now + self.lessons.per
            self.version = turn.version
            if change is not None and change.text == turn.lessons:
                self._steps.clear()
                self._asserted = None

    def forget(self) -> None:
        """The state was lost: whoever makes the next one begins with what it knows."""
        self.version = self.lessons.total = self._total = 0
        self._steps.clear()
        self._asserted = self._given


def _reject(lessons: Lessons, permit: float, now: float, count: int, oldest: float | None) -> float:
    return lessons.reject(permit, now, count, oldest)


def _unproven(limit: RateLimit) -> Lessons:
    """A limit as it was given: many begin at once, so the first rejection is believed, not paid for."""
    lessons = Lessons(limit)
    lessons.learnt.budget = 0.0
    return lessons


def _bring_nearer(lessons: Lessons, lead: float) -> None:
    if not 0 < lessons.lead <= lead:
        lessons.lead = lead
