"""Patience with polls that show neither that a task still runs nor its end: numbers in, numbers out.

The rules:

- What may pass (no answer, a page, another task's record, a fault of the service) never ends a wait.
- An envelope that says that a task is unknown is believed after minutes in which nothing else was answered: "recordInfo
  is null" is usual for some seconds after createTask, and what a deploy says for a while is no proof that a paid task
  is lost. Of a task that was not submitted here and never found it is believed within seconds.
- A key that is refused for a while ends the wait with that error.
- A success without links is read again for some minutes, for links that come late; then it is the end as it stands.
- A failure that the record shows only in part is read again for some seconds, and is the end if it stays.
- Polls are repeated at growing distances, but not later than the schedule's own next poll, and one of them comes when
  the patience is over.
"""

from __future__ import annotations

import enum
from typing import NamedTuple

import msgspec

from ..errors import AuthenticationError, KeyQuotaError, NotFoundError, RejectedError, WanError

FIRST_GAP = 0.5
"""Seconds to the first repeat of a poll; twice as many to each next one, …"""
MOST_GAP = 30.0
"""… up to these."""


class TroubleKind(enum.Enum):
    """The kinds of trouble."""

    PASSING = "no answer about the task"
    UNKNOWN = "an envelope says that there is no such task (404, or it is null), or does not accept its id (422)"
    REFUSED = "the key is not accepted (401), or its quota is used up (433)"
    LINKLESS = "a success without links"
    DOUBTFUL = "a failure that the record shows only in part"


class Tolerance(NamedTuple):
    """The number of answers of a kind in a row, and the seconds from the first to the last, that end a wait."""

    answers: int
    seconds: float


TOLERANCES = {
    TroubleKind.UNKNOWN: Tolerance(3, 300.0),
    TroubleKind.REFUSED: Tolerance(6, 15.0),
    TroubleKind.LINKLESS: Tolerance(3, 600.0),
    TroubleKind.DOUBTFUL: Tolerance(3, 3.0),
}
ENDS = frozenset({TroubleKind.LINKLESS, TroubleKind.DOUBTFUL})
"""Records of an end that may not be the last word; what passes between them is no other trouble."""
NOT_OURS = Tolerance(3, 5.0)
"""The tolerance of UNKNOWN for a task that was neither submitted here nor ever found."""


def trouble_kind(error: WanError) -> TroubleKind:
    """The kind of trouble that a failed poll is."""
    match error:
        case AuthenticationError() | KeyQuotaError():
            return TroubleKind.REFUSED
        case NotFoundError() | RejectedError():
            return TroubleKind.UNKNOWN
        case _:
            return TroubleKind.PASSING


class Trouble(msgspec.Struct, frozen=True):
    """The polls of a task, up to the last, that showed neither that it still runs nor its end.

    Attributes:
        kind: what the last of them came to; an end that may not be the last word is awaited through what passes.
        since: the clock at the first of the last ones in a row of this kind.
        answers: how many these are.
        failures: how many all of them are.
    """

    kind: TroubleKind
    since: float
    answers: int = 1
    failures: int = 1

    def followed_by(self, kind: TroubleKind, now: float) -> Trouble:
        """The trouble after one more poll that came to this, at the clock `now`."""
        if kind is self.kind:
            return Trouble(kind, self.since, self.answers + 1, self.failures + 1)
        if kind is TroubleKind.PASSING and self.kind in ENDS:
            return Trouble(self.kind, self.since, self.answers, self.failures + 1)
        return Trouble(kind, now, failures=self.failures + 1)

    def is_over(self, kind: TroubleKind, now: float, *, known: bool) -> bool:
        """True if the poll that came to this last ends the wait; known: the task was submitted here, or found."""
        tolerance = self._tolerance(known) if kind is self.kind else None
        return tolerance is not None and self.answers >= tolerance.answers and now >= self.since + tolerance.seconds

    def next_poll(self, now: float, planned: float, *, known: bool) -> float:
        """The clock at the next poll, by the clock now and at the schedule's own next poll."""
        gap = min(FIRST_GAP * 2 ** min(self.failures - 1, 10), MOST_GAP)
        following = now + gap if self.kind in ENDS else min(now + gap, max(planned, now))
        tolerance = self._tolerance(known)
        over = now if tolerance is None else self.since + tolerance.seconds
        return over if now < over < following else following

    def _tolerance(self, known: bool) -> Tolerance | None:
        return NOT_OURS if self.kind is TroubleKind.UNKNOWN and not known else TOLERANCES.get(self.kind)
