"""The last step of an item: its outcome is written down, its clip fetched, then the outcome is handed over.

The outcome is in the journal before the download begins, and where the clip is, after it: a run that is killed in
between leaves clips that the next run fetches, the oldest first, since their links expire.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec

from ..errors import JournalError, WanError
from .crew import Crew, Stake
from .ledger import never_reached

if TYPE_CHECKING:
    from .ledger import Download, Item, Ledger
    from .outbox import Outbox
    from .outcome import Outcome

AHEAD = 16
"""Clips of earlier runs that are being fetched or wait for the caller: twice what is downloaded at once."""


class _Told:
    """Goes on when an outcome is written. As a partial it would be three objects for the garbage collector, which runs
    after each 700; and what a commit lets go comes in hundreds.
    """

    __slots__ = ("_collector", "_holds_slot", "_outcome")

    def __init__(self, collector: Collector, outcome: Outcome, holds_slot: bool) -> None:
        self._collector = collector
        self._outcome = outcome
        self._holds_slot = holds_slot

    def __call__(self, result: bool | JournalError) -> None:
        self._collector.written(self._outcome, self._holds_slot, result)


class Collector:
    """Collects outcomes and clips.

    Args:
        download: (key, record) → where the clip is; None: nothing is fetched.
        ledger: where it is written down.
        crew: whose tasks fetch.
        outbox: takes the outcomes of earlier runs.
        stop: stops the batch when nothing can be written any more.

    Attributes:
        writing: outcomes that are on their way to the journal.
    """

    def __init__(
        self,
        download: Download | None,
        ledger: Ledger,
        crew: Crew,
        outbox: Outbox,
        stop: Callable[[BaseException], None],
    ) -> None:
        self._download = download
        self._ledger = ledger
        self._crew = crew
        self._outbox = outbox
        self._stop = stop
        self._ahead = asyncio.Semaphore(AHEAD)
        self._writable = True
        self._fetching = download is not None
        self.writing = 0

    def start(self) -> None:
        """Begin to fetch what earlier runs did not."""
        if self._download is not None and self._ledger.durable:
            self._crew.start(self._earlier(), Stake.CLIP)

    def collect(self, item: Item, outcome: Outcome, *, holds_slot: bool) -> None:
        """Write an outcome down, fetch its clip, hand it over; that even if the journal fails."""
        self.writing += 1
        told = _Told(self, outcome, holds_slot)
        if never_reached(outcome):
            self._ledger.withdraw(item)  # the next run sends it
            told(True)
        elif outcome.task_id is not None and outcome.record is None:
            told(True)  # the task still runs
        else:
            self._ledger.finished(outcome, told)

    def stop(self) -> None:
        """Fetch nothing more."""
        self._fetching = False

    def written(self, outcome: Outcome, holds_slot: bool, result: bool | JournalError) -> None:
        """The outcome is on disk, or cannot be."""
        self.writing -= 1
        if isinstance(result, JournalError):
            self._stop(result)
        elif self._fetching and outcome.ok:
            self._crew.start(self._fetch(outcome, holds_slot=holds_slot), Stake.CLIP)
            return
        self._outbox.put(outcome, holds_slot=holds_slot)

    async def _fetch(self, outcome: Outcome, *, holds_slot: bool) -> None:
        try:
            outcome = await self._fetched(outcome)
        finally:
            self._outbox.put(outcome, holds_slot=holds_slot)

    async def _fetched(self, outcome: Outcome) -> Outcome:
        """The outcome with its clip's path, or with the error that kept the clip from being fetched."""
        if self._download is None or not outcome.ok:
            return outcome
        self._crew.at_stake(Stake.CLIP)
        try:
            path = await self._download(outcome.key, outcome.unwrap())
        except WanError as error:
            outcome = msgspec.structs.replace(outcome, error=error)
        except OSError as error:  # a full disk: the next clip would meet it too
            outcome = msgspec.structs.replace(outcome, error=WanError(f"the clip cannot be written: {error}"))
            self._writable = False
            self._stop(error)
        else:
            outcome = msgspec.structs.replace(outcome, path=path, error=None)
        self._crew.at_stake(Stake.MONEY)
        await self._ledger.fetched(outcome)
        return outcome

    async def _earlier(self) -> None:
        while self._writable and (page := await self._ledger.unfetched()):
            for outcome in page:
                await self._ahead.acquire()
                if not self._writable:
                    return
                self._crew.start(self._again(outcome), Stake.CLIP)

    async def _again(self, outcome: Outcome) -> None:
        try:
            outcome = await self._fetched(outcome)
        finally:
            self._outbox.put_earlier(outcome, self._ahead.release)
