"""Whatever is asked of a journal, in whatever order, closed or killed between: as a dictionary would have it."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import Coroutine
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from wan_async._journal import Journal, State
from wan_async._journal.store import (
    Acceptance,
    Claimed,
    Conflict,
    Ending,
    Fresh,
    Intent,
    Known,
    OverBudget,
    Taken,
    Withdrawal,
    Written,
)
from wan_async.errors import JournalError, RejectedError, SubmissionUnknownError, WanError

from ..stores import FilePlace, asked, entries
from ..support import MODEL, good

T = TypeVar("T")
KEYS = st.sampled_from([f"k{i}" for i in range(5)])
INPUTS = st.sampled_from([b"{}", b'{"seed":1}'])
OUTCOMES: dict[State, WanError | None] = {
    State.DONE: None,
    State.FAILED: RejectedError(422, "no"),
    State.UNKNOWN: SubmissionUnknownError("no answer"),
}
Step: TypeAlias = tuple[str, str, Any, Any]
STEPS: st.SearchStrategy[Step] = st.one_of(
    st.tuples(st.just("intend"), KEYS, INPUTS, st.sampled_from([None, 3.0, 5.0])),
    st.tuples(st.sampled_from(["withdraw", "accept"]), KEYS, st.integers(1, 2), st.none()),
    st.tuples(st.just("finish"), KEYS, st.sampled_from(list(OUTCOMES)), st.integers(1, 2)),
)
PRICE = 2.0


@dataclass(frozen=True)
class Row:
    content: bytes
    state: State
    task_id: str | None = None
    credits: float = 0.0
    earlier: float = 0.0
    attempt: int = 1
    fresh: bool = field(default=True, compare=False)


class Against(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.folder = Path(tempfile.mkdtemp())
        self.place = FilePlace(self.folder)
        self.rows: dict[str, Row] = {}

    def do(self, call: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(call)

    @initialize()
    def begin(self) -> None:
        self.store = self.do(self.place.open())

    @property
    def spent(self) -> float:
        return sum(row.earlier + row.credits for row in self.rows.values())

    @rule(steps=st.lists(STEPS, min_size=1, max_size=12))
    def way(self, steps: list[Step]) -> None:
        """Asked in one pass of the event loop, so done in one transaction."""

        async def ask() -> list[object]:
            return await asyncio.gather(*(self.ask(step) for step in steps), return_exceptions=True)

        given = [JournalError if isinstance(one, JournalError) else one for one in self.do(ask())]
        assert given == [self.expect(step) for step in steps]

    async def ask(self, step: Step) -> object:
        match step:
            case "intend", key, content, most:
                return await self.store.intend(Intent(0, key, MODEL, content, PRICE, None, most))
            case "withdraw", key, attempt, _:
                return self.store.withdraw_nowait(Withdrawal(key, attempt))
            case "accept", key, attempt, _:
                return self.store.accept_nowait(Acceptance(key, attempt, f"t-{key}-{attempt}"))
            case _, key, state, attempt:
                record = good(cost=0.5) if state is State.DONE else None
                return await self.store.finish(Ending(key, attempt, record, OUTCOMES[state]))

    def expect(self, step: Step) -> object:
        name, key, value, more = step
        row = self.rows.get(key)
        match name:
            case "intend":
                return self.intend(key, row, value, more)
            case "finish":
                return JournalError if row is None else self.finish(key, row, value, more)
            case "withdraw":
                if row is not None and row.state is State.SENDING and row.attempt == value:
                    self.rows[key] = replace(row, state=State.QUEUED, credits=0.0, fresh=True)
            case _:
                if row is not None and row.state in {State.SENDING, State.UNKNOWN} and row.attempt == value:
                    self.rows[key] = replace(row, state=State.RUNNING, task_id=f"t-{key}-{value}", fresh=True)
        return None

    def intend(self, key: str, row: Row | None, content: bytes, most: float | None) -> object:
        if row is not None and row.content != content:
            return Conflict(key)
        if row is not None and row.state is not State.QUEUED:
            return Taken()
        if most is not None and self.spent + PRICE > most:
            return OverBudget(self.spent)
        attempt = 1 if row is None else row.attempt + 1
        self.rows[key] = Row(content, State.SENDING, None, PRICE, 0.0 if row is None else row.earlier, attempt)
        return Claimed(attempt)

    def finish(self, key: str, row: Row, state: State, attempt: int) -> Written:
        may = row.state not in {State.DONE, State.FAILED} or row.state is state is State.DONE
        if not may or attempt != row.attempt:
            return Written.TOO_LATE
        unpaid = state is State.FAILED and row.task_id is None
        cost = 0.5 if state is State.DONE else 0.0 if unpaid else row.credits
        self.rows[key] = replace(row, state=state, credits=cost, fresh=True)
        return Written.ON_DISK

    @rule(states=st.sets(st.sampled_from([State.UNKNOWN, State.FAILED])), keys=st.none() | st.sets(KEYS))
    def requeue(self, states: set[State], keys: set[str] | None) -> None:
        chosen = [key for key, row in self.rows.items() if row.state in states and (keys is None or key in keys)]
        assert self.do(self.store.requeue(states, keys)) == len(chosen)
        for key in chosen:
            row = self.rows[key]
            past = row.earlier + row.credits
            self.rows[key] = Row(row.content, State.QUEUED, None, 0.0, past, row.attempt, row.fresh)

    @rule(key=KEYS, content=INPUTS)
    def look_up(self, key: str, content: bytes) -> None:
        row = self.rows.get(key)
        kind = Fresh if row is None else Known if row.content == content else Conflict
        assert self.do(self.store.look_up([asked(key, content)])) == [kind(key)]

    @rule()
    def take_over(self) -> None:
        taken = [entry.key for entry in self.do(self.store.take_over())]
        running = [key for key, row in self.rows.items() if row.state is State.RUNNING and not row.fresh]
        assert sorted(taken) == sorted(running)
        for key in taken:
            self.rows[key] = replace(self.rows[key], fresh=True)

    @rule(crash=st.booleans())
    def next_run(self, crash: bool) -> None:
        """Close and open again; or go on with what a kill would leave."""
        old = self.store
        if crash:
            self.do(self.place.crash())
        self.do(old.aclose())
        self.begin()
        self.rows = {
            key: replace(row, state=State.UNKNOWN if row.state is State.SENDING else row.state, fresh=False)
            for key, row in self.rows.items()
        }

    @invariant()
    def the_same(self) -> None:
        if not hasattr(self, "store"):
            return
        left = self.do(entries(self.store))
        assert left.keys() == {key for key, row in self.rows.items() if not row.fresh}
        assert self.do(self.store.spent()) == self.spent
        with Journal.open_readonly(self.place.where) as reader:
            assert reader.counts().credits == self.spent
            assert {e.key: (e.input, e.state, e.task_id, e.credits or 0.0, e.attempt) for e in reader.entries()} == {
                key: (row.content, row.state, row.task_id, row.credits, row.attempt) for key, row in self.rows.items()
            }

    def teardown(self) -> None:
        if hasattr(self, "store"):
            self.do(self.store.aclose())
        self.runner.close()
        shutil.rmtree(self.folder)
        assert all("is not in the journal, task" in str(fault) for fault in self.place.faults)


TestAgainstADict = Against.TestCase
TestAgainstADict.settings = settings(max_examples=25, stateful_step_count=15, deadline=None)
