"""Items that earlier runs on a journal left, or workers that died."""

from __future__ import annotations

import time
from collections.abc import Collection
from typing import TYPE_CHECKING

from .._journal.entries import Entry, State
from .._journal.opening import Replay
from ..errors import SubmissionUnknownError
from .entries import ended_at, entry_outcome, is_unfetched, item_of, of_others, running_of
from .outcome import Outcome
from .stages import Attempt, Ended, Item, Lost, Stage, Unfetched, outcome_of

if TYPE_CHECKING:
    from .._journal.store import JournalStore


class Earlier:
    """Gives those items page by page: the next page of each kind, an empty list at the end.

    Args:
        store: the journal's, open.
        replay: as in `Ledger`.
        fetch: whether the batch fetches clips: what was not fetched is `unfetched`, not replayed.
        adopt_within: seconds for which a submission of unknown fate is sought by its callback; None: it is not.

    Attributes:
        seen: keys of the page that is replayed whose outcomes a loop took before.
    """

    def __init__(self, store: JournalStore, replay: Replay, *, fetch: bool, adopt_within: float | None) -> None:
        self._store = store
        self._replay = replay
        self._replayed = (State.UNKNOWN,) if replay is False else (State.DONE, State.FAILED, State.UNKNOWN)
        self._fetch = fetch
        self._adopt_within = adopt_within
        self._last_ids: dict[str, int] = {}
        self.seen: frozenset[str] = frozenset()

    async def resumed(self) -> list[tuple[Item, Stage]]:
        """Items that earlier runs, or workers that died, had under way."""
        page = await self._store.take_over(self._last_ids.get("resumed", 0))
        if not page:
            return await self._lost()
        self._last_ids["resumed"] = 0 if self._store.shared else page[-1].id
        items = [item_of(entry) for entry in page]
        return [(item, await self.taken_over(item, entry)) for item, entry in zip(items, page, strict=True)]

    async def queued(self) -> list[Item]:
        """Items to be sent (again)."""
        return [item_of(entry) for entry in await self._page("queued", (State.QUEUED,))]

    async def unfetched(self) -> list[tuple[Item, Unfetched]]:
        """Items that have ended and whose clip is to be fetched; of a page the oldest first: links expire."""
        while self._fetch and (page := await self._store.unfetched(self._last_ids.get("unfetched", 0))):
            self._last_ids["unfetched"] = page[-1].id
            wanted = sorted((entry for entry in page if self._is_unfetched(entry)), key=ended_at)
            if wanted:
                await self._report(wanted)
                return [(item_of(one), Unfetched(Attempt(one.attempt), entry_outcome(one))) for one in wanted]
        return []

    async def replays(self) -> list[Outcome]:
        """Outcomes that are handed over again."""
        while page := await self._page("replays", self._replayed):
            sought = await self._tokens(page)
            wanted = [entry for entry in page if self._is_replayed(entry) and entry.key not in sought]
            if wanted:
                await self._report(wanted)
                self.seen = frozenset(entry.key for entry in wanted if entry.seen)
                return [entry_outcome(entry) for entry in wanted]
        return []

    async def _lost(self) -> list[tuple[Item, Stage]]:
        """Submissions of unknown fate whose task a callback may still name."""
        while self._adopt_within is not None and (page := await self._page("lost", (State.UNKNOWN,))):
            tokens = await self._tokens(page)
            if tokens:
                return [(item_of(one), self._sought(one, tokens[one.key])) for one in page if one.key in tokens]
        return []

    async def _tokens(self, page: list[Entry]) -> dict[str, str]:
        """Callback tokens of those that no run has reported, and that are still sought."""
        keys = [entry.key for entry in page if self._seconds_to_seek(entry)]
        return await self._store.tokens(keys) if keys else {}

    async def _page(self, purpose: str, states: Collection[State]) -> list[Entry]:
        page = await self._store.page(states, self._last_ids.get(purpose, 0))
        if page:
            self._last_ids[purpose] = page[-1].id
        return page

    async def _report(self, entries: list[Entry]) -> None:
        keys = [entry.key for entry in entries if not entry.reported]
        if keys:
            await self._store.report(keys)

    def _is_unfetched(self, entry: Entry) -> bool:
        return self._fetch and is_unfetched(entry)

    def _is_replayed(self, entry: Entry) -> bool:
        taken = self._replay == "unseen" and entry.seen and entry.state is not State.UNKNOWN
        return not taken and not self._is_unfetched(entry)

    def _seconds_to_seek(self, entry: Entry) -> float:
        if self._adopt_within is None or entry.state is not State.UNKNOWN or entry.reported:
            return 0.0
        return max(0.0, (entry.sent_at or 0.0) + self._adopt_within - time.time())

    def _sought(self, entry: Entry, token: str) -> Lost:
        error = entry.error or SubmissionUnknownError("nothing tells whether the task exists")
        return Lost(Attempt(entry.attempt), token, self._seconds_to_seek(entry), error)

    async def taken_over(self, item: Item, entry: Entry) -> Stage:
        """The stage of an item that an earlier run, or a worker that died, left."""
        if entry.state is State.RUNNING:
            return running_of(entry, time.time())
        if entry.state is not State.UNKNOWN or entry.reported:
            return of_others(item, entry, fetch=self._fetch)
        token = (await self._tokens([entry])).get(entry.key)
        lost = self._sought(entry, token or "")
        return lost if token else Ended(lost.attempt, outcome_of(item, None, lost.error))
