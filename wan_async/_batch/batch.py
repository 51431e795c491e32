"""The batch as callers hold it; `run` is what it has at work, `item` the way of an item.

A slot is held from before the pull until the outcome is handed over, so a slow caller slows the feed. An error of one
item is its outcome. An error that would hit every item stops the feed; what runs is still collected and handed over,
then the error is raised bare.
"""

from __future__ import annotations

import weakref
from collections.abc import Awaitable, Callable, Coroutine
from typing import TYPE_CHECKING, Any, Self

from .._events import Emitter
from .._policy.limiter import LimitState
from ..errors import ConfigurationError, WanError
from ..events import BatchEnded, BatchStarted
from .outcome import BatchStats, Outcome
from .run import Run

if TYPE_CHECKING:
    from types import TracebackType


_NAMED = 1000
"""Ids of tasks that a note names, at most."""


class Batch:
    """A running batch: `async with` starts it, `async for` gives its outcomes as they come.

    Made by `WanClient.batch`; it is entered once. Leaving early stops it: no coroutine is left, tasks that were
    created go on at the provider, and with a journal the next run collects them. So does dropping it.

    Raises:
        ConfigurationError: on entering: clips cannot be written to `download_to`, or it was entered before.
        JournalError: on entering: the journal is in use, cannot be read, or cannot be written.
        WanError: from the loop, after the last outcome: what stopped the batch, such as a refused key, an empty account
            or a used-up budget. What goes wrong with one item is in its outcome.
        Exception: from the loop, after the last outcome: whatever the caller's own iterable raised; an `OSError` where
            clips can be written no more.
    """

    def __init__(self, run: Run, events: Emitter | None = None, journal: str | None = None) -> None:
        """`journal`: its name, for the events."""
        self._run = run
        self._events = Emitter() if events is None else events
        self._journal = journal
        weakref.finalize(self, run.drop).atexit = False

    @property
    def stats(self) -> BatchStats:
        """Counts of this run, now."""
        return self._run.stats

    @property
    def limit(self) -> LimitState | None:
        """The account's limit of new tasks: in use, learnt, throttled, now."""
        return None if self._run.limiter is None else self._run.limiter.state()

    @property
    def max_credits(self) -> float | None:
        """Credits that this batch may spend; None: it has no budget."""
        return self._run.max_credits

    def on_close(self, call: Callable[[], Awaitable[None]]) -> None:
        """Await `call` when the batch is left: a display of its progress ends then."""
        self._run.on_close.append(call)

    def stop(self) -> None:
        """Stop submitting: nothing more is pulled or sent; what runs is still collected and handed over."""
        self._run.stop()

    async def __aenter__(self) -> Self:
        if self._run.entered:
            raise ConfigurationError("a batch is entered once; make another with WanClient.batch")
        try:
            await self._run.enter()
        except BaseException:
            await self._run.leave()
            raise
        self._events(BatchStarted(self._journal, self._run.max_in_flight))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None and self._journal is None:
            self._note_what_runs(error)
        try:
            await self._run.leave(normally=kind is None)
        finally:
            self._events(self._ended(error))

    def _note_what_runs(self, error: BaseException) -> None:
        """Name the tasks that are paid for on what ends the batch, where no journal does."""
        ids = self._run.items.waited_for
        if ids:
            more = f" and {len(ids) - _NAMED} more" if len(ids) > _NAMED else ""
            were = "1 task was" if len(ids) == 1 else f"{len(ids)} tasks were"
            known = f"WanClient.wait(id) gets a record: {', '.join(ids[:_NAMED])}{more}"
            error.add_note(f"{were} created and may be charged; {known}")

    def _ended(self, error: BaseException | None) -> BatchEnded:
        """The last event; an error that is not ours is named, and not quoted."""
        why = None if error is None else str(error) if isinstance(error, WanError) else type(error).__name__
        stats = self._run.stats
        return BatchEnded(stats.submitted, stats.succeeded, stats.failed, stats.unknown, why)

    def __aiter__(self) -> Self:
        return self

    def __anext__(self) -> Coroutine[Any, Any, Outcome]:
        return self._run.next(self) if self._run.entered else _not_entered()


async def _not_entered() -> Outcome:
    """Raises when it is awaited: where `__anext__` itself does, `anext(batch, None)` crashes CPython 3.11."""
    raise ConfigurationError("a batch is used inside `async with`")
