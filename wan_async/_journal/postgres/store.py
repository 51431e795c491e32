"""A journal in PostgreSQL: `JournalStore` with many workers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable, Sequence
from functools import partial
from typing import Any, Self

from ..columns import ending_columns
from ..entries import Entry, State
from ..store import Acceptance, Asked, Claimed, Ending, Intended, Intent, LookedUp, TakenOver, Withdrawal, Written
from ..writer import Writer
from . import connecting, reads, writes
from .desk import PostgresDesk
from .lease import LEASE, RENEWAL, Lease
from .texts import path_to_text


class PostgresStore:
    """A `JournalStore` that any number of workers write; this one's work is done in one thread.

    What is asked is also done if the caller is cancelled while it waits. Nobody holding it any more closes it.
    """

    shared = True

    def __init__(self, writer: Writer[PostgresDesk], lease: Lease, replay: object) -> None:
        """Use `open`."""
        self._writer = writer
        self._lease = lease
        self._replay = replay
        self._claims: dict[str, int] = {}  # of what is not accepted yet, the lapses of the lease before it was claimed

    @classmethod
    async def open(
        cls, url: str, replay: object, failed: Callable[[Exception], None], *, fetches: bool = False
    ) -> Self:
        """Connect, and begin as a worker of the batch that the URL names behind its `#`.

        Raises:
            ConfigurationError: the URL cannot be read.
            JournalError: not to be reached, of a newer version, or the batch was moved to another place.
        """
        place, lease = connecting.place_of(url), Lease()
        writer = Writer(place.shown, lambda line: PostgresDesk(place, line, lease, replay, fetches), failed)
        _watch(lease, silent=False)
        try:
            await writer.opened()
        except BaseException:
            lease.ended = True
            raise
        return cls(writer, lease, replay)

    async def look_up(self, items: Sequence[Asked]) -> list[LookedUp]:
        return await self._writer.read(reads.look_up, items, self._replay)

    async def intend(self, intent: Intent) -> Intended:
        lapses = self._lease.lapses
        intended = await self._writer.write(writes.intend, intent)
        if isinstance(intended, Claimed):
            self._claims[intent.key] = lapses
        return intended

    def may_send(self, key: str | None = None) -> bool:
        """Whether the lease holds, and for a key: has held ever since that was claimed."""
        if self._writer.refusal() is not None or not self._lease.holds():
            return False
        return key is None or self._claims.get(key) == self._lease.lapses

    def accept_nowait(self, acceptance: Acceptance) -> None:
        self._claims.pop(acceptance.key, None)
        self._writer.write_nowait(writes.accept, acceptance)

    def withdraw_nowait(self, withdrawal: Withdrawal) -> None:
        self._claims.pop(withdrawal.key, None)
        self._writer.write_nowait(writes.withdraw, withdrawal)

    async def finish(self, ending: Ending) -> Written:
        columns = ending_columns(ending)
        self._claims.pop(ending.key, None)
        return await self._writer.write(writes.finish, (ending, {**columns, "path": path_to_text(columns["path"])}))

    async def save(self, key: str, path: str) -> Written:
        holds = await self._writer.write(reads.save, key, path)
        return Written.ON_DISK if holds or self._replay is True else Written.TOO_LATE

    def seen_nowait(self, keys: Iterable[str]) -> None:
        self._writer.write_nowait(writes.seen, tuple(keys))

    async def is_new(self) -> bool:
        """False: somebody else may write at any time."""
        return False

    async def page(self, states: Collection[State], after_id: int = 0, limit: int = 500) -> list[Entry]:
        """Nothing: what this worker is to hand over is looked up, or taken over."""
        return []

    async def report(self, keys: Iterable[str]) -> None:
        await self._writer.write(reads.report, tuple(keys))

    async def take_over(self, after_id: int = 0, limit: int = 500) -> list[Entry]:
        return await self._writer.read(_take_over, after_id, limit)

    async def unfetched(self, after_id: int = 0, limit: int = 500) -> list[Entry]:
        return await self._writer.read(_unfetched, after_id, limit)

    async def ended(self, key: str) -> LookedUp | TakenOver:
        future = self._writer.future()
        try:
            await self._writer.read(_wait_for, key, future)
            return await future
        finally:
            future.cancel()

    async def wait_again(self, accepted_after: float) -> int:
        return await self._writer.read(reads.wait_again, accepted_after)

    async def tokens(self, keys: Collection[str]) -> dict[str, str]:
        return await self._writer.read(reads.tokens, tuple(keys))

    async def requeue(self, states: Collection[State], keys: Iterable[str] | None = None) -> int:
        return await self._writer.read(reads.requeue, tuple(states), None if keys is None else tuple(keys))

    async def spent(self) -> float:
        return await self._writer.read(_spent)

    async def sent_since(self, unix_seconds: float) -> list[float]:
        return await self._writer.read(reads.sent_since, unix_seconds)

    async def set_limit(self, n: int, per: float) -> None:
        await self._writer.write(reads.set_limit, n, per)

    async def aclose(self) -> None:
        await self._writer.aclose()


def _watch(lease: Lease, *, silent: bool) -> None:
    """Give up a server that has said nothing for two leases, also to a loop that was not stopped meanwhile."""
    if lease.ended:
        return
    was_silent, silent = silent, lease.silence() > 2 * LEASE
    if was_silent and silent and lease.hang_up is not None:
        lease.hang_up()
    asyncio.get_running_loop().call_later(RENEWAL, partial(_watch, lease, silent=silent))


def _take_over(desk: PostgresDesk, after_id: int, limit: int) -> list[Entry]:
    return desk.watch.take_over(after_id, limit)


def _unfetched(desk: PostgresDesk, after_id: int, limit: int) -> list[Entry]:
    return desk.watch.unfetched(after_id, limit)


def _wait_for(desk: PostgresDesk, key: str, future: asyncio.Future[Any]) -> None:
    desk.watch.add(key, future)


def _spent(desk: PostgresDesk) -> float:
    ((spent,),) = desk.query(writes.SPENT, desk.batch)
    return spent
