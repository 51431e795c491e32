"""A journal in a file: `JournalStore` with one writer."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Self

from ..columns import ending_columns
from ..entries import Entry, State
from ..store import Acceptance, Asked, Ending, Intended, Intent, Known, LookedUp, Withdrawal, Written
from ..writer import Writer
from . import reads, writes
from .hold import Hold


class SqliteStore:
    """A `JournalStore` in an SQLite file that this process alone writes; its work is done in one thread.

    What is asked is also done if the caller is cancelled while it waits. Nobody holding it any more closes it.
    """

    shared = False

    def __init__(self, writer: Writer[Hold]) -> None:
        """Use `open`."""
        self._writer = writer

    @classmethod
    async def open(cls, path: str | os.PathLike[str], failed: Callable[[Exception], None]) -> Self:
        """Lock the journal and open it; nothing there, or an empty file, becomes a new one.

        Raises JournalError: in use (naming the holder), not a journal or of a newer version (left as it is), no such
        folder, not writable.
        """
        name = os.fspath(path)
        writer = Writer(name, lambda _: Hold(name), failed)
        await writer.opened()
        return cls(writer)

    async def look_up(self, items: Sequence[Asked]) -> list[LookedUp]:
        return await self._writer.read(reads.look_up, items)

    async def intend(self, intent: Intent) -> Intended:
        return await self._writer.write(writes.intend, intent)

    def may_send(self, key: str | None = None) -> bool:
        return self._writer.refusal() is None

    def accept_nowait(self, acceptance: Acceptance) -> None:
        self._writer.write_nowait(writes.accept, acceptance)

    def withdraw_nowait(self, withdrawal: Withdrawal) -> None:
        self._writer.write_nowait(writes.withdraw, withdrawal)

    async def finish(self, ending: Ending) -> Written:
        return await self._writer.write(writes.finish, ending, ending_columns(ending))

    async def save(self, key: str, path: str) -> Written:
        await self._writer.write(writes.save, key, path)
        return Written.ON_DISK

    def seen_nowait(self, keys: Iterable[str]) -> None:
        self._writer.write_nowait(writes.seen, tuple(keys))

    async def is_new(self) -> bool:
        return await self._writer.read(reads.is_new)

    async def page(self, states: Collection[State], after_id: int = 0, limit: int = 500) -> list[Entry]:
        return await self._writer.read(reads.earlier_page, states, after_id, limit)

    async def report(self, keys: Iterable[str]) -> None:
        await self._writer.write(writes.report, tuple(keys))

    async def take_over(self, after_id: int = 0, limit: int = 500) -> list[Entry]:
        return await self._writer.read(reads.take_over, after_id, limit)

    async def unfetched(self, after_id: int = 0, limit: int = 500) -> list[Entry]:
        while page := await self.page((State.DONE,), after_id, limit):
            found = [entry for entry in page if entry.path is None]
            if found:
                return found
            after_id = page[-1].id
        return []

    async def ended(self, key: str) -> LookedUp:
        """At once: a file has no other worker."""
        return Known(key)

    async def wait_again(self, accepted_after: float) -> int:
        return await self._writer.read(reads.wait_again, accepted_after)

    async def tokens(self, keys: Collection[str]) -> dict[str, str]:
        return await self._writer.read(reads.tokens, tuple(keys))

    async def requeue(self, states: Collection[State], keys: Iterable[str] | None = None) -> int:
        return await self._writer.read(reads.requeue, tuple(states), None if keys is None else tuple(keys))

    async def spent(self) -> float:
        return await self._writer.read(writes.spent)

    async def sent_since(self, unix_seconds: float) -> list[float]:
        return await self._writer.read(reads.sent_since, unix_seconds)

    async def set_limit(self, n: int, per: float) -> None:
        await self._writer.write(reads.set_limit, n, per)

    async def aclose(self) -> None:
        await self._writer.aclose()
