"""A planner: the schedules of a client by the kinds of its tasks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .schedules import Advised, Learnt, Plain, SafetyNet, Schedule

if TYPE_CHECKING:
    from collections.abc import Hashable

    from .settings import Polling

KINDS = 256
"""Kinds remembered; the one not used for longest is forgotten first."""


class Planner:
    """The schedules of a client: one per kind, in bounded number.

    Args:
        polling: when tasks are polled; `Polling()` is learnt, or a safety net where they are called back.
        called_back: True if the ends of tasks are called back.

    Attributes:
        called_back: True if polls are only a safety net.
    """

    def __init__(self, polling: Polling, *, called_back: bool = False) -> None:
        self._plain = _plain(polling)
        self.called_back = called_back and self._plain is None
        self._unaged = self._made(Advised()) if self._plain is None else Plain(0.0, self._plain.interval)
        self._kinds: dict[Hashable, Schedule] = {}

    def schedule(self, kind: Hashable) -> Schedule:
        """The schedule that tasks of this kind share."""
        if self._plain is not None:
            return self._plain
        found = self._kinds.pop(kind, None) or self._made(Learnt())
        self._kinds[kind] = found
        if len(self._kinds) > KINDS:
            del self._kinds[next(iter(self._kinds))]
        return found

    def unaged(self) -> Schedule:
        """The schedule of a task of unknown age: now, then as if it were new; nothing is learnt of it."""
        return self._unaged

    def _made(self, schedule: Schedule) -> Schedule:
        return SafetyNet(schedule) if self.called_back else schedule


def _plain(polling: Polling) -> Plain | None:
    """The schedule that was given; where one of the two is given it stands in for the other."""
    first, interval = polling.first, polling.interval
    if first is None:
        return None if interval is None else Plain(interval, interval)
    return Plain(first, first if interval is None else interval)
