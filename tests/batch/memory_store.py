"""A journal in memory that keeps the rules of `JournalStore`, for one writer or for many."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any

import msgspec

from wan_async import NotFoundError, SubmissionUnknownError, TaskState
from wan_async._journal.entries import Entry, State
from wan_async._journal.store import (
    Acceptance,
    Asked,
    Claimed,
    Conflict,
    Elsewhere,
    EndedElsewhere,
    Ending,
    Fresh,
    Intended,
    Intent,
    Known,
    LookedUp,
    OverBudget,
    Taken,
    TakenOver,
    Withdrawal,
    Written,
)

FINAL = (State.DONE, State.FAILED, State.UNKNOWN)


class Row(msgspec.Struct):
    entry: Entry
    worker: MemoryStore
    token: str | None


class MemoryJournal:
    """The rows, which outlive the stores that are opened on them."""

    def __init__(self) -> None:
        self.rows: dict[str, Row] = {}
        self.changed = asyncio.Condition()

    async def open(
        self, where: object, *, replay: Any, failed: Callable[[Exception], None], fetches: bool
    ) -> MemoryStore:
        """As `open_store`: one writer, and what was in the air is unknown."""
        for row in self.rows.values():
            if row.entry.state is State.SENDING:
                error = SubmissionUnknownError("the run ended while the submission was in the air")
                row.entry = msgspec.structs.replace(row.entry, state=State.UNKNOWN, error=error, reported=False)
        return MemoryStore(self, replay)

    async def join(
        self, where: object, *, replay: Any, failed: Callable[[Exception], None], fetches: bool
    ) -> MemoryStore:
        """As `open_store` of a database: one writer of many."""
        return MemoryStore(self, replay, shared=True)


class MemoryStore:
    """One run, or worker, on a `MemoryJournal`.

    Attributes:
        alive: False once the worker is dead: its lease is taken.
    """

    def __init__(self, journal: MemoryJournal, replay: Any, *, shared: bool = False) -> None:
        self._rows = journal.rows
        self._journal = journal
        self._replay = replay
        self._first = len(journal.rows)
        self._made: Counter[bytes] = Counter()
        self._handed: set[str] = set()
        self.shared = shared
        self.alive = True
        self.log: list[str] = []

    async def look_up(self, items: Sequence[Asked]) -> list[LookedUp]:
        await self._disk("look_up")
        return [self._looked_up(item) for item in items]

    def _looked_up(self, item: Asked) -> LookedUp:
        key = item.key
        if not key:
            self._made[item.content] += 1
            key = f"{hash(item.content)}-{self._made[item.content]}"
        row = self._rows.get(key)
        if row is None:
            return Fresh(key)
        entry = row.entry
        if (entry.model, entry.input) != (item.model, item.content):
            return Conflict(key)
        if not self.shared or row.worker is self:
            return Known(key)
        if entry.state in FINAL:
            return EndedElsewhere(entry) if self._replay is True else Known(key)
        return Fresh(key) if entry.state is State.QUEUED else Elsewhere(key)

    async def intend(self, intent: Intent) -> Intended:
        await self._disk("intend")
        row, spent, now = self._rows.get(intent.key), await self.spent(), time.time()
        if row is not None and (row.entry.model, row.entry.input) != (intent.model, intent.content):
            return Conflict(intent.key)
        if row is not None and row.entry.state is not State.QUEUED:
            return Taken()
        if intent.max_credits is not None and spent + (intent.price or 0.0) > intent.max_credits:
            return OverBudget(spent)
        attempt = 1 if row is None else row.entry.attempt + 1
        entry = Entry(
            id=len(self._rows) + 1 if row is None else row.entry.id,
            index=intent.index,
            key=intent.key,
            model=intent.model,
            input=intent.content,
            state=State.SENDING,
            sent_at=now,
            credits=intent.price,
            attempt=attempt,
        )
        self._rows[intent.key] = Row(entry, self, intent.token)
        return Claimed(attempt)

    def may_send(self, key: str | None = None) -> bool:
        return self.alive

    def accept_nowait(self, acceptance: Acceptance) -> None:
        task_id = acceptance.task_id
        self._rows[acceptance.key].worker = self
        self._change(acceptance.key, state=State.RUNNING, task_id=task_id, accepted_at=time.time(), reported=False)

    def withdraw_nowait(self, withdrawal: Withdrawal) -> None:
        row = self._rows[withdrawal.key]
        if row.entry.state is State.SENDING and row.entry.attempt == withdrawal.attempt:
            self._change(withdrawal.key, state=State.QUEUED, credits=None)

    async def finish(self, ending: Ending) -> Written:
        await self._disk("finish")
        row = self._rows[ending.key]
        if (self.shared and row.worker is not self) or row.entry.attempt != ending.attempt:
            return Written.TOO_LATE
        row.worker = self
        good = ending.record is not None and ending.record.state is TaskState.SUCCESS
        lost = isinstance(ending.error, SubmissionUnknownError)
        state = State.DONE if good else State.UNKNOWN if lost else State.FAILED
        changes: dict[str, Any] = {"record": ending.record, "error": ending.error, "path": ending.path}
        if ending.record is not None and ending.record.credits is not None:
            changes["credits"] = ending.record.credits
        elif state is State.FAILED:
            changes["credits"] = 0.0
        self._change(ending.key, state=state, finished_at=time.time(), reported=True, **changes)
        async with self._journal.changed:
            self._journal.changed.notify_all()
        return Written.ON_DISK

    async def save(self, key: str, path: str) -> Written:
        await self._disk("save")
        self._change(key, path=path, error=None)
        return Written.ON_DISK

    def seen_nowait(self, keys: Iterable[str]) -> None:
        for key in keys:
            if key in self._rows:
                self._change(key, seen=True)

    async def is_new(self) -> bool:
        return self._first == 0 and not self.shared

    async def page(self, states: Collection[State], after_id: int = 0, limit: int = 500) -> list[Entry]:
        await self._disk("page")
        if self.shared:
            return []
        entries = [row.entry for row in self._rows.values() if row.worker is not self]
        found = [one for one in entries if one.state in states and one.id > after_id and one.key not in self._handed]
        return sorted(found, key=lambda entry: entry.id)[:limit]

    async def report(self, keys: Iterable[str]) -> None:
        await self._disk("report")
        for key in keys:
            self._handed.add(key)
            self._change(key, reported=True)

    async def take_over(self, after_id: int = 0, limit: int = 500) -> list[Entry]:
        await self._disk("take_over")
        rows = [row for row in self._rows.values() if row.worker is not self and not (self.shared and row.worker.alive)]
        found = sorted((row for row in rows if row.entry.state is State.RUNNING), key=lambda row: row.entry.id)
        found = [row for row in found if row.entry.id > after_id][:limit]
        for row in found:
            row.worker = self
        return [row.entry for row in found]

    async def unfetched(self, after_id: int = 0, limit: int = 500) -> list[Entry]:
        return await self.page((State.DONE,), after_id, limit)

    async def ended(self, key: str) -> LookedUp | TakenOver:
        async with self._journal.changed:
            while True:
                row = self._rows[key]
                if row.entry.state is State.QUEUED:
                    return Fresh(key)
                if row.entry.state in FINAL:
                    return EndedElsewhere(row.entry) if self._replay is True else Known(key)
                if not row.worker.alive:
                    row.worker = self
                    return TakenOver(row.entry)
                await self._journal.changed.wait()

    async def wait_again(self, accepted_after: float) -> int:
        again = 0
        for key, row in self._rows.items():
            record = row.entry.record
            lost = row.entry.state is State.FAILED and isinstance(row.entry.error, NotFoundError)
            may_go_on = record is not None and (record.is_doubtful or record.lacks_links)
            if (lost or may_go_on) and (row.entry.accepted_at or 0.0) > accepted_after:
                self._change(key, state=State.RUNNING, error=None, record=None, reported=False)
                again += 1
        return again

    async def tokens(self, keys: Collection[str]) -> dict[str, str]:
        return {key: token for key in keys if (token := self._rows[key].token) is not None}

    async def requeue(self, states: Collection[State], keys: Iterable[str] | None = None) -> int:
        found = [key for key, row in self._rows.items() if row.entry.state in states]
        for key in found:
            self._change(key, state=State.QUEUED, error=None, reported=False)
        return len(found)

    async def spent(self) -> float:
        return sum(row.entry.credits or 0.0 for row in self._rows.values())

    async def sent_since(self, unix_seconds: float) -> list[float]:
        sent = (row.entry.sent_at or 0.0 for row in self._rows.values())
        return sorted(at for at in sent if at > unix_seconds)

    async def set_limit(self, n: int, per: float) -> None:
        await self._disk(f"limit {n}/{per}")

    async def aclose(self) -> None:
        self.alive = False
        async with self._journal.changed:
            self._journal.changed.notify_all()

    async def _disk(self, what: str) -> None:
        self.log.append(what)
        await asyncio.sleep(0)

    def _change(self, key: str, **changes: Any) -> None:
        row = self._rows[key]
        row.entry = msgspec.structs.replace(row.entry, **changes)
