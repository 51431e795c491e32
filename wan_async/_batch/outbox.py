"""Where finished items wait for the caller."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

from ..errors import SubmissionUnknownError
from .outcome import Outcome


class Tally:
    """Counts of what a run did."""

    def __init__(self) -> None:
        self.submitted = self.succeeded = self.failed = self.unknown = self.throttled = 0
        self.credits = 0.0

    def count(self, outcome: Outcome) -> None:
        """Count an outcome of this run."""
        if outcome.ok:
            self.succeeded += 1
        elif isinstance(outcome.error, SubmissionUnknownError):
            self.unknown += 1
        else:
            self.failed += 1


class Outbox:
    """Outcomes in the order in which they came, then the error that stopped the batch.

    Args:
        release: gives an item's slot back, when its outcome is handed over.
    """

    def __init__(self, release: Callable[[], None]) -> None:
        self._release = release
        self._ready: deque[tuple[Outcome, Callable[[], None] | None]] = deque()
        self._news: asyncio.Future[None] | None = None
        self._error: BaseException | None = None
        self.tally = Tally()

    def put(self, outcome: Outcome, *, holds_slot: bool) -> None:
        """Add an outcome, and whether its item holds a slot."""
        self.tally.count(outcome)
        self._ready.append((outcome, self._release if holds_slot else None))
        self.wake()

    def put_earlier(self, outcome: Outcome, release: Callable[[], None]) -> None:
        """Add an outcome of an earlier run; `release` is called when it is handed over."""
        self._ready.append((outcome, release))
        self.wake()

    def fail(self, error: BaseException) -> None:
        """Keep the first error that stops the batch."""
        if self._error is None:
            self._error = error

    def wake(self) -> None:
        """Let the caller look again."""
        if self._news is not None and not self._news.done():
            self._news.set_result(None)

    async def get(self, at_rest: Callable[[], bool]) -> Outcome:
        """The next outcome; when none is left and nothing runs, the error once, then `StopAsyncIteration`."""
        while not self._ready:
            if at_rest():
                error, self._error = self._error, None
                raise error or StopAsyncIteration
            self._news = asyncio.get_running_loop().create_future()
            await self._news
        outcome, release = self._ready.popleft()
        if release is not None:
            release()
        return outcome
