"""A batch's ledger on disk: what earlier runs did comes back, what this run does is written before it counts."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from .._journal import Entry, Known, OpenJournal, State, acceptance, ending, intent, withdrawal
from .._local_files import with_paths
from ..errors import InvalidInputError, JournalError
from ..models import MODELS, CustomInput, WanInput, input_from
from .ledger import Item, Lost, Resumed, Told, item_of
from .outcome import Outcome

if TYPE_CHECKING:
    from .._journal import Step

_STORE = re.compile("[a-z][a-z0-9]+://")
_fields: Callable[[bytes], dict[str, Any]] = msgspec.json.Decoder(dict[str, Any]).decode


class Journalled:
    """A `Ledger` in a journal file.

    Args:
        path: the journal.
        replay: give the finished outcomes of earlier runs again.
        resubmit_unknown: send again what earlier runs left with an unknown fate.
        adopt_within: seconds for which a submission of unknown fate is sought by its callback; None: it is not.
        fetch: the batch fetches clips: what earlier runs did not fetch is `unfetched`, not replayed.
    """

    durable = True
    _tell: Callable[[Step, Told | None], None]
    """`OpenJournal.tell`, from `open` on: three times an item, so without the way through `_journal`."""

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        replay: bool,
        resubmit_unknown: bool,
        fetch: bool,
        adopt_within: float | None = None,
    ) -> None:
        self._path = path
        self._adopt_within = adopt_within
        self._opened_at = 0.0
        self._resubmit_unknown = resubmit_unknown
        self._fetch = fetch
        self._replayed = (State.DONE, State.FAILED, State.UNKNOWN) if replay else (State.UNKNOWN,)
        self._opened: OpenJournal | None = None
        self._is_new = False
        self._cursor = {"replays": 0, "resumed": 0, "queued": 0, "unfetched": 0, "lost": 0}

    @property
    def _journal(self) -> OpenJournal:
        if self._opened is None:
            raise JournalError(f"{os.fspath(self._path)}: the journal is not open")
        return self._opened

    async def open(self, failed: Callable[[Exception], None]) -> float:
        self._opened = await OpenJournal.open(self._path, failed)
        self._tell = self._opened.tell
        self._opened_at = time.time()
        if self._resubmit_unknown:
            await self._journal.requeue((State.UNKNOWN,))
        self._is_new = await self._journal.is_new()
        return await self._journal.spent()

    def admit_at_once(self, item: Item) -> Item | None:
        return item if self._is_new and item.key else None

    async def admit(self, items: list[Item]) -> list[Item | Outcome | None]:
        if self._is_new and all(item.key for item in items):
            return list(items)
        asked = [(item.key or None, item.input.model, item.content) for item in items]
        known = await self._journal.known(asked)
        return [_admitted(item, one) for item, one in zip(items, known, strict=True)]

    async def begin(self, item: Item, token: str | None) -> bool | Outcome:
        model, content, price = item.input.model, item.content, item.price
        if await self._journal.intend(item.index, item.key, model, content, price=price, token=token):
            return True
        return await self.rival(item)

    def begin_ahead(self, item: Item, token: str | None, told: Told) -> None:
        model, content, price = item.input.model, item.content, item.price
        self._tell(intent(item.index, item.key, model, content, price=price, token=token), told)

    async def rival(self, item: Item) -> bool | Outcome:
        (known,) = await self._journal.known([(item.key, item.input.model, item.content)])
        return False if known.same_input else _taken(item, known)

    def withdraw(self, item: Item) -> None:
        self._tell(withdrawal(item.key), None)

    def accepted(self, item: Item, task_id: str) -> None:
        self._tell(acceptance(item.key, task_id), None)

    def finished(self, outcome: Outcome, told: Told) -> None:
        path = None if outcome.path is None else os.fspath(outcome.path)
        self._tell(ending(outcome.key, outcome.record, outcome.error, path), told)

    async def replays(self) -> list[Outcome]:
        return await self._told("replays", *self._replayed)

    async def unfetched(self) -> list[Outcome]:
        outcomes = await self._told("unfetched", State.DONE)
        return sorted(outcomes, key=_ended_at)

    async def fetched(self, outcome: Outcome) -> None:
        if outcome.path is not None:
            await self._journal.saved(outcome.key, os.fspath(outcome.path))
        else:
            await self._journal.finished(outcome.key, record=outcome.record, error=outcome.error)

    async def _told(self, purpose: str, *states: State) -> list[Outcome]:
        """The next page with any outcome for that purpose, marked as told."""
        while page := await self._page(purpose, *states, earlier=True):
            wanted = [entry for entry in page if self._is_unfetched(entry) is (purpose == "unfetched")]
            wanted = [entry for entry in wanted if not self._seconds_to_seek(entry)]
            for entry in wanted:
                if not entry.reported:
                    await self._journal.reported(entry.key)
            if wanted:
                return [_outcome(entry) for entry in wanted]
        return []

    def _is_unfetched(self, entry: Entry) -> bool:
        return self._fetch and entry.state is State.DONE and entry.path is None and entry.record is not None

    async def resumed(self) -> list[Resumed]:
        now = time.time()
        return [
            Resumed(_item(entry), entry.task_id or "", max(0.0, now - (entry.accepted_at or now)))
            for entry in await self._page("resumed", State.RUNNING)
        ]

    async def lost(self) -> list[Lost]:
        while page := await self._page("lost", State.UNKNOWN, earlier=True):
            lost = [
                Lost(_item(entry), entry.token, left, entry.error)
                for entry in page
                if (left := self._seconds_to_seek(entry)) and entry.token is not None and entry.error is not None
            ]
            if lost:
                return lost
        return []

    def _seconds_to_seek(self, entry: Entry) -> float:
        """How long a submission that no run has reported is still sought; 0 if it is not."""
        sought = entry.state is State.UNKNOWN and not entry.reported and entry.token is not None
        if self._adopt_within is None or not sought:
            return 0.0
        return max(0.0, (entry.sent_at or 0.0) + self._adopt_within - self._opened_at)

    async def queued(self) -> list[Item]:
        return [_item(entry) for entry in await self._page("queued", State.QUEUED)]

    async def _page(self, purpose: str, *states: State, earlier: bool = False) -> list[Entry]:
        page = await self._journal.page(states, self._cursor[purpose], earlier=earlier)
        if page:
            self._cursor[purpose] = page[-1].id
        return page

    async def aclose(self) -> None:
        if self._opened is not None:
            await self._opened.aclose()


def _admitted(item: Item, known: Known) -> Item | Outcome | None:
    """What is known is replayed, waited for or sent from the journal itself."""
    if not known.there:
        return item if item.key else msgspec.structs.replace(item, key=known.key)
    return None if known.same_input else _taken(item, known)


def _taken(item: Item, known: Known) -> Outcome:
    error = JournalError(f"key {known.key!r} stands in the journal with another input; nothing was sent")
    return Outcome(index=item.index, key=known.key, input=item.input, error=error)


def _input(entry: Entry) -> WanInput:
    fields = with_paths(MODELS.get(entry.model), _fields(entry.input))
    try:
        return input_from(entry.model, fields, custom=True)
    except InvalidInputError:  # the model's rules have changed since it was written
        return CustomInput(entry.model, fields)


def _item(entry: Entry) -> Item:
    item = item_of(entry.index, entry.key, _input(entry))
    return msgspec.structs.replace(item, content=entry.input)


def _outcome(entry: Entry) -> Outcome:
    return Outcome(
        index=entry.index,
        key=entry.key,
        input=_input(entry),
        task_id=entry.task_id,
        record=entry.record,
        error=entry.error,
        path=None if entry.path is None else _path(entry.path),
        replayed=entry.reported,
    )


def _path(path: str) -> Path | str:
    """A file's path; the URL of an object in a store is text."""
    return path if _STORE.match(path) else Path(path)


def _ended_at(outcome: Outcome) -> float:
    """Unix seconds: links expire a day after that."""
    ended = None if outcome.record is None else outcome.record.completed_at
    return 0.0 if ended is None else ended.timestamp()
