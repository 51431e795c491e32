"""The journal against a dict that obeys the same rules, through closings and crashes."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias, TypeVar

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from wan_async._journal import Journal, OpenJournal, State
from wan_async.errors import JournalError, RejectedError, SubmissionUnknownError, WanError

from .support import MODEL, good, look

if TYPE_CHECKING:
    from collections.abc import Awaitable

T = TypeVar("T")
KEYS = st.sampled_from([f"k{i}" for i in range(5)])
INPUTS = st.sampled_from([b"{}", b'{"seed":1}'])
OUTCOMES: dict[State, WanError | None] = {
    State.DONE: None,
    State.FAILED: RejectedError(422, "no"),
    State.UNKNOWN: SubmissionUnknownError("no answer"),
}
Step: TypeAlias = tuple[str, str, bytes | State | None, float]
STEPS: st.SearchStrategy[Step] = st.one_of(
    st.tuples(st.just("intend"), KEYS, INPUTS, st.sampled_from([1.0, 2.0])),
    st.tuples(st.sampled_from(["withdraw", "accepted"]), KEYS, st.none(), st.just(0.0)),
    st.tuples(st.just("finished"), KEYS, st.sampled_from(list(OUTCOMES)), st.just(0.0)),
)


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

    def do(self, call: Awaitable[T]) -> T:
        async def awaited() -> T:
            return await call

        return self.runner.run(awaited())

    @initialize()
    def begin(self) -> None:
        self.journal = self.do(OpenJournal.open(self.path))

    @rule(asked=st.lists(STEPS, min_size=1, max_size=12))
    def steps(self, asked: list[Step]) -> None:
        """Asked in one pass of the event loop, so done in one transaction: few one by one, many together."""

        async def ask() -> list[object]:
            return await asyncio.gather(*(self.ask(step) for step in asked), return_exceptions=True)

        given = [JournalError if isinstance(one, JournalError) else one for one in self.runner.run(ask())]
        assert given == [self.expect(step) for step in asked]

    def ask(self, step: Step) -> Awaitable[bool]:
        match step:
            case "intend", key, bytes() as content, price:
                return self.journal.intend(0, key, MODEL, content, price=price)
            case "withdraw", key, _, _:
                return self.journal.withdraw(key)
            case "accepted", key, _, _:
                return self.journal.accepted(key, f"t-{key}")
            case _, key, state, _:
                record = good(cost=0.5) if state is State.DONE else None
                return self.journal.finished(key, record=record, error=OUTCOMES[State(state)])

    def expect(self, step: Step) -> bool | type[JournalError]:
        name, key, value, price = step
        row = self.rows.get(key)
        match name:
            case "intend":
                return self.intend(key, row, value, price)
            case "finished":
                return JournalError if row is None else self.finished(key, row, State(value))
            case "withdraw":
                if row is None or row.state is not State.SENDING:
                    return JournalError
                self.rows[key] = replace(row, state=State.QUEUED, credits=0.0, fresh=True)
            case _:
                if row is None or row.state not in {State.SENDING, State.UNKNOWN}:
                    return JournalError
                self.rows[key] = replace(row, state=State.RUNNING, task_id=f"t-{key}", fresh=True)
        return True

    def intend(self, key: str, row: Row | None, content: object, price: float) -> bool:
        assert isinstance(content, bytes)
        may = row is None or (row.state is State.QUEUED and row.content == content)
        if may:
            self.rows[key] = Row(content, State.SENDING, None, price, 0.0 if row is None else row.earlier)
        return may

    def finished(self, key: str, row: Row, state: State) -> bool:
        may = row.state not in {State.DONE, State.FAILED} or row.state is state is State.DONE
        if may:
            unpaid = state is State.FAILED and row.task_id is None
            cost = 0.5 if state is State.DONE else 0.0 if unpaid else row.credits
            self.rows[key] = replace(row, state=state, credits=cost, fresh=True)
        return may

    @rule(states=st.sets(st.sampled_from([State.UNKNOWN, State.FAILED])), keys=st.none() | st.sets(KEYS))
    def requeue(self, states: set[State], keys: set[str] | None) -> None:
        chosen = [key for key, row in self.rows.items() if row.state in states and (keys is None or key in keys)]
        assert self.do(self.journal.requeue(states, keys)) == len(chosen)
        for key in chosen:
            row = self.rows[key]
            self.rows[key] = Row(row.content, State.QUEUED, None, 0.0, row.earlier + row.credits, row.fresh)

    @rule(key=KEYS, content=INPUTS)
    def known(self, key: str, content: bytes) -> None:
        found = self.do(look(self.journal, key, MODEL, content))
        row = self.rows.get(key)
        assert (found.entry is None) is (row is None)
        assert found.same_input is (row is None or row.content == content)

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
TestAgainstADict.settings = settings(max_examples=40, stateful_step_count=20, deadline=None)
