"""The journal against a dict that obeys the same rules, through closings and crashes."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from wan_async._journal import Journal, OpenJournal, State
from wan_async.errors import JournalError, RejectedError, SubmissionUnknownError, WanError

from .support import MODEL, good

if TYPE_CHECKING:
    from collections.abc import Coroutine

T = TypeVar("T")
KEYS = st.sampled_from([f"k{i}" for i in range(5)])
INPUTS = st.sampled_from([b"{}", b'{"seed":1}'])
OUTCOMES: dict[State, WanError | None] = {
    State.DONE: None,
    State.FAILED: RejectedError(422, "no"),
    State.UNKNOWN: SubmissionUnknownError("no answer"),
}


@dataclass(frozen=True)
class Row:
    content: bytes
    state: State
    task_id: str | None = None
    credits: float = 0.0
    earlier: float = 0.0
    fresh: bool = field(default=True, compare=False)


class Against(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.folder = Path(tempfile.mkdtemp())
        self.lives = 0
        self.rows: dict[str, Row] = {}

    @property
    def path(self) -> Path:
        return self.folder / f"{self.lives}.db"

    def do(self, call: Coroutine[None, None, T]) -> T:
        return self.runner.run(call)

    def refuses(self, call: Coroutine[None, None, object]) -> bool:
        try:
            self.do(call)
        except JournalError:
            return True
        return False

    @initialize()
    def begin(self) -> None:
        self.journal = self.do(OpenJournal.open(self.path))

    @rule(key=KEYS, content=INPUTS, price=st.sampled_from([1.0, 2.0]))
    def intend(self, key: str, content: bytes, price: float) -> None:
        row = self.rows.get(key)
        may = row is None or row.state is State.QUEUED
        assert self.do(self.journal.intend(0, key, MODEL, content, price=price)) is may
        if may:
            first, earlier = (content, 0.0) if row is None else (row.content, row.earlier)
            self.rows[key] = Row(first, State.SENDING, None, price, earlier)

    @rule(key=KEYS)
    def withdraw(self, key: str) -> None:
        row = self.rows.get(key)
        may = row is not None and row.state is State.SENDING
        assert self.refuses(self.journal.withdraw(key)) is not may
        if row is not None and may:
            self.rows[key] = replace(row, state=State.QUEUED, credits=0.0, fresh=True)

    @rule(key=KEYS)
    def accepted(self, key: str) -> None:
        row = self.rows.get(key)
        may = row is not None and row.state in {State.SENDING, State.UNKNOWN}
        assert self.refuses(self.journal.accepted(key, f"t-{key}")) is not may
        if row is not None and may:
            self.rows[key] = replace(row, state=State.RUNNING, task_id=f"t-{key}", fresh=True)

    @rule(key=KEYS, state=st.sampled_from(list(OUTCOMES)))
    def finished(self, key: str, state: State) -> None:
        record = good(cost=0.5) if state is State.DONE else None
        call = self.journal.finished(key, record=record, error=OUTCOMES[state])
        row = self.rows.get(key)
        if row is None:
            assert self.refuses(call)
            return
        may = row.state not in {State.DONE, State.FAILED} or row.state is state is State.DONE
        assert self.do(call) is may
        if may:
            unpaid = state is State.FAILED and row.task_id is None
            cost = 0.5 if state is State.DONE else 0.0 if unpaid else row.credits
            self.rows[key] = replace(row, state=state, credits=cost, fresh=True)

    @rule(states=st.sets(st.sampled_from([State.UNKNOWN, State.FAILED])), keys=st.none() | st.sets(KEYS))
    def requeue(self, states: set[State], keys: set[str] | None) -> None:
        chosen = [key for key, row in self.rows.items() if row.state in states and (keys is None or key in keys)]
        assert self.do(self.journal.requeue(states, keys)) == len(chosen)
        for key in chosen:
            row = self.rows[key]
            self.rows[key] = Row(row.content, State.QUEUED, None, 0.0, row.earlier + row.credits, row.fresh)

    @rule(key=KEYS, content=INPUTS)
    def look(self, key: str, content: bytes) -> None:
        look = self.do(self.journal.look(0, key, MODEL, content))
        row = self.rows.get(key)
        assert (look.entry is None) is (row is None)
        assert look.same_input is (row is None or row.content == content)

    @rule(crash=st.booleans())
    def next_run(self, crash: bool) -> None:
        """Close and open again; or go on with a copy of the files as a kill would leave them."""
        old = self.path
        if crash:
            self.lives += 1
            for suffix in ("", "-wal"):
                shutil.copy(f"{old}{suffix}", f"{self.path}{suffix}")
        self.do(self.journal.aclose())
        self.begin()
        self.rows = {
            key: replace(row, state=State.UNKNOWN if row.state is State.SENDING else row.state, fresh=False)
            for key, row in self.rows.items()
        }

    @invariant()
    def the_same(self) -> None:
        if not hasattr(self, "journal"):
            return
        entries = {entry.key: entry for entry in self.do(self.journal.page(tuple(State), 0))}
        assert {key: (e.input, e.state, e.task_id, e.credits or 0.0) for key, e in entries.items()} == {
            key: (row.content, row.state, row.task_id, row.credits) for key, row in self.rows.items()
        }
        earlier = self.do(self.journal.page(tuple(State), 0, earlier=True))
        assert {entry.key for entry in earlier} == {key for key, row in self.rows.items() if not row.fresh}
        spent = sum(row.earlier + row.credits for row in self.rows.values())
        assert self.do(self.journal.spent()) == spent
        with Journal.open_readonly(self.path) as reader:
            assert reader.counts().credits == spent
            assert [entry.key for entry in reader.entries()] == list(entries)

    def teardown(self) -> None:
        if hasattr(self, "journal"):
            self.do(self.journal.aclose())
        self.runner.close()
        shutil.rmtree(self.folder)


TestAgainstADict = Against.TestCase
TestAgainstADict.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)
