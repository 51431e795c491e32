"""The writes of one transaction."""

from __future__ import annotations

from typing import Any

from ..store import Intent
from .writes import Many

RoundPart = tuple[Many[Any, Any], list[tuple[int, Any]]]


class Round:
    """One transaction: each kind of write once, in the order of their ranks.

    Attributes:
        numbers: whose calls these are.
        has_budget: whether an intent has a ceiling.
    """

    def __init__(self) -> None:
        self.numbers: list[int] = []
        self.has_budget = False
        self._parts: dict[int, RoundPart] = {}
        self._reached: dict[str, int] = {}

    def takes(self, work: Many[Any, Any], one: Any) -> bool:
        """Whether it may be done together with what is there: no key goes back."""
        key = work.key(one)
        return key is None or self._reached.get(key, -1) < work.rank

    def add(self, work: Many[Any, Any], one: Any, number: int) -> None:
        """Add what was asked by the call with that number."""
        key = work.key(one)
        if key is not None:
            self._reached[key] = work.rank
        self._parts.setdefault(work.rank, (work, []))[1].append((number, one))
        self.numbers.append(number)
        self.has_budget = self.has_budget or (isinstance(one, Intent) and one.max_credits is not None)

    def has(self, work: Many[Any, Any]) -> bool:
        """Whether anything of that kind is among it."""
        return work.rank in self._parts

    def parts(self) -> list[RoundPart]:
        """The kinds in their order, each with what was asked."""
        return [self._parts[rank] for rank in sorted(self._parts)]

    def singly(self) -> list[Round]:
        """A round for each, in order."""
        rounds: list[Round] = []
        for work, asked in self.parts():
            for number, one in asked:
                rounds.append(Round())
                rounds[-1].add(work, one, number)
        return rounds
