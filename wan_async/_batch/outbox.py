"""Finished items, until the caller takes them."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

from .outcome import Outcome


class Outbox:
    """Replayed outcomes, then the others in the order in which they came, then the error that stopped the batch.

    Attributes:
        replaying: there may be more to replay, so that nothing else is handed over yet.
        submitted, throttled, succeeded, failed, unknown, replayed: as in `BatchStats`.
    """

    def __init__(self) -> None:
        self._replays: deque[Outcome] = deque()
        self._ready: deque[tuple[Outcome, asyncio.Semaphore | None]] = deque()
        self._news = asyncio.Event()
        self._replayed = asyncio.Event()
        self._error: BaseException | None = None
        self.replaying: bool = False
        self.submitted: int = 0
        self.throttled: int = 0
        self.succeeded: int = 0
        self.failed: int = 0
        self.unknown: int = 0
        self.replayed: int = 0

    @property
    def ready(self) -> bool:
        """Whether an outcome is there to be taken."""
        return bool(self._replays or self._ready)

    def put(self, outcome: Outcome, slots: asyncio.Semaphore | None) -> None:
        """Add an outcome; its slot is given back to `slots` when it is handed over."""
        self._count(outcome)
        self._ready.append((outcome, slots))
        self._news.set()

    async def replay(self, page: list[Outcome]) -> None:
        """Add outcomes of earlier runs, and wait until they are handed over."""
        self._replays.extend(page)
        self._replayed.clear()
        self._news.set()
        await self._replayed.wait()

    def fail(self, error: BaseException) -> None:
        """Keep the first error that stops the batch."""
        if self._error is None:
            self._error = error

    def wake(self) -> None:
        """Have the caller, if it waits, see whether it is its turn."""
        self._news.set()

    def take(self) -> Outcome | None:
        """The next outcome that may be handed over now, if there is one."""
        if self._replays:
            return self._replay_one()
        if self.replaying or not self._ready:
            return None
        outcome, slots = self._ready.popleft()
        if slots is not None:
            slots.release()
        return outcome

    async def get(self, at_rest: Callable[[], bool]) -> Outcome:
        """The next outcome; when none is left and nothing runs, the error once, then `StopAsyncIteration`."""
        while (outcome := self.take()) is None:
            if at_rest():
                self.replaying = False
                if not self._ready:
                    error, self._error = self._error, None
                    raise error or StopAsyncIteration
            else:
                self._news.clear()
                await self._news.wait()
        return outcome

    def _replay_one(self) -> Outcome:
        outcome = self._replays.popleft()
        self._count(outcome)
        if not self._replays:
            self._replayed.set()
        return outcome

    def _count(self, outcome: Outcome) -> None:
        if outcome.replayed:
            self.replayed += 1
        elif outcome.ok:
            self.succeeded += 1
        elif outcome.unknown:
            self.unknown += 1
        else:
            self.failed += 1
