"""The ledger of a batch: what earlier runs did comes back, what this run does is on disk before it counts.

Without a journal nothing is written, and nothing comes back.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Collection
from typing import TYPE_CHECKING

from .._journal.entries import State
from .._journal.keys import positional_key
from .._journal.opening import Replay
from .._journal.store import (
    Acceptance,
    Asked,
    Claimed,
    Conflict,
    Intent,
    OverBudget,
    Refused,
    Taken,
    TakenOver,
    Withdrawal,
    Written,
)
from ..errors import WanError
from ..models import WanInput
from ..prices import unpriced
from .earlier import Earlier
from .entries import admitted, ending_of, learn_from, require_replay
from .stages import UNSENT, Attempt, Ended, Item, Stage, Unfetched, price_of

if TYPE_CHECKING:
    from .._journal.store import JournalStore
    from .._policy.settings import RateLimit
    from .service import Service

KEPT = 14 * 86_400.0
"""Seconds for which the provider keeps a task's files."""

_ROUNDING = 1e-9
"""Sums of fractional prices."""


class Ledger:
    """The run of a batch, as its journal knows it.

    What is awaited is on disk then, or raises `JournalError`; what ends in `_nowait` is written in its order.

    Args:
        journal: where the journal is; None: nothing is written down.
        service: what is done for the items: where it fetches clips, those that earlier runs did not fetch are
            `unfetched`, not replayed; where it finds lost submissions, those of earlier runs are sought.
        replay: give the finished outcomes of earlier runs again; "unseen": those that no caller's loop took.
        resubmit_unknown: send again what earlier runs left with an unknown fate.
        max_credits: what may be charged, earlier runs included; None: anything.
        limit: the account's limit, noted for those who show what was used of it; what was sent lately counts in it.

    Attributes:
        earlier: what earlier runs left, once it is open; None without a journal.
        durable: whether anything is written.
        shared: whether other workers write too.
        charged: credits that were or may be charged for what this run submitted: what was consumed where that is known,
            else the list price.
    """

    def __init__(
        self,
        journal: str | os.PathLike[str] | None,
        service: Service,
        replay: Replay = True,
        resubmit_unknown: bool = False,
        *,
        max_credits: float | None = None,
        limit: RateLimit | None = None,
    ) -> None:
        require_replay(replay)
        self._journal = journal
        self._learn, self._limiter = service.learn, service.limiter
        self._replay: Replay = replay
        self._resubmit_unknown = resubmit_unknown
        self._fetch = service.download is not None
        self._adopt_within = None if service.adoption is None else service.adoption.within
        self._limit = limit
        self._store: JournalStore | None = None
        self._is_new = True
        self.earlier: Earlier | None = None
        self.durable: bool = journal is not None
        self.shared: bool = False
        self.max_credits = max_credits
        self.charged: float = 0.0

    async def open(self, failed: Callable[[Exception], None]) -> None:
        """Open it; `failed` hears, later, of a write that failed where nobody waited."""
        if self._journal is None:
            return
        from .._journal import open_store  # with sqlite3: 7 ms that importing wan_async does without

        self._store = store = await open_store(self._journal, replay=self._replay, failed=failed, fetches=self._fetch)
        self.earlier = Earlier(store, self._replay, fetch=self._fetch, adopt_within=self._adopt_within)
        self.shared = store.shared
        if self._resubmit_unknown:
            await store.requeue((State.UNKNOWN,))
        await store.wait_again(time.time() - KEPT)
        self._is_new = await store.is_new()
        if not self._is_new:
            learn_from(await store.page((State.DONE,), 0), self._learn)
        if self._limit is not None:
            await store.set_limit(self._limit.n, self._limit.per)
        if self._limiter is not None and self._limiter.memory and not self._is_new:
            self._limiter.remember(await store.sent_since(time.time() - self._limiter.memory))

    async def written(self) -> None:
        """Wait until what was asked is on disk; what goes wrong there, `open`'s `failed` hears."""
        if self._store is not None:
            with contextlib.suppress(WanError):
                await self._store.spent()  # a read comes after what was asked before it

    async def aclose(self) -> None:
        """Finish what is being written, and close."""
        if self._store is not None:
            await self._store.aclose()

    # an item's way

    def item(self, index: int, key: str, task_input: WanInput) -> Item:
        """The item of an input; without a journal a key is made of its content and its position.

        Raises:
            Exception: the input cannot be written as JSON.
        """
        if self.durable:
            return Item(index, key, task_input, task_input.content())
        return Item(index, key or positional_key(index, task_input.content()), task_input)

    async def admit(self, items: list[Item]) -> list[tuple[Item, Stage | None]]:
        """Items with their stages, their keys settled; None: nothing is to be done or handed over for it."""
        if self._store is None or (self._is_new and all(item.key for item in items)):
            return [(item, UNSENT) for item in items]
        asked = [Asked(item.key, item.input.model, item.content) for item in items]
        found = zip(items, await self._store.look_up(asked), strict=True)
        return [admitted(item, known, fetch=self._fetch) for item, known in found]

    async def look_up(self, item: Item) -> Stage | None:
        """The stage of an item that this run is not, or no longer, to send."""
        if self._store is None:
            return None
        (known,) = await self._store.look_up([Asked(item.key, item.input.model, item.content)])
        return admitted(item, known, fetch=self._fetch)[1]

    async def ended(self, item: Item) -> Stage | None:
        """The stage of another worker's item once it has ended, is free again, or is left to this run."""
        if self._store is None or self.earlier is None:
            return UNSENT
        known = await self._store.ended(item.key)
        if isinstance(known, TakenOver):
            return await self.earlier.taken_over(item, known.entry)
        return admitted(item, known, fetch=self._fetch)[1]

    async def intend(self, item: Item, token: str | None) -> Attempt | Taken | Conflict | OverBudget | Refused:
        """Write the intent and the callback's token, before the POST; its price is set aside.

        Raises:
            InvalidInputError: there is a budget, and the item has no price.
        """
        price, most = price_of(item.input), self.max_credits
        if price is None and most is not None:
            raise unpriced(item.input)
        charged, number = price or 0.0, 1
        if self._store is not None:
            intent = Intent(item.index, item.key, item.input.model, item.content, price, token, most)
            intended = await self._store.intend(intent)
            if not isinstance(intended, Claimed):
                return intended
            number = intended.attempt
        elif most is not None and self.charged + charged > most + _ROUNDING:
            return OverBudget(self.charged)
        self.charged += charged
        return Attempt(number, charged)

    def may_send(self, item: Item) -> bool:
        """Whether what was intended may leave now."""
        return self._store is None or self._store.may_send(item.key)

    def withdraw_nowait(self, item: Item, attempt: Attempt) -> None:
        """Write that nothing was created."""
        self.charged -= attempt.charged or 0.0
        if self._store is not None:
            self._store.withdraw_nowait(Withdrawal(item.key, attempt.number))

    def accept_nowait(self, item: Item, attempt: Attempt, task_id: str) -> None:
        """Write the task's id."""
        if self._store is not None:
            self._store.accept_nowait(Acceptance(item.key, attempt.number, task_id))

    async def finish(self, ended: Ended) -> Written:
        """Write the outcome, before it is handed over; what was set aside becomes what was consumed."""
        outcome, charged = ended.outcome, ended.attempt.charged
        if charged is not None and not outcome.unknown:
            consumed = None if outcome.record is None else outcome.record.credits
            self.charged += (charged * outcome.ok if consumed is None else consumed) - charged
        return Written.ON_DISK if self._store is None else await self._store.finish(ending_of(ended.attempt, outcome))

    async def save(self, fetched: Unfetched) -> Written:
        """Write where a finished outcome's clip is, or why it could not be fetched."""
        if self._store is None:
            return Written.ON_DISK
        if fetched.outcome.path is not None:
            return await self._store.save(fetched.outcome.key, os.fspath(fetched.outcome.path))
        written = await self._store.finish(ending_of(fetched.attempt, fetched.outcome))
        return Written.ON_DISK if self._replay is True else written

    def seen_nowait(self, keys: Collection[str]) -> None:
        """Write that the caller's loop took these outcomes."""
        if self._store is not None and self.earlier is not None:
            self._store.seen_nowait([key for key in keys if key not in self.earlier.seen])
