"""The batch: inputs pulled as slots come free, outcomes handed over as tasks end.

A slot is held from before the pull until the outcome is handed over, so a slow caller slows the feed. An error of one
item is its outcome. An error that would hit every item stops the feed; what runs is still collected and handed over,
then the error is raised bare. The way of an item is in `flow`.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Self

from .._policy.settings import require_positive, require_positive_integer
from ..errors import ConfigurationError
from .budget import Budget
from .feed import Feed, Inputs
from .flow import Flow
from .ledger import Ledger
from .outcome import BatchStats, Outcome
from .steps import Steps

if TYPE_CHECKING:
    from types import TracebackType


class Batch:
    """A running batch: `async with` starts it, `async for` gives its outcomes as they come.

    Made by `WanClient.batch`; it is entered once. Leaving early stops it: no coroutine is left, tasks that were
    created go on at the provider, and with a journal the next run collects them.
    """

    def __init__(
        self, steps: Steps, inputs: Inputs, ledger: Ledger, *, max_in_flight: int, max_credits: float | None
    ) -> None:
        require_positive_integer("max_in_flight", max_in_flight)
        if max_credits is not None:
            require_positive("max_credits", max_credits, zero=True)
        self._feed = Feed(inputs)
        self._ledger = ledger
        self._max_credits = max_credits
        self._flow = Flow(steps, self._feed, ledger, max_in_flight)
        self._replayed: deque[Outcome] | None = deque()
        self._entered = False

    @property
    def stats(self) -> BatchStats:
        """Counts of this run, now."""
        tally = self._flow.outbox.tally
        return BatchStats(
            pulled=self._feed.count,
            submitted=tally.submitted,
            running=self._flow.running,
            succeeded=tally.succeeded,
            failed=tally.failed,
            unknown=tally.unknown,
            throttled=tally.throttled,
            credits=tally.credits,
        )

    def stop(self) -> None:
        """Stop submitting: nothing more is pulled or sent; what runs is still collected and handed over."""
        self._flow.stop()

    async def __aenter__(self) -> Self:
        if self._entered:
            raise ConfigurationError("a batch is entered once; make another with WanClient.batch")
        self._entered = True
        spent = await self._ledger.open(self._flow.stop)
        try:
            if self._max_credits is not None:
                self._flow.budget = Budget(self._max_credits, spent)
            await self._flow.start()
        except BaseException:
            await self._leave()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._leave()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Outcome:
        if not self._entered:
            raise ConfigurationError("a batch is used inside `async with`")
        replayed = await self._next_replayed()
        return replayed if replayed is not None else await self._flow.outbox.get(self._at_rest)

    async def _next_replayed(self) -> Outcome | None:
        """The outcomes of earlier runs come first, page by page as the caller takes them."""
        if self._replayed is None:
            return None
        if not self._replayed:
            self._replayed.extend(await self._ledger.replays())
        if self._replayed:
            return self._replayed.popleft()
        self._replayed = None
        return None

    def _at_rest(self) -> bool:
        return self._flow.at_rest

    async def _leave(self) -> None:
        try:
            await self._flow.leave()
        finally:
            try:
                await self._feed.aclose()
            finally:
                await self._ledger.aclose()
